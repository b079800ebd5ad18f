// The codec against bytes written down by hand from the specification, its refusals, and values as text.
import { equal, test, throws } from "../testing.ts";
import { CALL, decodeMessage, encodeMessage, messageLength, SIGNAL } from "./message.ts";
import { parseValue } from "./text.ts";
import { Reader, typesOf, Writer } from "./wire.ts";

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

test("a method call is what the specification says, byte for byte", () => {
  const message = { type: CALL, serial: 1, path: "/a", member: "M", signature: "su", body: ["hi", 7] };
  const bytes = [
    "6c010001 0c000000 01000000 28000000", // little-endian, call, version 1; 12 bytes of body, serial 1, 40 bytes of fields
    "01016f00 02000000 2f6100 0000000000", // path, padded to 8
    "03017300 01000000 4d00 000000000000", // member
    "08016700 02737500", // signature
    "02000000 686900 00 07000000", // "hi", padded to 4; 7
  ];
  const got = hex(encodeMessage(message));
  equal(got, bytes.join("").replaceAll(" ", ""));
  equal(messageLength(encodeMessage(message).subarray(0, 16)), got.length / 2);
});

test("what is encoded is decoded: all types, nested", () => {
  const signature = "ybnqiuxtdsogvasa(sv)a{sv}ay(ii)";
  const body = [
    255,
    true,
    -2,
    65535,
    -3,
    4294967295,
    -5n,
    18446744073709551615n,
    1.5,
    "text ä",
    "/path",
    "a{sv}",
    { signature: "au", value: [1, 2] },
    ["a", "bc"],
    [["Name", { signature: "t", value: 9n }]],
    [["key", { signature: "as", value: [] }]],
    new Uint8Array([1, 2, 3]),
    [-1, 1],
  ];
  const message = decodeMessage(
    encodeMessage({ type: SIGNAL, serial: 3, path: "/", interface: "i.f", member: "S", signature, body }),
  );
  equal(message.body, body);
  equal([message.path, message.interface, message.member, message.serial], ["/", "i.f", "S", 3]);
});

test("big-endian messages are read", () => {
  equal(new Reader(new Uint8Array([0, 0, 0, 5]), false).get("u"), 5);
});

test("typesOf() splits, and names what is no signature", () => {
  equal(typesOf("sa(sv)a{sas}t"), ["s", "a(sv)", "a{sas}", "t"]);
  for (const bad of ["a", "(s", "()", "z", "{sv}", "a{s", "a".repeat(100)])
    throws(() => typesOf(bad), /signature|nested/);
});

test("a message that lies about lengths is an error, not a crash", () => {
  throws(() => new Reader(new Uint8Array([255, 255, 255, 255, 65]), true).get("s"), /ends in the middle/);
  throws(() => new Reader(new Uint8Array([8, 0, 0, 0, 1, 0, 0, 0]), true).get("au"), /ends in the middle/);
  throws(() => messageLength(new Uint8Array(16)), /no D-Bus message/);
  throws(
    () => messageLength(new Uint8Array([108, 1, 0, 1, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0])),
    /no D-Bus message/,
  );
});

test("putAll() wants as many values as types", () => {
  throws(() => new Writer().putAll("su", ["a"]), /takes 2 values/);
});

test("parseValue() reads GVariant's text form", () => {
  equal(parseValue("true"), { signature: "b", value: true });
  equal(parseValue("5"), { signature: "i", value: 5 });
  equal(parseValue("uint64 0x10"), { signature: "t", value: 16n });
  equal(parseValue("@t 7"), { signature: "t", value: 7n });
  equal(parseValue("-1.5"), { signature: "d", value: -1.5 });
  equal(parseValue("double 3"), { signature: "d", value: 3 });
  equal(parseValue("'it'"), { signature: "s", value: "it" });
  equal(parseValue(`"a\\"b\\n"`), { signature: "s", value: 'a"b\n' });
  equal(parseValue("['a.service', \"b\"]"), { signature: "as", value: ["a.service", "b"] });
  equal(parseValue("[byte 1, 2]"), { signature: "ay", value: [1, 2] });
  equal(parseValue("@as []"), { signature: "as", value: [] });
  equal(parseValue("[('a', true)]"), { signature: "a(sb)", value: [["a", true]] });
  equal(parseValue("{'k': <uint32 1>}"), { signature: "a{sv}", value: [["k", { signature: "u", value: 1 }]] });
});

test("parseValue() says what is wrong", () => {
  throws(() => parseValue(""), /expected a value at position 0/);
  throws(() => parseValue("nonsense"), /unknown word nonsense/);
  throws(() => parseValue("byte 256"), /out of range for type y/);
  throws(() => parseValue("[1, 'a']"), /type s where i is wanted/);
  throws(() => parseValue("1 2"), /something follows/);
  throws(() => parseValue("[]"), /needs a type/);
  throws(() => parseValue("'open"), /expected a value/);
});
