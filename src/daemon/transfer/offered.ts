/**
 * Layers that a snapshotter has of its own accord: a remote one, which reads them from the registry when they are used. It is asked by
 * preparing them, from the base up, with the labels by which containerd tells such snapshotters where a layer is.
 */

import { randomBytes } from "node:crypto";
import type { Digest } from "../../common/digest.ts";
import { isCode } from "../../common/errors.ts";
import type { Descriptor } from "../../common/oci/image.ts";
import type { Labels } from "../containerd/api/types.ts";
import type { Containerd } from "../containerd/api.ts";
import { SNAPSHOT_REF } from "./labels.ts";
import type { SharedLease } from "./lease.ts";
import { hasSnapshot, ignoreNotFound } from "./unpack.ts";

/** Where an image comes from. */
export interface ImageSource {
  /** Full name. */
  reference: string;
  manifest: Digest;
}

interface Request {
  client: Containerd;
  snapshotter: string;
  lease: SharedLease;
  layers: readonly Descriptor[];
  chain: readonly Digest[];
  image: ImageSource;
}

/** containerd's prefix of the labels about an image (pkg/snapshotters). */
const IMAGE_LABEL = "containerd.io/snapshot/cri.";
/** containerd's limit for a label's key and value together; bytes. */
const LABEL_LIMIT = 4096;

function labelsOf({ layers, image }: Request, at: number): Labels {
  const key = `${IMAGE_LABEL}image-layers`;
  let rest = "";
  for (const { digest } of layers.slice(at)) {
    const longer = rest === "" ? digest : `${rest},${digest}`;
    if (key.length + longer.length > LABEL_LIMIT) break;
    rest = longer;
  }
  return {
    [`${IMAGE_LABEL}image-ref`]: image.reference,
    [`${IMAGE_LABEL}manifest-digest`]: image.manifest,
    [`${IMAGE_LABEL}layer-digest`]: layers[at]!.digest,
    [key]: rest,
  };
}

/** How many layers from the base up are there, when `done` of them are unpacked already: what it offers is leased. */
export async function offeredLayers(request: Request, done: number): Promise<number> {
  const { client, snapshotter, lease, chain } = request;
  const snapshots = client.snapshots(snapshotter);
  for (let at = done; at < chain.length; at++) {
    const target = chain[at]!;
    const key = `extract-${randomBytes(6).toString("hex")} ${target}`;
    try {
      await snapshots.prepare(key, chain[at - 1] ?? "", {
        labels: { ...labelsOf(request, at), [SNAPSHOT_REF]: target },
      });
    } catch (error) {
      if (!isCode(error, "AlreadyExists") || !(await hasSnapshot(client, snapshotter, target))) throw error;
      await lease.add({ id: target, type: `snapshots/${snapshotter}` });
      continue;
    }
    // Nothing offered: this layer and those above are unpacked here.
    await snapshots.remove(key).catch(ignoreNotFound);
    return at;
  }
  return chain.length;
}
