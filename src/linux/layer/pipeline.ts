// A layer from its blob to files, spread over processes that share memory: this one feeds the blob into a ring, one part inflates it
// into a second ring, one hashes that, and one, confined to the target, makes the files. The blob itself is hashed by who stores it.
import { WharfError } from "../../common/errors.ts";
import type { Compression } from "../../common/oci/media-types.ts";
import { decompressor, sniff } from "../sys/decompress.ts";
import { O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import type { Trace } from "../sys/trace.ts";
import { confineToComputing, confineToTree } from "./confine.ts";
import { hashRing } from "./hash.ts";
import { Parts } from "./parts.ts";
import { Ring, RingReader } from "./ring.ts";
import { TarReader } from "./tar/reader.ts";
import { Unpacker } from "./unpack.ts";
import type { UnpackOptions, UnpackResult } from "./unpack-types.ts";

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
  /** A directory below it that is unpacked into; its own root otherwise. */
  into?: string | undefined;
  source: BlobSource;
  /** Nobody wants to know the tar's digest. */
  unhashed?: boolean | undefined;
  /** Most bytes of the uncompressed tar. */
  maxSize?: number | undefined;
  /** Told how many bytes of the blob have been read. */
  progress?: ((bytes: number) => void) | undefined;
  trace?: Trace | undefined;
}

export interface PipelineResult {
  unpacked: UnpackResult;
  /** Of the tar; empty when it was to be left unhashed. */
  diffId: string;
  /** Bytes of the tar, and of the blob. */
  size: number;
  blobSize: number;
  compression: Compression;
}

function tooLarge(maxSize: number): WharfError {
  return new WharfError("ResourceExhausted", `the layer unpacks to more than ${maxSize} bytes`, {
    operation: "unpack",
  });
}

/** Reads `blob`, writes `tar`. */
function inflate(blob: Ring, tar: Ring, compression: Exclude<Compression, "none">, maxSize: number): number {
  confineToComputing();
  const reader = new RingReader(blob, 0, PIECE);
  const work = decompressor(compression);
  for (;;) {
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

function unpack(tar: Ring, options: PipelineOptions): UnpackResult {
  // modes are the archive's alone
  native.syscall(NR.umask, 0);
  confineToTree(options.target);
  const reader = new RingReader(tar, 0);
  const tarReader = new TarReader(reader);
  const result = new Unpacker(open(options.into ?? "/", O.PATH | O.DIRECTORY), options).run(tarReader);
  tarReader.drain();
  reader.publish();
  return result;
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

/** They tell how a blob is packed. */
function firstBytes(source: BlobSource): Uint8Array {
  const bytes = new Uint8Array(4);
  let have = 0;
  for (let n = 1; n > 0 && have < bytes.length; have += n)
    n = source.read(native.address(bytes) + have, bytes.length - have);
  return bytes.subarray(0, have);
}

/** Unpacks a blob. The first part that fails ends it all, and what it threw is thrown. */
export function unpackBlob(options: PipelineOptions): PipelineResult {
  const { source, target, trace } = options;
  using parts = new Parts(trace);
  const first = firstBytes(source);
  const compression = sniff(first, 0, first.length);
  const readers = options.unhashed ? 1 : 2;
  const blob = new Ring(BLOB_RING, compression === "none" ? readers : 1);
  blob.bytes.set(first);
  blob.wrote(first.length);
  const tar = compression === "none" ? blob : new Ring(TAR_RING, readers);
  const maxSize = options.maxSize ?? Number.POSITIVE_INFINITY;
  if (compression !== "none") parts.start("the decompressor", [], () => inflate(blob, tar, compression, maxSize));
  const hashing = options.unhashed ? undefined : parts.start("the hasher", [], () => hashRing(tar));
  const unpacking = parts.start("the unpacker", [target], () => unpack(tar, options));
  feed(blob, parts, options, compression === "none" ? maxSize : Number.POSITIVE_INFINITY);
  const unpacked = parts.result(unpacking);
  const diffId = hashing ? parts.result(hashing).digest : "";
  return { unpacked, compression, diffId, size: tar.written, blobSize: blob.written };
}
