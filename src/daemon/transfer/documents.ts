/** The documents of an image that the store has: reads them, and chooses what of an index is there as a whole. */

import { isCode, WharfError } from "../../common/errors.ts";
import { type Descriptor, type ImageDocument, MAX_MANIFEST, parseImageDocument } from "../../common/oci/image.ts";
import { isForeignLayer, isIndexType, isManifestType } from "../../common/oci/media-types.ts";
import { type Platform, selectPlatform } from "../../common/oci/platform.ts";
import type { Containerd } from "../containerd/api.ts";
import { hostPlatform } from "./platform.ts";

/** The whole image when the store has all of it, otherwise its part for a platform. */
export async function choose(
  client: Containerd,
  target: Descriptor,
  platform: Platform | undefined,
): Promise<{ descriptor: Descriptor; partial: boolean }> {
  const { document } = await readDocument(client, target);
  if (document.kind === "manifest") return { descriptor: target, partial: false };
  if (!platform && (await isWhole(client, target))) return { descriptor: target, partial: false };
  const there: Descriptor[] = [];
  for (const one of document.index.manifests) if (await isWhole(client, one)) there.push(one);
  const descriptor = selectPlatform(platform ?? hostPlatform(), there) ?? (platform ? undefined : there[0]);
  if (descriptor) return { descriptor, partial: true };
  throw new WharfError("NotFound", "the store has none of the index's images as a whole", {
    operation: "choose platform",
    subject: target.digest,
    hint: "pull the platform that is to be pushed",
  });
}

async function isWhole(client: Containerd, descriptor: Descriptor): Promise<boolean> {
  try {
    if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) {
      await client.content.info(descriptor.digest);
      return true;
    }
    const { document } = await readDocument(client, descriptor);
    const children =
      document.kind === "index"
        ? document.index.manifests
        : [document.manifest.config, ...document.manifest.layers.filter((one) => !isForeignLayer(one.mediaType))];
    for (const child of children) if (!(await isWhole(client, child))) return false;
    return true;
  } catch (error) {
    if (isCode(error, "NotFound")) return false;
    throw error;
  }
}

export async function readDocument(
  client: Containerd,
  descriptor: Descriptor,
): Promise<{ bytes: Uint8Array; document: ImageDocument }> {
  const bytes = await client.content.read(descriptor, MAX_MANIFEST);
  return {
    bytes,
    document: parseImageDocument(Buffer.from(bytes).toString("utf8"), descriptor.mediaType, descriptor.digest),
  };
}
