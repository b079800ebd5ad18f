/** GET /containers/{id}/changes: what a container has changed of its image's files. */

import type { TreeChange } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { readOnlyView } from "../../agent/user-files.ts";
import type { Mount } from "../../containerd/api/types.ts";
import type { Engine } from "../engine.ts";
import type { Container } from "./container.ts";

/** Places that the runtime mounts on in every container: made for that, not by the container. */
const MOUNT_POINTS = [
  ...["/dev", "/dev/console", "/dev/mqueue", "/dev/pts", "/dev/shm", "/proc", "/sys", "/sys/fs", "/sys/fs/cgroup"],
  ...["/etc", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf", "/.dockerenv"],
];

export interface Change {
  Path: string;
  /** 0 modified, 1 added, 2 deleted. */
  Kind: number;
}

export async function changesOf(engine: Engine, container: Container, signal: AbortSignal): Promise<Change[]> {
  const { lower, upper } = split(await engine.client.snapshots().mounts(container.id));
  const parts: Buffer[] = [];
  const data = (bytes: Uint8Array): void => void parts.push(Buffer.from(bytes));
  await engine.agent.call("changes", { lower, upper, hidden: MOUNT_POINTS }, { signal, data });
  const lines = Buffer.concat(parts).toString("utf8").split("\n").filter(Boolean);
  return lines.map((line) => {
    const { path, kind } = JSON.parse(line) as TreeChange;
    return { Path: path, Kind: kind };
  });
}

/** A snapshot's own directory, and the tree below it. */
export function split(mounts: readonly Mount[]): { lower: Mount[]; upper: string } {
  const [mount] = mounts;
  if (mount?.type === "bind") return { lower: [], upper: mount.source };
  const upper = mount?.options.find((option) => option.startsWith("upperdir="))?.slice("upperdir=".length);
  if (!mount || upper === undefined) {
    throw new WharfError("Unimplemented", "the changes of a container whose file system is no overlay");
  }
  const options = mount.options.filter((option) => !/^(upperdir|workdir)=/.test(option));
  const lower = options.find((option) => option.startsWith("lowerdir="))!.slice("lowerdir=".length);
  // An overlay has at least two layers; a single one is simply shown.
  if (!lower.includes(":"))
    return { lower: [{ ...mount, type: "bind", source: lower, options: ["rbind", "ro"] }], upper };
  return { lower: readOnlyView([{ ...mount, options }]), upper };
}
