import assert from "node:assert/strict";
import { test } from "node:test";
import { hintOf } from "../errors.ts";
import { binarySize, humanDuration, humanSize, parseBytes, parseDuration } from "./units.ts";

test("parseBytes() takes docker's sizes", () => {
  for (const [text, bytes] of [
    ["0", 0],
    ["512", 512],
    ["4b", 4],
    ["1k", 1024],
    ["64m", 67108864],
    ["64MB", 67108864],
    ["64MiB", 67108864],
    ["1.5g", 1610612736],
    [".5k", 512],
    ["2 GB", 2147483648],
    ["1t", 1099511627776],
  ] as const) {
    assert.equal(parseBytes(text), bytes, text);
  }
  for (const text of ["", "x", "-1", "1x", "1mm", "m", "1 2", "0x10", "1e3"])
    assert.throws(() => parseBytes(text), /is no size/, text);
});

test("parseDuration() takes Go's durations, in nanoseconds", () => {
  for (const [text, ns] of [
    ["0", 0],
    ["1s", 1e9],
    ["300ms", 3e8],
    ["1h2m3s", 3723e9],
    ["-1.5h", -5400e9],
    ["10us", 1e4],
    ["10µs", 1e4],
    [".5s", 5e8],
  ] as const) {
    assert.equal(parseDuration(text), ns, text);
  }
  for (const text of ["", "s", "1x", "1s2", "1 s"]) assert.throws(() => parseDuration(text), /is no duration/, text);
  try {
    parseDuration("10");
    assert.fail();
  } catch (error) {
    assert.equal(hintOf(error), "for seconds write 10s");
  }
});

test("sizes print as docker prints them", () => {
  for (const [bytes, text] of [
    [0, "0B"],
    [999, "999B"],
    [1000, "1kB"],
    [2061234, "2.061MB"],
    [94371840, "94.37MB"],
    [1e12, "1TB"],
    [1234567890, "1.235GB"],
  ] as const) {
    assert.equal(humanSize(bytes), text);
  }
  assert.equal(humanSize(2061234, 3), "2.06MB");
  assert.equal(humanSize(999999, 3), "1000kB");
  assert.equal(binarySize(25270353920), "23.53GiB");
  assert.equal(binarySize(1024), "1KiB");
});

test("humanDuration() has docker's words", () => {
  for (const [seconds, text] of [
    [0.4, "Less than a second"],
    [1, "1 second"],
    [59.9, "59 seconds"],
    [60, "About a minute"],
    [121, "2 minutes"],
    [3600, "About an hour"],
    [46 * 60, "46 minutes"],
    [3600 * 1.6, "2 hours"],
    [3600 * 47, "47 hours"],
    [3600 * 48, "2 days"],
    [86400 * 14, "2 weeks"],
    [86400 * 70, "2 months"],
    [86400 * 800, "2 years"],
  ] as const) {
    assert.equal(humanDuration(seconds), text, String(seconds));
  }
});
