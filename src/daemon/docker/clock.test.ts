import assert from "node:assert/strict";
import { test } from "node:test";
import { now } from "./clock.ts";
import { Events } from "./events.ts";

test("now() and events have the machine's time, also after it was set or the machine has slept", (t) => {
  const real = Date.now;
  const events = new Events();
  let at = 0;
  for (const hours of [0, 5, -3]) {
    const shifted = () => real() + hours * 3_600_000;
    t.mock.method(Date, "now", shifted);
    assert.ok(Math.abs(Date.parse(now()) - shifted()) < 60_000, `${hours} hours: ${now()}`);
    events.emit("volume", "create", "v", {});
    const { timeNano } = events.subscribe(() => {}).past.at(-1)!;
    // none is told as earlier than the one before
    assert.ok(timeNano > at);
    if (hours >= 0) assert.ok(Math.abs(timeNano / 1e6 - shifted()) < 60_000, `${hours} hours: ${timeNano}`);
    at = timeNano;
  }
});
