/** Images made here of layers that are in the store: by import and by commit. */

import type { Digest } from "../../../common/digest.ts";
import type { Descriptor, ImageConfig, Manifest } from "../../../common/oci/image.ts";
import { OCI } from "../../../common/oci/media-types.ts";
import type { Reference } from "../../../common/reference.ts";
import type { Containerd } from "../../containerd/api.ts";
import { childLabels } from "../../transfer/labels.ts";
import { ensureUnpacked } from "../../transfer/stored.ts";
import type { Engine } from "../engine.ts";
import { storeDocument } from "./archive/blobs.ts";
import { type LocalImage, PARENT } from "./store.ts";
import { keepImage, nameImage } from "./tag.ts";

/** Stores config and manifest, unpacks, names it. `client` holds a lease that has the layers; `parent` is the image it was made of. */
export async function finishImage(
  engine: Engine,
  client: Containerd,
  config: ImageConfig,
  layers: Descriptor[],
  reference: Reference | undefined,
  parent?: Digest,
): Promise<LocalImage> {
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: await storeDocument(client, OCI.config, config, parent ? { [PARENT]: parent } : {}),
    layers,
  };
  const labels = childLabels({ kind: "manifest", mediaType: OCI.manifest, manifest });
  const target = await storeDocument(client, OCI.manifest, manifest, labels);
  const image = await engine.images.load(target);
  await ensureUnpacked(client, image);
  if (reference) await nameImage(engine, reference, target, client);
  else await keepImage(client, target);
  return image;
}
