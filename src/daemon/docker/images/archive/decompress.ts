/** Takes the compression off a stream, whichever its first bytes say it has. */

import { Readable, type Transform } from "node:stream";
import { WharfError } from "../../../../common/errors.ts";

const MAGIC: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
];
const LONGEST = 5;

/** What the first bytes of a stream tell. */
export function compressionOf(first: Uint8Array): string {
  return MAGIC.find(([, bytes]) => bytes.every((byte, at) => first[at] === byte))?.[0] ?? "none";
}

/** Unimplemented for bzip2 and xz, DataLoss for a broken stream. */
export async function* decompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = source[Symbol.asyncIterator]();
  let first: Uint8Array = new Uint8Array(0);
  while (first.length < LONGEST) {
    const { value, done } = await input.next();
    if (done) break;
    first = first.length === 0 ? value : Buffer.concat([first, value]);
  }
  const rest = (async function* () {
    if (first.length > 0) yield first;
    for (;;) {
      const { value, done } = await input.next();
      if (done) return;
      yield value;
    }
  })();
  const kind = compressionOf(first);
  if (kind === "none") return yield* rest;
  if (kind !== "gzip" && kind !== "zstd") {
    throw new WharfError("Unimplemented", `the archive is packed with ${kind}, which is not read here`, {
      operation: "read archive",
      hint: `unpack it first: ${kind === "xz" ? "xz" : "bzip2"} -dc FILE`,
    });
  }
  // Not imported: most daemons never need it, and it is a megabyte.
  const { createGunzip, createZstdDecompress } = process.getBuiltinModule("node:zlib");
  const unpack: Transform = kind === "gzip" ? createGunzip() : createZstdDecompress();
  const packed = Readable.from(rest, { objectMode: false });
  let fault: unknown;
  packed.on("error", (error) => {
    fault = error;
    unpack.destroy(error);
  });
  packed.pipe(unpack);
  try {
    for await (const piece of unpack as AsyncIterable<Uint8Array>) yield piece;
  } catch (cause) {
    if (fault !== undefined) throw fault;
    throw new WharfError("DataLoss", `the ${kind} stream is broken`, { operation: "read archive", cause });
  } finally {
    packed.destroy();
    unpack.destroy();
  }
}
