import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { decompressed } from "./decompress.ts";
import { readTar } from "./tar-read.ts";
import { tarEnd, tarHeader, tarPadding } from "./tar-write.ts";

/** In pieces of `size` bytes. */
async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(source: AsyncIterable<Uint8Array>): Promise<[string, string, string][]> {
  const found: [string, string, string][] = [];
  for await (const { name, type, data } of readTar(source))
    found.push([name, type, Buffer.concat(await Array.fromAsync(data)).toString()]);
  return found;
}

const text = Buffer.from("hello");
const ARCHIVE = Buffer.concat([
  tarHeader("dir/", "directory", 0),
  tarHeader("dir/file", "file", text.length),
  text,
  tarPadding(text.length),
  tarHeader("empty", "file", 0),
  tarEnd(),
]);
const ENTRIES = [
  ["dir", "directory", ""],
  ["dir/file", "file", "hello"],
  ["empty", "file", ""],
];

test("what is written is read again, however it is cut and packed", async () => {
  for (const size of [1, 511, 512, 1 << 20]) assert.deepEqual(await read(cut(ARCHIVE, size)), ENTRIES);
  for (const packed of [gzipSync(ARCHIVE), zstdCompressSync(ARCHIVE)])
    for (const size of [1, 1 << 20]) assert.deepEqual(await read(decompressed(cut(packed, size))), ENTRIES);
});

test("data that nobody reads is skipped", async () => {
  const names: string[] = [];
  for await (const { name } of readTar(cut(ARCHIVE, 100))) names.push(name);
  assert.deepEqual(names, ["dir", "dir/file", "empty"]);
});

test("what is cut off, none or damaged is said to be", async () => {
  await assert.rejects(read(cut(ARCHIVE.subarray(0, 1026), 512)), /breaks off/);
  await assert.rejects(read(cut(new Uint8Array(0), 1)), /no tar archive/);
  await assert.rejects(read(cut(Buffer.alloc(2048, "x"), 512)), /checksum/);
  await assert.rejects(read(decompressed(cut(gzipSync(ARCHIVE).subarray(0, 60), 10))), /gzip stream is broken/);
  await assert.rejects(read(decompressed(cut(Buffer.from("BZh91AY&SY"), 10))), /packed with bzip2/);
});
