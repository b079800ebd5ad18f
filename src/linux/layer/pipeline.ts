// A layer from its blob to files, spread over processes that share memory: this one feeds the blob into a ring, one part inflates it
// into a second ring, one hashes both, and one, confined to the target, makes the files.
import { WharfError } from "../../common/errors.ts";
import type { Compression } from "../../common/oci/media-types.ts";
import { O, open } from "../sys/fs.ts";
import { confineToComputing, confineToTree } from "./confine.ts";
import { decompressor, sniff } from "./decompress.ts";
import { Part, waitReadable } from "./part.ts";
import { Ring, RingReader } from "./ring.ts";
import { Sha256 } from "./sha256.ts";
import { TarReader } from "./tar/reader.ts";
import { type UnpackOptions, type UnpackResult, Unpacker } from "./unpack.ts";

const BLOB_RING = 1 << 20;
const TAR_RING = 4 << 20;
const PIECE = 256 << 10;
/** How often the feeder looks for failed parts while the rings are full, in ms. */
const LOOK = 100;

/** The blob's bytes. */
export interface BlobSource {
  /** Reads at most `length` bytes to `address`; 0 at the end. May block. */
  read(address: number, length: number): number;
  /** A descriptor that is readable before `read` has something new; undefined when `read` never waits for long. */
  readonly fd?: number | undefined;
}

export interface PipelineOptions extends UnpackOptions {
  /** Open directory that the unpacker is confined to. */
  target: number;
  source: BlobSource;
  /** Most bytes of the uncompressed tar. */
  maxSize?: number | undefined;
  /** Told how many bytes of the blob have been read. */
  progress?: ((bytes: number) => void) | undefined;
}

export interface PipelineResult {
  unpacked: UnpackResult;
  /** Digest and bytes of the tar, and of the blob. */
  diffId: string;
  size: number;
  digest: string;
  blobSize: number;
  compression: Compression;
}

interface Hashes {
  digest: string;
  blobSize: number;
  diffId: string;
  size: number;
}

function tooLarge(maxSize: number): WharfError {
  return new WharfError("ResourceExhausted", `the layer unpacks to more than ${maxSize} bytes`, { operation: "unpack" });
}

/** Reads `blob`, writes `tar`; hashing follows by the same bell. */
function inflate(blob: Ring, tar: Ring, compression: Exclude<Compression, "none">, maxSize: number): number {
  confineToComputing();
  const reader = new RingReader(blob, 0, PIECE);
  const work = decompressor(compression);
  for (;;) {
    if (reader.have === 0) {
      // the hasher goes as far as is published here, and hears only the tar's bell
      reader.publish();
      tar.nudge();
    }
    const have = reader.need(1);
    const room = Math.min(tar.space(), PIECE);
    const { taken, made } = work.step(blob.address + reader.at, Math.min(have, PIECE), tar.writeAddress, room);
    if (taken > 0) reader.skip(taken);
    if (made > 0) {
      if (tar.written + made > maxSize) {
        throw tooLarge(maxSize);
      }
      tar.wrote(made);
    } else if (have === 0) {
      break;
    }
  }
  work.end();
  reader.publish();
  tar.end();
  return tar.written;
}

/** Hashes the tar, and the blob as far as the inflating part has read it: one bell, no waiting for two. */
function hash(blob: Ring, tar: Ring): Hashes {
  confineToComputing();
  const tars = new Sha256();
  if (blob === tar) {
    const reader = new RingReader(tar, 1, PIECE);
    for (let n = reader.need(1); n > 0; n = reader.need(1)) {
      const length = Math.min(n, PIECE);
      tars.update(reader.address + reader.at, length);
      reader.skip(length);
    }
    reader.publish();
    const digest = tars.digest();
    return { digest, blobSize: reader.position, diffId: digest, size: reader.position };
  }
  const blobs = new Sha256();
  let blobAt = 0;
  let tarAt = 0;
  for (;;) {
    const seen = tar.bell;
    const ended = tar.ended;
    const tarHave = Math.min(tar.written - tarAt, PIECE);
    const blobHave = Math.min(blob.position(0) - blobAt, PIECE);
    if (tarHave > 0) {
      tars.update(tar.address + (tarAt % tar.size), tarHave);
      tar.release(1, (tarAt += tarHave));
    }
    if (blobHave > 0) {
      blobs.update(blob.address + (blobAt % blob.size), blobHave);
      blob.release(1, (blobAt += blobHave));
    }
    if (tarHave > 0 || blobHave > 0) continue;
    if (ended) break;
    tar.waitForWriter(seen);
  }
  return { digest: blobs.digest(), blobSize: blobAt, diffId: tars.digest(), size: tarAt };
}

function unpack(tar: Ring, options: PipelineOptions): UnpackResult {
  confineToTree(options.target);
  const reader = new RingReader(tar, 0);
  const tarReader = new TarReader(reader);
  const result = new Unpacker(open("/", O.PATH | O.DIRECTORY), options).run(tarReader);
  tarReader.drain();
  reader.publish();
  return result;
}

/** Kills what still runs when one part has failed, so that the first failure is the one that is told. */
class Parts implements Disposable {
  readonly #parts: Part<unknown>[] = [];

  start<T>(name: string, keep: number[], work: () => T): Part<T> {
    const part = new Part({ name, keep }, work);
    this.#parts.push(part);
    return part;
  }

  get #running(): Part<unknown>[] {
    return this.#parts.filter((part) => !part.ended);
  }

  readonly #results = new Map<Part<unknown>, unknown>();

  /** Waits for a part's end, or for `fd`, at most `ms`; throws what a part threw. True when `fd` is ready. */
  wait(ms: number, fd?: number): boolean {
    const running = this.#running;
    const fds = running.map((part) => part.fd);
    if (fd !== undefined) fds.push(fd);
    if (fds.length === 0) return false;
    const ready = waitReadable(fds, ms);
    if (ready === undefined) return false;
    if (ready === fd) return true;
    const part = running.find((each) => each.fd === ready)!;
    this.#results.set(part, part.result());
    return false;
  }

  result<T>(part: Part<T>): T {
    while (!part.ended) this.wait(-1);
    return this.#results.get(part) as T;
  }

  [Symbol.dispose](): void {
    for (const part of this.#parts) part[Symbol.dispose]();
  }
}

/** Fills the ring from the source, to its end. */
function feed(ring: Ring, parts: Parts, { source, progress }: PipelineOptions, maxSize: number): void {
  let told = 0;
  for (;;) {
    const space = ring.space(LOOK);
    if (space === 0) {
      parts.wait(0);
      continue;
    }
    if (source.fd !== undefined && !parts.wait(-1, source.fd)) continue;
    const n = source.read(ring.writeAddress, Math.min(space, PIECE));
    if (n === 0) break;
    ring.wrote(n);
    if (ring.written > maxSize) throw tooLarge(maxSize);
    if (progress && ring.written - told >= 1 << 20) progress((told = ring.written));
  }
  progress?.(ring.written);
  ring.end();
}

/** Unpacks a blob. The first part that fails ends it all, and what it threw is thrown. */
export function unpackBlob(options: PipelineOptions): PipelineResult {
  const { source, target } = options;
  using parts = new Parts();
  const blob = new Ring(BLOB_RING, 2);
  // the first bytes tell how it is packed
  while (blob.written < 4) {
    const n = source.read(blob.writeAddress, blob.space());
    if (n === 0) break;
    blob.wrote(n);
  }
  const compression = sniff(blob.bytes, 0, blob.written);
  const tar = compression === "none" ? blob : new Ring(TAR_RING, 2);
  const maxSize = options.maxSize ?? Number.POSITIVE_INFINITY;
  if (compression !== "none") parts.start("the decompressor", [], () => inflate(blob, tar, compression, maxSize));
  const hashing = parts.start("the hasher", [], () => hash(blob, tar));
  const unpacking = parts.start("the unpacker", [target], () => unpack(tar, options));
  feed(blob, parts, options, compression === "none" ? maxSize : Number.POSITIVE_INFINITY);
  const unpacked = parts.result(unpacking);
  return { unpacked, compression, ...parts.result(hashing) };
}
