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

test("times of the second that was written last are read like all others", () => {
  const text = formatTimestamp({ seconds: 1_767_322_985, nanos: 123_456_789 });
  assert.equal(text, "2026-01-02T03:03:05.123456789Z");
  for (const [nanos, fraction] of [
    [7, "000000007Z"],
    [120_000_000, "12Z"],
    [123_456_789, "1234567891Z"],
    [0, "000000000z"],
  ] as const) {
    assert.deepEqual(parseTimestamp(text.slice(0, 20) + fraction), { seconds: 1_767_322_985, nanos });
  }
  assert.equal(parseTimestamp(`${text.slice(0, 20)}1234+01:00`).seconds, 1_767_322_985 - 3600);
  assert.throws(() => parseTimestamp(`${text.slice(0, 20)}12345678xZ`), { code: "InvalidArgument" });
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

test("formatTimestamp() refuses nanoseconds that are none of a second", () => {
  for (const nanos of [-1, 1e9, Number.NaN])
    assert.throws(
      () => formatTimestamp({ seconds: 1, nanos }),
      (error) => isCode(error, "OutOfRange"),
    );
});
