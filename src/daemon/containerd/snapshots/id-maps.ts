/** The labels of a snapshot that is to show other owners than its files have (containerd, core/snapshots and internal/userns). */

import { WharfError } from "../../../common/errors.ts";
import type { Labels } from "../api/types.ts";

const UIDS = "containerd.io/snapshot/uidmapping";
const GIDS = "containerd.io/snapshot/gidmapping";
/** Ids of the kernel. */
const MOST = 2 ** 32 - 1;

export interface IdMapping {
  /** For the mounts, where the kernel can show them. */
  options: readonly string[];
  /** Who root of the container is on the host: the owner of the snapshot's own directory. */
  owner: { uid: number; gid: number };
}

/** Undefined for a snapshot without. InvalidArgument for labels that say nothing, or leave root out. */
export function idMappingOf(labels: Labels): IdMapping | undefined {
  const { [UIDS]: uids, [GIDS]: gids } = labels;
  if (uids === undefined && gids === undefined) return undefined;
  const [uid, gid] = [rootOf(UIDS, uids ?? ""), rootOf(GIDS, gids ?? "")];
  return { options: [`uidmap=${uids}`, `gidmap=${gids}`], owner: { uid, gid } };
}

/** What the host knows root as, by `container:host:size,…`. */
function rootOf(label: string, text: string): number {
  const wrong = (why: string) =>
    new WharfError("InvalidArgument", `the label ${label} ${why}: ${JSON.stringify(text)}`, {
      operation: "prepare snapshot",
      hint: "write container:host:size, several joined by commas, for example 0:100000:65536",
    });
  let root: number | undefined;
  for (const part of text.split(",")) {
    const [, inside, host, size] = (/^(\d+):(\d+):(\d+)$/.exec(part) ?? []).map(Number) as (number | undefined)[];
    if (inside === undefined || host === undefined || size === undefined) throw wrong("is no mapping");
    if (size < 1 || inside + size - 1 > MOST || host + size - 1 > MOST) throw wrong("leaves the ids that there are");
    if (inside === 0) root = host;
  }
  if (root === undefined) throw wrong("does not map root");
  return root;
}
