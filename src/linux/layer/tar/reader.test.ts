// The tar reader against archives it wrote itself and against thousands of broken ones: it reads on or says what is wrong, always.
import { WharfError } from "../../../common/errors.ts";
import { equal, ok, test, throws } from "../../testing.ts";
import { TYPE } from "./entry.ts";
import { cName, decodeName, encodeName } from "./names.ts";
import { TarReader } from "./reader.ts";
import { bytesSource, PulledSource } from "./source.ts";
import { type TarOutput, TarWriter, type Written } from "./writer.ts";

class Memory implements TarOutput {
  readonly bytes = new Uint8Array(1 << 22);
  readonly address = native.address(this.bytes);
  at = 0;

  reserve(): number {
    return this.at;
  }

  commit(count: number): void {
    this.at += count;
  }
}

function archive(entries: readonly (Written & { data?: string })[]): Uint8Array {
  const output = new Memory();
  const writer = new TarWriter(output);
  for (const entry of entries) {
    const data = native.bytes(entry.data ?? "");
    writer.header({ ...entry, size: data.length });
    let at = 0;
    writer.data(data.length, (address, length) => {
      const n = Math.min(length, 7);
      new Uint8Array(native.view(address, n)).set(data.subarray(at, at + n));
      at += n;
      return n;
    });
  }
  writer.end();
  return output.bytes.slice(0, output.at);
}

function written(type: number, name: string, more: Partial<Written> = {}): Written {
  return { type, name, mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 1e9, ...more };
}

const LONG = `${"d".repeat(90)}/${"e".repeat(90)}/${"f".repeat(90)}/${"g".repeat(200)}`;

const SAMPLE: (Written & { data?: string })[] = [
  written(TYPE.dir, "dir/", { mode: 0o1755 }),
  { ...written(TYPE.file, "dir/file"), data: "content" },
  written(TYPE.symlink, "dir/link", { linkName: "file" }),
  written(TYPE.link, "hard", { linkName: "dir/file" }),
  written(TYPE.char, "null", { devMajor: 1, devMinor: 3 }),
  written(TYPE.file, `${"p".repeat(120)}/${"n".repeat(90)}`),
  { ...written(TYPE.file, LONG, { uid: 3e9, gid: 2 ** 31, mtime: -5 }), data: "x".repeat(3000) },
  written(TYPE.symlink, "umläut", { linkName: LONG }),
  {
    ...written(TYPE.file, "caps", { xattrs: new Map([["security.capability", new Uint8Array([1, 0, 10, 61, 255])]]) }),
    data: "c",
  },
];

interface Read {
  name: string;
  linkName: string;
  uid: number;
  mtime: number;
  data: string;
  xattrs: [string, Uint8Array][];
}

function readAll(bytes: Uint8Array): Read[] {
  const reader = new TarReader(bytesSource(bytes));
  const all: Read[] = [];
  for (let entry = reader.next(); entry; entry = reader.next()) {
    let data = "";
    reader.data((address, length) => {
      data += native.utf8(native.view(address, length));
    });
    const { name, linkName, uid, mtime } = entry;
    all.push({ name, linkName, uid, mtime, data, xattrs: [...(entry.xattrs ?? [])] });
  }
  return all;
}

test("TarReader reads what TarWriter writes", () => {
  const got = readAll(archive(SAMPLE));
  equal(got.length, SAMPLE.length);
  for (const [i, want] of SAMPLE.entries()) {
    const { name, linkName = "", uid, mtime, data = "", xattrs } = want;
    equal(got[i], { name, linkName, uid, mtime, data, xattrs: [...(xattrs ?? [])] });
  }
});

test("TarReader reads in pieces of any size", () => {
  const bytes = archive(SAMPLE);
  for (const piece of [1, 13, 511, 512, 513, 4000]) {
    let at = 0;
    const source = new PulledSource((address, length) => {
      const n = Math.min(length, piece, bytes.length - at);
      new Uint8Array(native.view(address, n)).set(bytes.subarray(at, at + n));
      at += n;
      return n;
    });
    const reader = new TarReader(source);
    let count = 0;
    while (reader.next()) count++;
    equal(count, SAMPLE.length);
  }
});

test("names keep their bytes", () => {
  for (const bytes of [
    [0x61, 0xff, 0x62],
    [0xc3, 0xa4, 0xe4],
    [0xef, 0xbf, 0xbd],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x9f, 0x92, 0xa9, 0xf0],
    [0xc0, 0x80],
  ]) {
    const name = decodeName(new Uint8Array(bytes), 0, bytes.length);
    equal([...encodeName(name)], bytes);
    const c = cName(name);
    equal([...(typeof c === "string" ? native.bytes(c) : c.subarray(0, -1))], bytes);
  }
});

test("a block of zeros ends an archive, a lone one too, and so does its file's end", () => {
  const bytes = archive(SAMPLE);
  for (const end of [bytes.length, bytes.length - 512, bytes.length - 1024]) {
    equal(readAll(bytes.subarray(0, end)).length, SAMPLE.length);
  }
  throws(() => readAll(bytes.subarray(0, 700)), /truncated/);
});

/** A small generator, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x100000000;
  };
}

function fixChecksum(bytes: Uint8Array, at: number): void {
  bytes.fill(0x20, at + 148, at + 156);
  let sum = 0;
  for (let i = at; i < at + 512; i++) sum += bytes[i]!;
  bytes.set(native.bytes(`${sum.toString(8).padStart(6, "0")}\0 `), at + 148);
}

test("TarReader survives archives with anything changed: it ends, with entries or with a DataLoss", () => {
  const good = archive(SAMPLE);
  const next = random(20240601);
  let failed = 0;
  for (let round = 0; round < 4000; round++) {
    const bytes = good.slice();
    const block = Math.floor(next() * (bytes.length / 512)) * 512;
    for (let i = Math.floor(next() * 6); i >= 0; i--) {
      const at = block + Math.floor(next() * 512);
      const interesting = [0, 0x20, 0x30, 0x37, 0x38, 0x3d, 0x7f, 0x80, 0xff, 0x0a, 0x78, 0x4c, 0x53, 0x67];
      bytes[at] = next() < 0.7 ? interesting[Math.floor(next() * interesting.length)]! : Math.floor(next() * 256);
    }
    // most changes must get past the checksum
    if (next() < 0.9) fixChecksum(bytes, block);
    const cut = next() < 0.1 ? bytes.subarray(0, Math.floor(next() * bytes.length)) : bytes;
    try {
      ok(readAll(cut).length < 1000, "few entries");
    } catch (error) {
      failed++;
      if (!(error instanceof WharfError) || error.code !== "DataLoss") throw new Error(`round ${round}: ${error}`);
    }
  }
  ok(failed > 400 && failed < 3990, `${failed} of 4000 are refused`);
});
