import assert from "node:assert/strict";
import { test } from "node:test";
import { isCode } from "./errors.ts";
import { formatTimestamp, parseTimestamp, timestampFromMillis, timestampToMillis } from "./timestamp.ts";

test("timestamps go there and back without loss", () => {
  for (const instant of [
    { seconds: 0, nanos: 0 },
    { seconds: 1_767_322_985, nanos: 123_456_789 },
    { seconds: -62_135_596_800, nanos: 1 },
    { seconds: 253_402_300_799, nanos: 999_999_999 },
  ]) {
    assert.deepEqual(parseTimestamp(formatTimestamp(instant)), instant);
  }
});

test("parseTimestamp() reads offsets, short fractions and lower case", () => {
  assert.equal(formatTimestamp(parseTimestamp("2026-01-02T03:04:05.5+01:30")), "2026-01-02T01:34:05.500000000Z");
  assert.equal(formatTimestamp(parseTimestamp("2026-01-02t03:04:05z")), "2026-01-02T03:04:05.000000000Z");
  assert.equal(formatTimestamp(parseTimestamp("0001-01-01T00:00:00Z")), "0001-01-01T00:00:00.000000000Z");
});

test("parseTimestamp() refuses what is no time", () => {
  for (const text of [
    "",
    "2026",
    "2026-02-30T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-01T25:00:00Z",
    "2026-01-01 00:00",
  ]) {
    assert.throws(
      () => parseTimestamp(text),
      (error) => isCode(error, "InvalidArgument"),
      text,
    );
  }
  assert.throws(
    () => formatTimestamp({ seconds: 1e15, nanos: 0 }),
    (error) => isCode(error, "OutOfRange"),
  );
});

test("timestampFromMillis() keeps microseconds", () => {
  assert.equal(timestampFromMillis(1500.25), "1970-01-01T00:00:01.500250000Z");
  assert.equal(timestampToMillis("1970-01-01T00:00:01.500250000Z"), 1500.25);
});
