/** Finds the manifest for a platform behind an index, a nested index, or a manifest that stands alone. */

import { isCode, WharfError } from "../../common/errors.ts";
import { configPlatform, type Descriptor, isImage, type Manifest } from "../../common/oci/image.ts";
import { isIndexType, isManifestType } from "../../common/oci/media-types.ts";
import { formatPlatform, type Platform, platformMatches, selectPlatform } from "../../common/oci/platform.ts";
import { fetchConfig, fetchDocument, type SharedContext } from "./fetch.ts";
import { Limiter } from "./flights.ts";

/** Indexes in indexes are allowed; a chain of them is an attack. */
const MAX_DEPTH = 4;
/** Entries without platform whose config is looked into. */
const MAX_GUESSES = 16;
/** Manifests fetched at a time that are not waited for. */
const AT_ONCE = 8;

export interface ChosenManifest {
  descriptor: Descriptor;
  manifest: Manifest;
}

/** Throws NotFound, naming the platforms there are. */
export async function choosePlatform(
  context: SharedContext,
  target: Descriptor,
  wanted: Platform,
): Promise<ChosenManifest> {
  const there = new Set<string>();
  const chosen = await search(context, target, wanted, there, 0);
  if (chosen) return chosen;
  const list = [...there].sort().join(", ");
  throw new WharfError(
    "NotFound",
    `the image is not there for ${formatPlatform(wanted)}${list ? `, only for ${list}` : ""}`,
    {
      operation: "choose platform",
      subject: target.digest,
      hint: list ? "choose one of them with --platform" : "the index has no image at all",
    },
  );
}

/** The manifests of an index for further platforms, or all of them: at most so many, and not the one there is. */
export async function otherPlatforms(
  context: SharedContext,
  target: Descriptor,
  wanted: readonly Platform[] | "all" | undefined,
  { besides, most = Number.POSITIVE_INFINITY }: { besides?: Descriptor; most?: number } = {},
): Promise<ChosenManifest[]> {
  if (wanted === undefined) return [];
  if (wanted !== "all") {
    const all = await Promise.all(wanted.map((one) => choosePlatform(context, target, one)));
    return all.filter(({ descriptor }) => descriptor.digest !== besides?.digest).slice(0, most);
  }
  const chosen: ChosenManifest[] = [];
  const walk = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (descriptor.digest === besides?.digest || chosen.length >= most) return;
    const document = await fetchDocument(context, descriptor);
    if (document.kind === "manifest") chosen.push({ descriptor, manifest: document.manifest });
    else if (depth < MAX_DEPTH) for (const one of document.index.manifests) await walk(one, depth + 1);
  };
  await walk(target, 0);
  return chosen;
}

/** Manifests of an index and their configs, all that the registry has. */
export async function fetchMetadata(context: SharedContext, target: Descriptor): Promise<void> {
  const limiter = new Limiter(AT_ONCE);
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    const document = await fetchDocument(context, descriptor);
    if (document.kind === "index") {
      if (depth < MAX_DEPTH) await Promise.all(document.index.manifests.map((one) => guarded(one, depth + 1)));
    } else if (isImage(document.manifest)) await fetchConfig(context, document.manifest.config);
  };
  const guarded = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) return;
    try {
      if (isIndexType(descriptor.mediaType)) return await visit(descriptor, depth);
      using _ = await limiter.enter(context.signal);
      await visit(descriptor, depth);
    } catch (error) {
      // Copies of an index need not have all of it.
      if (!isCode(error, "NotFound")) throw error;
    }
  };
  await visit(target, 0);
}

async function search(
  context: SharedContext,
  target: Descriptor,
  wanted: Platform,
  there: Set<string>,
  depth: number,
): Promise<ChosenManifest | undefined> {
  if (depth > MAX_DEPTH) {
    throw new WharfError("InvalidArgument", `the index is nested more than ${MAX_DEPTH} deep`, {
      operation: "choose platform",
      subject: target.digest,
    });
  }
  const document = await fetchDocument(context, target);
  if (document.kind === "manifest") return { descriptor: target, manifest: document.manifest };
  const { manifests } = document.index;
  const best = selectPlatform(wanted, manifests);
  if (best) return await search(context, best, wanted, there, depth + 1);
  let guesses = 0;
  for (const one of manifests) {
    if (one.platform) {
      // Attestations stand under a platform that is none.
      if (one.platform.os !== "unknown") there.add(formatPlatform(one.platform));
      continue;
    }
    if (one.artifactType !== undefined || guesses++ >= MAX_GUESSES) continue;
    const chosen = await search(context, one, wanted, there, depth + 1);
    if (!chosen || !isImage(chosen.manifest)) continue;
    const platform = configPlatform(await fetchConfig(context, chosen.manifest.config));
    if (platformMatches(wanted, platform)) return chosen;
    there.add(formatPlatform(platform));
  }
  return undefined;
}
