/** Puts an image of our own making into the store: layers, config, manifest and a name, all of it or nothing. */

import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Digest } from "../../common/digest.ts";
import { isCode } from "../../common/errors.ts";
import type { Descriptor, ImageConfig, ImageExecution, Manifest } from "../../common/oci/image.ts";
import { OCI } from "../../common/oci/media-types.ts";
import type { Platform } from "../../common/oci/platform.ts";
import type { Labels } from "../containerd/api/types.ts";
import type { Containerd } from "../containerd/api.ts";
import { childLabels, UNCOMPRESSED } from "../transfer/labels.ts";
import { SharedLease } from "../transfer/lease.ts";

export interface ImageToMake {
  /** Full name: `docker.io/library/busybox:latest`. */
  name: string;
  platform: Platform;
  /** RFC 3339. */
  created: string;
  execution: ImageExecution;
  /** Uncompressed tars, the base first, each with what is said of it in the history. */
  layers: { tar: Buffer; createdBy: string }[];
}

const compress = promisify(gzip);

/** AlreadyExists when the name is taken. */
export async function makeImage(client: Containerd, image: ImageToMake): Promise<Descriptor> {
  return await SharedLease.during(client, async (lease) => {
    const layers: Descriptor[] = [];
    const diffIds: Digest[] = [];
    for (const { tar } of image.layers) {
      const diffId = sha256(tar);
      const packed = await compress(tar, { level: 6 });
      layers.push(await put(lease.client, OCI.layerGzip, packed, { [UNCOMPRESSED]: diffId }));
      diffIds.push(diffId);
    }
    const config: ImageConfig = {
      created: image.created,
      ...image.platform,
      config: image.execution,
      rootfs: { type: "layers", diff_ids: diffIds },
      history: image.layers.map(({ createdBy }) => ({ created: image.created, created_by: createdBy })),
    };
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: OCI.manifest,
      config: await put(lease.client, OCI.config, Buffer.from(JSON.stringify(config)), {}),
      layers,
    };
    const labels = childLabels({ kind: "manifest", mediaType: OCI.manifest, manifest });
    const target = await put(lease.client, OCI.manifest, Buffer.from(JSON.stringify(manifest)), labels);
    await lease.client.images.create({ name: image.name, target });
    return target;
  });
}

async function put(client: Containerd, mediaType: string, bytes: Buffer, labels: Labels): Promise<Descriptor> {
  const digest = sha256(bytes);
  const descriptor: Descriptor = { mediaType, digest, size: bytes.length };
  try {
    await using writer = await client.content.writer({ ref: `make-${digest}`, size: bytes.length, digest, mediaType });
    await writer.truncate(0);
    await writer.write(bytes);
    await writer.commit({ size: bytes.length, digest, labels });
  } catch (error) {
    if (!isCode(error, "AlreadyExists")) throw error;
  }
  return descriptor;
}

function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
