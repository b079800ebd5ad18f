/**
 * Images as one tar that is both an OCI layout (index.json, blobs) and a docker archive (manifest.json, repositories), as
 * docker writes it since 25. Blobs go out as they lie in the store, so digests stay what they are.
 */

import { isCode, WharfError } from "../../../../common/errors.ts";
import type { Descriptor } from "../../../../common/oci/image.ts";
import { isIndexType, isManifestType, OCI } from "../../../../common/oci/media-types.ts";
import { formatPlatform, type Platform } from "../../../../common/oci/platform.ts";
import { familiarName, familiarReference, parseReference, tryParseReference } from "../../../../common/reference.ts";
import { choose, readDocument } from "../../../transfer/documents.ts";
import { sourcesIn } from "../../../transfer/labels.ts";
import type { Engine } from "../../engine.ts";
import { DANGLING } from "../names.ts";
import type { NamedImage } from "../store.ts";
import { tarEnd, tarHeader, tarPadding } from "./tar-write.ts";

/** One image of the archive. */
export interface Saved<Image = Pick<NamedImage, "manifest">> {
  image: Image;
  /** Full names it has in the archive. */
  names: string[];
  /** What the archive holds of it. */
  descriptor: Descriptor;
}

/** What is to be saved, found before the first byte goes out. NotFound. */
export async function imagesToSave(
  engine: Engine,
  texts: readonly string[],
  platform: Platform | undefined,
): Promise<Saved<NamedImage>[]> {
  if (texts.length === 0) throw new WharfError("InvalidArgument", "no image to save", { hint: "give names" });
  const found = new Map<string, Saved<NamedImage>>();
  for (const text of texts) {
    const names = await namesMeant(engine, text);
    for (const name of names.length > 0 ? names : [undefined]) {
      const image = await engine.images.resolve(name ?? text, platform);
      let saved = found.get(image.target.digest);
      if (!saved) {
        const { descriptor } = await choose(engine.client, image.target, platform);
        saved = { image, names: [], descriptor };
        found.set(image.target.digest, saved);
      }
      if (name !== undefined && !saved.names.includes(name)) saved.names.push(name);
    }
  }
  return [...found.values()];
}

/** The stored names: that of a tag, all of a repository, none for an id. */
async function namesMeant(engine: Engine, text: string): Promise<string[]> {
  const reference = tryParseReference(text);
  if (!reference) return [];
  const repository = `${reference.domain}/${reference.path}`;
  const all = (await engine.client.images.list()).map(({ name }) => name).filter((name) => !name.startsWith(DANGLING));
  if (reference.digest !== undefined) return [];
  if (reference.tag !== undefined) return all.filter((name) => name === `${repository}:${reference.tag}`);
  return all.filter((name) => name.startsWith(`${repository}:`));
}

export type Write = (data: Uint8Array) => Promise<void>;

/** As Saved; without an image it is left out of docker's part of the archive. */
export type SavedPart = Omit<Saved, "image"> & Partial<Pick<Saved, "image">>;

export interface SaveOptions {
  /** Of what an index or manifest names; all by default. */
  keep?: ((child: Descriptor) => boolean) | undefined;
  /** Without docker's part: manifest.json and repositories. */
  skipDocker?: boolean | undefined;
}

export async function saveImages(
  engine: Pick<Engine, "client">,
  images: readonly SavedPart[],
  write: Write,
  signal: AbortSignal,
  { keep = () => true, skipDocker = false }: SaveOptions = {},
) {
  const files = new Map<string, Buffer>();
  const blobs = new Map<string, Descriptor>();
  const manifests: Descriptor[] = [];
  const entries: { Config: string; RepoTags: string[] | null; Layers: string[] }[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, names, descriptor } of images) {
    await collect(engine, descriptor, blobs, keep);
    const { labels } = await engine.client.content.info(descriptor.digest);
    const own = { ...descriptor.annotations, ...sourcesIn(labels) };
    for (const name of names.length > 0 ? names : [undefined]) {
      const tag = name === undefined ? undefined : parseReference(name).tag;
      const annotations = {
        ...own,
        ...(name === undefined ? {} : { "io.containerd.image.name": name }),
        ...(tag === undefined ? {} : { "org.opencontainers.image.ref.name": tag }),
      };
      manifests.push({ ...descriptor, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) });
    }
    if (!image || skipDocker) continue;
    const { manifest } = image;
    const tags = names.map((name) => parseReference(name)).filter(({ tag }) => tag !== undefined);
    entries.push({
      Config: path(manifest.config),
      RepoTags: tags.length > 0 ? tags.map(familiarReference) : null,
      Layers: manifest.layers.map(path),
    });
    for (const one of tags) (repositories[familiarName(one)] ??= {})[one.tag!] = manifest.config.digest.slice(7);
  }
  files.set("index.json", json({ schemaVersion: 2, mediaType: OCI.index, manifests }));
  if (entries.length > 0) files.set("manifest.json", json(entries));
  files.set("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  if (Object.keys(repositories).length > 0) files.set("repositories", json(repositories));
  for (const name of ["blobs/", "blobs/sha256/"]) await write(tarHeader(name, "directory", 0));
  for (const blob of [...blobs.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1))) {
    await write(tarHeader(path(blob), "file", blob.size));
    for await (const piece of engine.client.content.reader(blob, { signal })) await write(piece);
    await write(tarPadding(blob.size));
  }
  for (const [name, bytes] of files) {
    await write(Buffer.concat([tarHeader(name, "file", bytes.length), bytes, tarPadding(bytes.length)]));
  }
  await write(tarEnd());
}

/** All that a descriptor refers to, itself included. NotFound names what is missing. */
async function collect(
  engine: Pick<Engine, "client">,
  descriptor: Descriptor,
  blobs: Map<string, Descriptor>,
  keep: (child: Descriptor) => boolean,
): Promise<void> {
  if (blobs.has(descriptor.digest)) return;
  const { content } = engine.client;
  const size = await content.info(descriptor.digest).then(
    (info) => info.size,
    (error: unknown) => {
      if (!isCode(error, "NotFound")) throw error;
      throw new WharfError("NotFound", `the store does not have ${descriptor.digest} (${descriptor.mediaType})`, {
        operation: "save image",
        subject: descriptor.digest,
        hint: `pull the image again${descriptor.platform ? ` for ${formatPlatform(descriptor.platform)}` : ""}`,
        cause: error,
      });
    },
  );
  blobs.set(descriptor.digest, { mediaType: descriptor.mediaType, digest: descriptor.digest, size });
  if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) return;
  const { document } = await readDocument(engine.client, descriptor);
  const children =
    document.kind === "index" ? document.index.manifests : [document.manifest.config, ...document.manifest.layers];
  for (const child of children) if (keep(child)) await collect(engine, child, blobs, keep);
}

function path({ digest }: Pick<Descriptor, "digest">): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
