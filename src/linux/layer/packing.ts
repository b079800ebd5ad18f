// A tree as a stream: one part walks it and writes a tar into a ring, one compresses that into a second ring, one hashes both, and this
// process sends on what comes out.
import type { Compression } from "../../common/oci/media-types.ts";
import { compressor } from "../sys/compress.ts";
import type { Trace } from "../sys/trace.ts";
import { confineToComputing } from "./confine.ts";
import { hashRing, hashStep } from "./hash.ts";
import { Parts } from "./parts.ts";
import { Ring, RingReader, RingWriter } from "./ring.ts";
import { TarWriter } from "./tar/writer.ts";

const TAR_RING = 4 << 20;
const BLOB_RING = 1 << 20;
const PIECE = 256 << 10;
const ROOM = 2 * PIECE;
/** How often the sender looks for failed parts while it waits, in ms. */
const LOOK = 100;

export interface PackingOptions {
  compression: Compression;
  /** Writes the entries; runs in a process of its own, with the descriptors named in `keep`. */
  write(writer: TarWriter): void;
  keep?: readonly number[] | undefined;
  /** Takes the stream, piece by piece. */
  send(address: number, length: number): void;
  trace?: Trace | undefined;
}

export interface PackingResult {
  /** Digest and bytes of the tar, and of what was sent. */
  diffId: string;
  size: number;
  digest: string;
  blobSize: number;
}

function compress(tar: Ring, blob: Ring, compression: Exclude<Compression, "none">): void {
  confineToComputing();
  const reader = new RingReader(tar, 0, PIECE);
  const work = compressor(compression);
  while (!work.finished) {
    if (reader.have < PIECE) {
      reader.publish();
      blob.nudge();
    }
    // always the same pieces with more room than they need: where they end shows in the output, which must not depend on the clock
    const have = Math.min(reader.need(PIECE), PIECE);
    const last = tar.ended && reader.position + have === tar.written;
    blob.spaceFor(ROOM);
    const { taken, made } = work.step(tar.address + reader.at, have, blob.writeAddress, ROOM, last);
    if (taken > 0) reader.skip(taken);
    if (made > 0) blob.wrote(made);
  }
  reader.publish();
  blob.end();
}

function hashes(tar: Ring, blob: Ring): PackingResult {
  if (tar === blob) {
    const { digest, size } = hashRing(tar);
    return { diffId: digest, size, digest, blobSize: size };
  }
  const { input, output } = hashStep(tar, blob);
  return { diffId: input.digest, size: input.size, digest: output.digest, blobSize: output.size };
}

/** Packs and sends. The first part that fails ends it all, and what it threw is thrown. */
export function packStream({ compression, write, keep = [], send, trace }: PackingOptions): PackingResult {
  using parts = new Parts(trace);
  const tar = new Ring(TAR_RING, 2);
  const blob = compression === "none" ? tar : new Ring(BLOB_RING, 2);
  parts.start("the packer", keep, () => {
    const output = new RingWriter(tar);
    const writer = new TarWriter(output);
    write(writer);
    writer.end();
    output.end();
  });
  if (compression !== "none") parts.start("the compressor", [], () => compress(tar, blob, compression));
  const hashing = parts.start("the hasher", [], () => hashes(tar, blob));
  const reader = new RingReader(blob, 0, PIECE);
  const look = (): void => void parts.wait(0);
  for (let n = reader.need(1, look, LOOK); n > 0; n = reader.need(1, look, LOOK)) {
    const length = Math.min(n, PIECE);
    send(reader.address + reader.at, length);
    reader.skip(length);
  }
  reader.publish();
  return parts.result(hashing);
}
