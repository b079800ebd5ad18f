/** DELETE /images/{name}?platforms=…: what is here for some platforms goes; with the last of them the image. */

import type { ImageDeleteItem } from "../../../common/docker/image.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import type { Descriptor } from "../../../common/oci/image.ts";
import { formatPlatform, type Platform, platformMatches } from "../../../common/oci/platform.ts";
import type { Engine } from "../engine.ts";
import { shortId } from "../ids.ts";
import { attested, type Part, partsOf } from "./manifests.ts";
import { removeImage } from "./remove.ts";

/**
 * InvalidArgument without `force`: other names of the image lose the platform, too. NotFound where there is nothing for one of them.
 * FailedPrecondition when a running container was made of it.
 */
export async function removePlatforms(
  engine: Engine,
  text: string,
  platforms: readonly Platform[],
  force: boolean,
): Promise<ImageDeleteItem[]> {
  if (!force) {
    throw new WharfError(
      "InvalidArgument",
      "Content will be removed from all images referencing this variant. Use --force to force delete.",
      { operation: "remove image", subject: text },
    );
  }
  const { target, id } = await engine.images.resolve(text);
  const here = (await partsOf(engine, target)).filter(({ manifest }) => manifest !== undefined);
  const leaving = new Set<Part>();
  for (const platform of platforms) {
    const found = await partFor(engine, target, here, platform);
    checkUnused(engine, found, platform);
    leaving.add(found);
  }
  // What is attested of an image goes with it, and does not keep the others' place.
  const digests = new Set<string | undefined>([...leaving].map(({ descriptor }) => descriptor.digest));
  for (const part of here) if (digests.has(attested(part.descriptor))) leaving.add(part);
  const staying = here.filter((part) => !leaving.has(part) && attested(part.descriptor) === undefined);
  if (staying.length === 0) return await removeImage(engine, id, true);
  const needed = await neededElsewhere(engine, leaving);
  const items: ImageDeleteItem[] = [];
  for (const { descriptor, blobs } of leaving) {
    // The manifest last: until then what is left can be found again.
    for (const blob of blobs.toReversed()) {
      if (needed.has(blob.digest)) continue;
      await engine.client.content.delete(blob.digest).catch((error: unknown) => {
        if (!isCode(error, "NotFound")) throw error;
      });
      if (blob === descriptor) items.push({ Deleted: descriptor.digest });
    }
  }
  engine.images.forget(target);
  return items;
}

async function partFor(engine: Engine, target: Descriptor, here: readonly Part[], platform: Platform): Promise<Part> {
  for (const part of here) {
    const own = part.descriptor.platform ?? (await engine.images.load(target)).config;
    if (own.os === platform.os && own.architecture === platform.architecture && platformMatches(platform, own))
      return part;
  }
  throw new WharfError("NotFound", `the image has nothing here for ${formatPlatform(platform)}`, {
    operation: "remove image",
    subject: target.digest,
  });
}

function checkUnused(engine: Engine, { manifest }: Part, platform: Platform): void {
  const user = engine.containers
    .all()
    .find(({ running, record }) => running && record.imageId === manifest!.config.digest);
  if (!user) return;
  throw new WharfError(
    "FailedPrecondition",
    `conflict: unable to delete ${formatPlatform(platform)} (cannot be forced) - image is being used by running container ${shortId(user.id)}`,
    { operation: "remove image" },
  );
}

/** Digests of what other manifests hold, of this image and of all others. */
async function neededElsewhere(engine: Engine, leaving: ReadonlySet<Part>): Promise<Set<string>> {
  const gone = new Set([...leaving].map(({ descriptor }) => descriptor.digest));
  const needed = new Set<string>();
  const targets = new Map((await engine.client.images.list()).map(({ target }) => [target.digest, target]));
  for (const target of targets.values()) {
    for (const { descriptor, blobs } of await partsOf(engine, target)) {
      // The same manifest under another index leaves there, too.
      if (!gone.has(descriptor.digest)) for (const { digest } of blobs) needed.add(digest);
    }
  }
  return needed;
}
