/** What an image holds for each platform: the manifests of its index, or its only one, with what of them is here. */

import type { ManifestSummary } from "../../../common/docker/image.ts";
import { isCode } from "../../../common/errors.ts";
import { chainIds, type Descriptor, type Manifest, parseImageConfig } from "../../../common/oci/image.ts";
import { isForeignLayer } from "../../../common/oci/media-types.ts";
import type { Platform } from "../../../common/oci/platform.ts";
import { readDocument } from "../../transfer/documents.ts";
import type { Engine } from "../engine.ts";
import { layerSize } from "./sizes.ts";
import { sha256 } from "./store.ts";

/** Annotations of what a builder attests of an image. */
const REFERENCE_TYPE = "vnd.docker.reference.type";
const REFERENCE_DIGEST = "vnd.docker.reference.digest";

/** A manifest that an image's target names, or is. */
export interface Part {
  descriptor: Descriptor;
  /** Undefined where it is not here. */
  manifest: Manifest | undefined;
  /** Of manifest, config and layers those that are here, with their sizes. */
  blobs: Descriptor[];
  /** All of them. */
  available: boolean;
}

/** In the order of the index. */
export async function partsOf(engine: Pick<Engine, "client">, target: Descriptor): Promise<Part[]> {
  const found = await documentOf(engine, target);
  if (found === undefined) return [{ descriptor: target, manifest: undefined, blobs: [], available: false }];
  if (found.kind === "manifest") return [await partOf(engine, target, found.manifest)];
  return await Promise.all(
    found.index.manifests.map(async (descriptor) => {
      const document = await documentOf(engine, descriptor);
      return await partOf(engine, descriptor, document?.kind === "manifest" ? document.manifest : undefined);
    }),
  );
}

async function documentOf({ client }: Pick<Engine, "client">, descriptor: Descriptor) {
  try {
    return (await readDocument(client, descriptor)).document;
  } catch (error) {
    if (isCode(error, "NotFound")) return undefined;
    throw error;
  }
}

async function partOf(
  { client }: Pick<Engine, "client">,
  descriptor: Descriptor,
  manifest: Manifest | undefined,
): Promise<Part> {
  if (!manifest) return { descriptor, manifest, blobs: [], available: false };
  const blobs = [descriptor];
  let available = true;
  for (const one of [manifest.config, ...manifest.layers]) {
    const info = await client.content.info(one.digest).catch((error: unknown) => {
      if (!isCode(error, "NotFound")) throw error;
    });
    if (info) blobs.push(one);
    else if (!isForeignLayer(one.mediaType)) available = false;
  }
  return { descriptor, manifest, blobs, available };
}

/** What an attestation is about; undefined for an image. */
export function attested({ annotations }: Descriptor): string | undefined {
  return annotations?.[REFERENCE_TYPE] === undefined ? undefined : annotations[REFERENCE_DIGEST];
}

export async function manifestSummaries(
  engine: Pick<Engine, "client" | "containers">,
  target: Descriptor,
): Promise<ManifestSummary[]> {
  return await Promise.all((await partsOf(engine, target)).map((part) => summaryOf(engine, part)));
}

async function summaryOf(
  engine: Pick<Engine, "client" | "containers">,
  { descriptor, manifest, blobs, available }: Part,
): Promise<ManifestSummary> {
  const Content = blobs.reduce((sum, { size }) => sum + size, 0);
  const common = { ID: descriptor.digest, Descriptor: descriptor, Available: available };
  const about = attested(descriptor);
  if (about !== undefined) {
    return { ...common, Size: { Content, Total: Content }, Kind: "attestation", AttestationData: { For: about } };
  }
  if (descriptor.platform?.os === "unknown") return { ...common, Size: { Content, Total: Content }, Kind: "unknown" };
  const config = manifest && blobs.includes(manifest.config) ? manifest.config : undefined;
  const { platform, unpacked } = config ? await unpackedOf(engine, manifest!) : { platform: undefined, unpacked: 0 };
  const users = engine.containers.all().filter(({ record }) => record.imageId === config?.digest);
  return {
    ...common,
    Size: { Content, Total: Content + unpacked },
    Kind: "image",
    ImageData: {
      Platform: descriptor.platform ?? platform ?? { architecture: "", os: "" },
      Size: { Unpacked: unpacked },
      Containers: users.map(({ id }) => id),
    },
  };
}

/** Bytes of its layers that are unpacked, and the platform that its config names. */
async function unpackedOf(
  { client }: Pick<Engine, "client">,
  manifest: Manifest,
): Promise<{ platform: Platform; unpacked: number }> {
  const bytes = await client.content.read(manifest.config);
  const config = parseImageConfig(Buffer.from(bytes).toString("utf8"), manifest.config.digest);
  const { os, architecture, variant } = config;
  let unpacked = 0;
  // A layer that is not unpacked has no snapshot, and counts nothing here.
  for (const chainId of chainIds(config.rootfs.diff_ids, sha256)) unpacked += (await layerSize(client, chainId)) ?? 0;
  return { platform: { architecture, os, ...(variant ? { variant } : {}) }, unpacked };
}
