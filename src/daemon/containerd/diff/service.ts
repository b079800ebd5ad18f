/** The diff service: the agent unpacks and packs, here the blobs are taken from and given to the content store. */

import { randomBytes } from "node:crypto";
import { WharfError } from "../../../common/errors.ts";
import { layerCompression } from "../../../common/oci/media-types.ts";
import { parseTimestamp } from "../../../common/timestamp.ts";
import type { GrowingBlob } from "../agent.ts";
import type { ContentStore } from "../api/content.ts";
import type { Applied, ApplyOptions, DiffOptions, DiffService } from "../api/diff.ts";
import type { Descriptor, Mount } from "../api/types.ts";
import { DEFAULT_SNAPSHOTTER } from "../api.ts";
import type { Scope } from "../core/scope.ts";

/** Tells a compressed layer's digest when uncompressed (containerd, core/images/labels). */
const UNCOMPRESSED_LABEL = "containerd.io/uncompressed";
const TAR = "application/vnd.oci.image.layer.v1.tar";

export class LocalDiff implements DiffService {
  readonly #scope: Scope;
  readonly #content: ContentStore;

  constructor(scope: Scope, content: ContentStore) {
    this.#scope = scope;
    this.#content = content;
  }

  async apply(diff: Descriptor, mounts: readonly Mount[], options: ApplyOptions = {}): Promise<Applied> {
    const { mediaType } = diff;
    const { syncFs, progress, signal, growing } = options;
    const source =
      options.source ?? (growing && (await this.#follow(growing.ref, growing.grown))) ?? (await this.#blob(diff));
    const { agent } = this.#scope.shared;
    const whiteouts = this.#whiteouts(mounts);
    const unpacked = await agent.unpack({ mounts, whiteouts, mediaType, source, syncFs, progress, signal });
    const { diffId, size, usage, missingParents } = unpacked;
    return { applied: { mediaType: TAR, digest: diffId, size }, usage, missingParents };
  }

  /** A plain directory has the lower layers in it: what a layer hides is removed there. Only a layer of an overlay keeps the marks. */
  #whiteouts([mount]: readonly Mount[]): "overlay" | "remove" {
    const overlays = this.#scope.shared.snapshotFiles.get(DEFAULT_SNAPSHOTTER);
    return mount?.type === "overlay" || overlays?.has(mount?.source ?? "") ? "overlay" : "remove";
  }

  async #blob(diff: Descriptor): Promise<string> {
    await this.#content.info(diff.digest);
    return this.#scope.shared.blobs.blob(diff.digest);
  }

  /** The file of an ingest as it grows; undefined when nobody writes it (any more). Waits for its first bytes. */
  async #follow(ref: string, grown: AsyncIterable<number>): Promise<GrowingBlob | undefined> {
    const { db, namespace, shared } = this.#scope;
    const row = db.get("SELECT id FROM ingests WHERE namespace = ? AND ref = ?", namespace, ref);
    const writer = row && shared.writers.get(row.id as number);
    if (!row || !writer) return undefined;
    const sizes = readableSizes(writer, grown);
    const first = await sizes.next();
    // A small blob comes into being as a whole.
    if (first.done || !shared.writers.has(row.id as number)) return undefined;
    return { path: shared.blobs.ingest(row.id as number), grown: after(first.value, sizes) };
  }

  async diff(lower: readonly Mount[], upper: readonly Mount[], options: DiffOptions = {}): Promise<Descriptor> {
    const {
      mediaType = `${TAR}+gzip`,
      ref = `diff-${randomBytes(12).toString("hex")}`,
      sourceDateEpoch,
      signal,
    } = options;
    await using writer = await this.#content.writer({ ref, mediaType });
    await writer.truncate(0);
    try {
      const { diffId } = await this.#scope.shared.agent.diff({
        lower,
        upper,
        mediaType,
        sourceDateEpoch: sourceDateEpoch === undefined ? undefined : parseTimestamp(sourceDateEpoch).seconds,
        write: (data) => writer.write(data),
        signal,
      });
      const size = writer.status().offset;
      const digest = await this.#commit(writer, {
        ...options.labels,
        ...(layerCompression(mediaType) !== "none" && { [UNCOMPRESSED_LABEL]: diffId }),
      });
      return { mediaType, digest, size };
    } catch (cause) {
      await writer.close();
      await this.#content.abort(ref).catch(() => {});
      throw new WharfError(WharfError.from(cause).code, "cannot make a layer of the difference", {
        operation: "diff",
        cause,
      });
    }
  }

  async #commit(writer: Awaited<ReturnType<ContentStore["writer"]>>, labels: Record<string, string>) {
    try {
      return await writer.commit({ labels });
    } catch (error) {
      if (!(error instanceof WharfError) || error.code !== "AlreadyExists" || !error.subject) throw error;
      // The same difference was packed before, or came from elsewhere, perhaps without the label.
      const digest = error.subject as Descriptor["digest"];
      const { [UNCOMPRESSED_LABEL]: diffId } = labels;
      const { labels: found } = await this.#content.info(digest);
      if (diffId && !found[UNCOMPRESSED_LABEL]) {
        const path = `labels.${UNCOMPRESSED_LABEL}`;
        await this.#content.update({ digest, labels: { [UNCOMPRESSED_LABEL]: diffId } }, [path]);
      }
      return digest;
    }
  }
}

/** Writers gather bytes before they write: of what has `grown`, how much can be read from the file. */
async function* readableSizes(
  writer: { readonly readable: number },
  grown: AsyncIterable<number>,
): AsyncGenerator<number> {
  let told = 0;
  let last = 0;
  for await (const size of grown) {
    last = size;
    const readable = Math.min(size, writer.readable);
    if (readable > told) yield (told = readable);
  }
  if (last > told) yield last;
}

async function* after(first: number, rest: AsyncIterable<number>): AsyncGenerator<number> {
  yield first;
  yield* rest;
}
