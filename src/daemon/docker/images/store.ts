/**
 * Images as Docker sees them: by id (the digest of the config), each with its names. What is read from an image's documents
 * never changes, so it is kept by the digest of the target.
 */

import { createHash } from "node:crypto";
import { type Digest, digestHex } from "../../../common/digest.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import {
  chainIds,
  type Descriptor,
  type ImageConfig,
  type Manifest,
  parseImageConfig,
  parseImageDocument,
} from "../../../common/oci/image.ts";
import { formatPlatform, type Platform, platformMatches, selectPlatform } from "../../../common/oci/platform.ts";
import {
  familiarName,
  formatReference,
  parseReference,
  repositoryName,
  tryParseReference,
  withDefaultTag,
} from "../../../common/reference.ts";
import type { Image } from "../../containerd/api/images.ts";
import type { Containerd } from "../../containerd/api.ts";
import { hostPlatform } from "../../transfer/platform.ts";
import { DANGLING } from "./names.ts";

/** One image for one platform. */
export interface LocalImage {
  /** Digest of the config. */
  id: Digest;
  /** What names point at: a manifest or an index. */
  target: Descriptor;
  manifest: Manifest;
  config: ImageConfig;
  /** The committed snapshot of its top layer; empty for an image without layers. */
  chainId: Digest | "";
  chain: Digest[];
  /** Id of the image that it was made of here, by commit; empty for others. */
  parent: string;
}

/** An image with the names that it has now. */
export interface NamedImage extends LocalImage {
  /** containerd images, in the order of their names. */
  images: Image[];
}

const CACHED = 512;

export class ImageCatalogue {
  readonly #client: Containerd;
  readonly #ready: () => Promise<void>;
  readonly #cache = new Map<string, Promise<LocalImage>>();

  /** `ready` resolves when the images are there that a new root begins with. */
  constructor(client: Containerd, ready: () => Promise<void>) {
    this.#client = client;
    this.#ready = ready;
  }

  /** The image that `text` means: a name, an id or the beginning of one, `name@digest`. NotFound. */
  async resolve(text: string, platform?: Platform): Promise<NamedImage> {
    await this.#ready();
    const image = (await this.#byName(text)) ?? (await this.#byId(text));
    if (!image) {
      const reference = tryParseReference(text);
      const shown = reference ? familiar(text) : text;
      throw new WharfError("NotFound", `No such image: ${shown}`, { operation: "find image", subject: text });
    }
    const local = await this.load(image.target, platform);
    const images = (await this.#client.images.list()).filter((one) => one.target.digest === image.target.digest);
    return { ...local, images };
  }

  /** All images that can be read, with their names. Broken ones are left out. */
  async list(): Promise<NamedImage[]> {
    await this.#ready();
    const byTarget = Map.groupBy(await this.#client.images.list(), (image) => image.target.digest);
    const byId = new Map<string, NamedImage>();
    for (const images of byTarget.values()) {
      const local = await this.load(images[0]!.target).catch(() => undefined);
      if (!local) continue;
      const known = byId.get(local.id);
      // The same config under two manifests (pulled from two registries) is one image.
      if (known) known.images.push(...images);
      else byId.set(local.id, { ...local, images });
    }
    return [...byId.values()];
  }

  /** What a target holds for a platform, the host's by default. */
  load(target: Descriptor, platform?: Platform): Promise<LocalImage> {
    const key = `${target.digest} ${platform ? formatPlatform(platform) : ""}`;
    let found = this.#cache.get(key);
    if (!found) {
      if (this.#cache.size >= CACHED) this.#cache.delete(this.#cache.keys().next().value!);
      found = this.#read(target, platform);
      this.#cache.set(key, found);
      found.catch(() => this.#cache.delete(key));
    }
    return found;
  }

  /** What was read of a target holds no more: a part of it was removed. */
  forget(target: Descriptor): void {
    for (const key of this.#cache.keys()) if (key.startsWith(`${target.digest} `)) this.#cache.delete(key);
  }

  async #byName(text: string): Promise<Image | undefined> {
    if (!tryParseReference(text)) return undefined;
    const reference = parseReference(text);
    const name = formatReference(withDefaultTag(reference));
    const exact = await this.#client.images.get(name).catch(ignoreNotFound);
    if (exact || reference.digest === undefined) return exact;
    const repository = repositoryName(reference);
    const images = await this.#client.images.list([`target.digest=="${reference.digest}"`]);
    return images.find((image) => image.name.startsWith(`${repository}:`) || image.name.startsWith(`${repository}@`));
  }

  async #byId(text: string): Promise<Image | undefined> {
    const prefix = text.startsWith("sha256:") ? text.slice(7) : text;
    if (!/^[0-9a-f]{1,64}$/.test(prefix)) return undefined;
    const images = await this.#client.images.list();
    const found = new Map<string, Image>();
    for (const image of images) {
      const local = await this.load(image.target).catch(() => undefined);
      for (const id of [local?.id, image.target.digest])
        if (id && digestHex(id).startsWith(prefix)) found.set(local?.id ?? image.target.digest, image);
    }
    if (found.size > 1)
      throw new WharfError("InvalidArgument", `image id ${text} is ambiguous: ${found.size} images begin with it`);
    return found.values().next().value;
  }

  /** Of an index the host's platform, or else the first that is here. */
  async #read(target: Descriptor, platform: Platform | undefined): Promise<LocalImage> {
    const document = await this.#document(target);
    if (document.kind === "manifest") return await this.#readManifest(target, document.manifest, platform);
    const wanted = platform ?? hostPlatform();
    const candidates = document.index.manifests.filter((one) => one.platform?.os !== "unknown");
    const chosen = selectPlatform(wanted, candidates);
    const inTurn = [...(chosen ? [chosen] : []), ...(platform ? [] : candidates.filter((one) => one !== chosen))];
    if (inTurn.length === 0) throw noPlatform(target, wanted);
    let first: unknown;
    for (const one of inTurn) {
      try {
        const found = await this.#document(one);
        if (found.kind === "index")
          throw new WharfError("InvalidArgument", "an index within an index is not supported");
        return await this.#readManifest(target, found.manifest, platform);
      } catch (error) {
        if (!isCode(error, "NotFound")) throw error;
        first ??= error;
      }
    }
    throw platform ? noPlatform(target, platform, first) : first;
  }

  async #readManifest(target: Descriptor, manifest: Manifest, platform: Platform | undefined): Promise<LocalImage> {
    const { config: descriptor } = manifest;
    const config = parseImageConfig(text(await this.#client.content.read(descriptor)), descriptor.digest);
    const own = {
      os: config.os,
      architecture: config.architecture,
      ...(config.variant ? { variant: config.variant } : {}),
    };
    if (platform && !platformMatches(platform, own)) throw noPlatform(target, platform);
    const chain = chainIds(config.rootfs.diff_ids, sha256);
    const { labels } = await this.#client.content.info(descriptor.digest);
    const { digest: id } = descriptor;
    const parent = labels[PARENT] ?? "";
    return { id, target, manifest, config, chain, chainId: chain.at(-1) ?? "", parent };
  }

  async #document(descriptor: Descriptor) {
    const bytes = await this.#client.content.read(descriptor);
    return parseImageDocument(text(bytes), descriptor.mediaType, descriptor.digest);
  }
}

/** The names people use for an image: tags, and digests of what was pulled. */
export function namesOf(images: readonly Image[]): { tags: string[]; digests: string[] } {
  const tags = new Set<string>();
  const digests = new Set<string>();
  for (const { name, target, labels } of images) {
    if (name.startsWith(DANGLING)) continue;
    const reference = tryParseReference(name);
    if (!reference) continue;
    if (reference.tag !== undefined) tags.add(`${familiarName(reference)}:${reference.tag}`);
    // An image that was made here has no digest that a registry would know.
    if (reference.digest !== undefined || labels[PULLED] !== undefined)
      digests.add(`${familiarName(reference)}@${target.digest}`);
  }
  return { tags: [...tags].sort(), digests: [...digests].sort() };
}

/** Label of images that came from a registry. */
export const PULLED = "wharf.image.pulled";

/** Label of an image's config: the id of the image it was made of. */
export const PARENT = "wharf.image.parent";

function familiar(text: string): string {
  const reference = withDefaultTag(parseReference(text));
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${familiarName(reference)}${tag}${digest}`;
}

function noPlatform(target: Descriptor, wanted: Platform, cause?: unknown): WharfError {
  return new WharfError("NotFound", `the image has nothing here for ${formatPlatform(wanted)}`, {
    operation: "choose platform",
    subject: target.digest,
    hint: "pull it for that platform",
    cause,
  });
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

export function sha256(value: string): Digest {
  return `sha256:${createHash("sha256").update(value).digest("hex")}`;
}

function ignoreNotFound(error: unknown): undefined {
  if (isCode(error, "NotFound")) return undefined;
  throw error;
}
