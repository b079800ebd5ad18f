/** Finds the manifest for a platform behind an index, a nested index, or a manifest that stands alone. */

import { WharfError } from "../../common/errors.ts";
import { configPlatform, type Descriptor, isImage, type Manifest } from "../../common/oci/image.ts";
import { formatPlatform, type Platform, platformMatches, selectPlatform } from "../../common/oci/platform.ts";
import { fetchConfig, fetchDocument, type SharedContext } from "./fetch.ts";

/** Indexes in indexes are allowed; a chain of them is an attack. */
const MAX_DEPTH = 4;
/** Entries without platform whose config is looked into. */
const MAX_GUESSES = 16;

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

/** The manifests of an index for further platforms, or all of them. */
export async function otherPlatforms(
  context: SharedContext,
  target: Descriptor,
  wanted: readonly Platform[] | "all" | undefined,
): Promise<ChosenManifest[]> {
  if (wanted === undefined) return [];
  if (wanted !== "all") return await Promise.all(wanted.map((one) => choosePlatform(context, target, one)));
  const chosen: ChosenManifest[] = [];
  const walk = async (descriptor: Descriptor, depth: number): Promise<void> => {
    const document = await fetchDocument(context, descriptor);
    if (document.kind === "manifest") chosen.push({ descriptor, manifest: document.manifest });
    else if (depth < MAX_DEPTH) for (const one of document.index.manifests) await walk(one, depth + 1);
  };
  await walk(target, 0);
  return chosen;
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
