import assert from "node:assert/strict";
import { test } from "node:test";
import { isCode, WharfError } from "../errors.ts";
import { anyName, isAny, packAny, unpackAny } from "./any.ts";
import { create, decode, encode, type Init, unknownFields } from "./codec.ts";
import { type FieldSpec, type MessageType, message } from "./schema.ts";

interface Everything {
  f64: number;
  f32: number;
  i32: number;
  i64: number;
  u32: number;
  u64: number;
  s32: number;
  s64: number;
  x32: number;
  x64: number;
  sx32: number;
  sx64: number;
  flag: boolean;
  text: string;
  data: Uint8Array;
  kind: number;
  wide: bigint;
  signedWide: bigint;
  self: Everything | undefined;
  maybe: number | undefined;
  numbers: number[];
  words: string[];
  selves: Everything[];
  labels: Record<string, string>;
  byNumber: Record<number, Everything>;
  choice: { case: "left"; value: string } | { case: "right"; value: Everything } | undefined;
}

const Everything: MessageType<Everything> = message<Everything>("test.Everything", [
  [1, "f64", "double"],
  [2, "f32", "float"],
  [3, "i32", "int32"],
  [4, "i64", "int64"],
  [5, "u32", "uint32"],
  [6, "u64", "uint64"],
  [7, "s32", "sint32"],
  [8, "s64", "sint64"],
  [9, "x32", "fixed32"],
  [10, "x64", "fixed64"],
  [11, "sx32", "sfixed32"],
  [12, "sx64", "sfixed64"],
  [13, "flag", "bool"],
  [14, "text", "string"],
  [15, "data", "bytes"],
  [16, "kind", "enum"],
  [17, "wide", "uint64big"],
  [18, "signedWide", "sint64big"],
  [19, "self", () => Everything],
  [20, "maybe", "int32", "optional"],
  [21, "numbers", "int64", "repeated"],
  [22, "words", "string", "repeated"],
  [23, "selves", () => Everything, "repeated"],
  [24, "labels", "string", "map", "string"],
  [25, "byNumber", () => Everything, "map", "int32"],
  [26, "left", "string", "oneof", "choice"],
  [100000, "right", () => Everything, "oneof", "choice"],
]);

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const single = (spec: FieldSpec) => message<Record<string, unknown>>("test.Single", [spec]);

test("encode() writes the bytes of protobuf's own examples", () => {
  // https://protobuf.dev/programming-guides/encoding
  assert.equal(hex(encode(single([1, "a", "int32"]), { a: 150 })), "089601");
  assert.equal(hex(encode(single([2, "b", "string"]), { b: "testing" })), "120774657374696e67");
  const inner = single([1, "a", "int32"]);
  assert.equal(hex(encode(single([3, "c", inner]), { c: { a: 150 } })), "1a03089601");
  assert.equal(hex(encode(single([6, "e", "int32", "repeated"]), { e: [3, 270, 86942] })), "3206038e029ea705");
  assert.equal(hex(encode(single([1, "a", "int32"]), { a: -2 })), "08feffffffffffffffff01");
  assert.equal(hex(encode(single([1, "a", "sint32"]), { a: -2 })), "0803");
});

test("encode() writes texts of every length, and of more than ASCII", () => {
  const type = single([1, "a", "string"]);
  for (const length of [1, 63, 64, 65, 126, 127, 128, 129, 600, 16_384]) {
    for (const text of ["x".repeat(length), `${"x".repeat(length - 1)}ü`, `${"x".repeat(length - 1)}\u007f`]) {
      const bytes = Buffer.from(text);
      const size = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, ...rest(bytes.length >> 7)];
      assert.equal(hex(encode(type, { a: text })), hex(Buffer.concat([Buffer.from([0x0a, ...size]), bytes])));
    }
  }
  function rest(value: number): number[] {
    return value < 128 ? [value] : [(value & 127) | 128, ...rest(value >> 7)];
  }
});

test("decode() gives back what encode() took, at the edges of every type", () => {
  const values: Init<Everything>[] = [
    { f64: Number.MAX_VALUE, f32: 1.5, i32: -2147483648, i64: -9007199254740991, u32: 4294967295 },
    { i32: 2147483647, i64: Number.MAX_SAFE_INTEGER, u64: Number.MAX_SAFE_INTEGER, s32: -2147483648, s64: -1 },
    {
      s32: 2147483647,
      s64: Number.MAX_SAFE_INTEGER,
      x32: 4294967295,
      x64: 2 ** 52 + 1,
      sx32: -5,
      sx64: -(2 ** 40) - 3,
    },
    { s64: -Number.MAX_SAFE_INTEGER, f64: -0, f32: Number.POSITIVE_INFINITY, kind: -1 },
    {
      flag: true,
      text: "\uFEFFhäfen 🐳",
      data: new Uint8Array([0, 255]),
      wide: 2n ** 64n - 1n,
      signedWide: -(2n ** 63n),
    },
    {
      signedWide: 2n ** 63n - 1n,
      wide: 2n ** 32n,
      maybe: 0,
      numbers: [0, -1, 2 ** 33],
      words: ["", "x".repeat(20000)],
    },
    {
      self: { self: { text: "deep" } },
      selves: [{}, { i32: 1 }],
      labels: { a: "", "": "b" },
      byNumber: { 5: {}, 7: { i32: 7 } },
    },
    { choice: { case: "left", value: "" } },
    { choice: { case: "right", value: { text: "far" } } },
  ];
  for (const value of values) {
    const back = decode(Everything, encode(Everything, value));
    for (const [name, expected] of Object.entries(value)) {
      const expand = (v: unknown): unknown => v;
      const got = back[name as keyof Everything];
      if (typeof expected !== "object" || expected instanceof Uint8Array) assert.deepEqual(got, expand(expected), name);
    }
    assert.equal(hex(encode(Everything, back)), hex(encode(Everything, value)), "the same bytes again");
  }
});

test("decode() fills in defaults, and an explicit presence tells zero from absent", () => {
  const empty = decode(Everything, new Uint8Array(0));
  assert.deepEqual(
    [empty.i32, empty.text, empty.flag, empty.wide, empty.self, empty.maybe],
    [0, "", false, 0n, undefined, undefined],
  );
  assert.deepEqual([empty.numbers, empty.labels, empty.choice], [[], {}, undefined]);
  assert.equal(decode(Everything, encode(Everything, { maybe: 0 })).maybe, 0);
  assert.equal(encode(Everything, empty).length, 0);
  assert.deepEqual(create(Everything, { self: { i32: 3 } }).self?.words, []);
});

test("decode() keeps fields it does not know, also groups and wrong wire types, and encode() writes them again", () => {
  const bytes = unhex("f8 ff ff ff 0f 05  18 07  1b 08 01 1c  12 01 41  fa 07 02 68 69");
  const value = decode(single([3, "a", "int32"]), bytes);
  assert.equal(value.a, 7);
  assert.ok(unknownFields in value);
  assert.equal(
    hex(encode(single([3, "a", "int32"]), value as unknown as { a: number })),
    hex(unhex("18 07 f8 ff ff ff 0f 05 1b 08 01 1c 12 01 41 fa 07 02 68 69")),
  );
});

test("decode() takes repeated numbers packed or one by one, and merges a message that comes twice", () => {
  const numbers = single([1, "n", "uint32", "repeated"]);
  assert.deepEqual(decode(numbers, unhex("08 01 0a 02 02 03 08 04")).n, [1, 2, 3, 4]);
  const twice = new Uint8Array([
    ...encode(Everything, { self: { i32: 1, text: "a" } }),
    ...encode(Everything, { self: { text: "b" } }),
  ]);
  const { self } = decode(Everything, twice);
  assert.deepEqual([self?.i32, self?.text], [1, "b"]);
});

test("a map's key may be __proto__ without harm", () => {
  const bytes = encode(Everything, { labels: JSON.parse('{"__proto__":"x"}') as Record<string, string> });
  const { labels } = decode(Everything, bytes);
  assert.deepEqual(Object.keys(labels), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(labels), Object.prototype);
});

test("decode() refuses what is cut short, too deep, or beyond what a number holds", () => {
  const bad = (type: MessageType<unknown>, bytes: Uint8Array, code: "InvalidArgument" | "OutOfRange") =>
    assert.throws(
      () => decode(type, bytes),
      (error) => isCode(error, code),
    );
  bad(Everything, unhex("08"), "InvalidArgument");
  bad(Everything, unhex("72 05 41"), "InvalidArgument");
  bad(Everything, unhex("72 ff ff ff ff ff 01"), "InvalidArgument");
  bad(Everything, unhex("18 ff ff ff ff ff ff ff ff ff ff 01"), "InvalidArgument");
  bad(Everything, unhex("00 00"), "InvalidArgument");
  bad(Everything, unhex("1c"), "InvalidArgument");
  bad(Everything, unhex("1f"), "InvalidArgument");
  bad(Everything, encode(single([6, "a", "uint64"]), { a: 2n ** 60n }), "OutOfRange");
  let deep = new Uint8Array(0);
  for (let i = 0; i < 200; i++) deep = new Uint8Array([0x9a, 1, ...encodeLength(deep.length), ...deep]);
  bad(Everything, deep, "InvalidArgument");
  bad(Everything, new Uint8Array(100000).fill(0x1b), "InvalidArgument");
});

function encodeLength(n: number): number[] {
  return n < 128 ? [n] : [(n & 127) | 128, ...encodeLength(n >> 7)];
}

test("encode() refuses values of another type or range, names the field, and stays usable", () => {
  const bad: unknown[] = [
    { i32: 2 ** 31 },
    { i32: 1.5 },
    { u32: -1 },
    { text: 5 },
    { flag: 1 },
    { data: "x" },
    { i64: 2 ** 53 },
  ];
  bad.push(
    { u64: -1 },
    { wide: 2n ** 64n },
    { self: 3 },
    { words: "abc" },
    { words: [1] },
    { self: null },
    { text: null },
  );
  for (const value of bad) {
    const name = Object.keys(value as object)[0]!;
    assert.throws(
      () => encode(Everything, value as Init<Everything>),
      (error) => isCode(error, "InvalidArgument") && (error as WharfError).message.includes(`test.Everything.${name}`),
      name,
    );
  }
  assert.equal(hex(encode(single([1, "a", "int32"]), { a: 1 })), "0801");
});

test("random bytes are decoded or refused with a WharfError, never anything else", () => {
  let seed = 12345;
  const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  const valid = encode(Everything, {
    self: { text: "abc", numbers: [1, 2, 3] },
    labels: { a: "b" },
    choice: { case: "right", value: {} },
  });
  for (let round = 0; round < 20000; round++) {
    const bytes = round % 2 ? valid.slice() : new Uint8Array(Math.floor(random() * 40));
    const changes = round % 2 ? 3 : bytes.length;
    for (let i = 0; i < changes; i++) bytes[round % 2 ? Math.floor(random() * bytes.length) : i] = random() * 256;
    try {
      const value = decode(Everything, bytes);
      decode(Everything, encode(Everything, value));
    } catch (error) {
      assert.ok(error instanceof WharfError, String(error));
    }
  }
});

test("Any: containerd's bare names and type URLs are both understood", () => {
  const any = packAny(Everything, { i32: 4 });
  assert.equal(any.typeUrl, "test.Everything");
  assert.equal(unpackAny(Everything, { ...any, typeUrl: "type.googleapis.com/test.Everything" }).i32, 4);
  assert.equal(
    anyName({ typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec", value: any.value }),
    "Spec",
  );
  assert.ok(!isAny({ ...any, typeUrl: "other" }, Everything));
  assert.throws(
    () => unpackAny(Everything, { ...any, typeUrl: "other.Type" }),
    (error) => isCode(error, "InvalidArgument"),
  );
});
