// A layer from its blob to files, spread over processes that share memory: this one feeds the blob into a ring, one part inflates it
// into a second ring, one hashes both, and one, confined to the target, makes the files.
import { WharfError } from "../../common/errors.ts";
import type { Compression } from "../../common/oci/media-types.ts";
import { decompressor, sniff } from "../sys/decompress.ts";
import { O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import type { Trace } from "../sys/trace.ts";
import { confineToComputing, confineToTree } from "./confine.ts";
import { hashRing, hashStep } from "./hash.ts";
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
  /** Most bytes of the uncompressed tar. */
  maxSize?: number | undefined;
  /** Told how many bytes of the blob have been read. */
  progress?: ((bytes: number) => void) | undefined;
  trace?: Trace | undefined;
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

function tooLarge(maxSize: number): WharfError {
  return new WharfError("ResourceExhausted", `the layer unpacks to more than ${maxSize} bytes`, {
    operation: "unpack",
  });
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

function hashes(blob: Ring, tar: Ring): Pick<PipelineResult, "digest" | "blobSize" | "diffId" | "size"> {
  if (blob === tar) {
    const { digest, size } = hashRing(tar);
    return { digest, blobSize: size, diffId: digest, size };
  }
  const { input, output } = hashStep(blob, tar);
  return { digest: input.digest, blobSize: input.size, diffId: output.digest, size: output.size };
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

/** Unpacks a blob. The first part that fails ends it all, and what it threw is thrown. */
export function unpackBlob(options: PipelineOptions): PipelineResult {
  const { source, target, trace } = options;
  using parts = new Parts(trace);
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
  const hashing = parts.start("the hasher", [], () => hashes(blob, tar));
  const unpacking = parts.start("the unpacker", [target], () => unpack(tar, options));
  feed(blob, parts, options, compression === "none" ? maxSize : Number.POSITIVE_INFINITY);
  const unpacked = parts.result(unpacking);
  return { unpacked, compression, ...parts.result(hashing) };
}
