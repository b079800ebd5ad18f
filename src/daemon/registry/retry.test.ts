import assert from "node:assert/strict";
import { test } from "node:test";
import { isCode, WharfError } from "../../common/errors.ts";
import { backoff, canceled, DEFAULT_RETRY, isTransientStatus, pause, retryAfter } from "./retry.ts";

test("backoff() grows by two with jitter, up to the cap", () => {
  for (const [failures, whole] of [
    [1, 200],
    [2, 400],
    [4, 1600],
    [20, 10_000],
  ] as const) {
    for (let i = 0; i < 50; i++) {
      const delay = backoff(DEFAULT_RETRY, failures);
      assert.ok(delay >= whole / 2 && delay <= whole, `${delay}`);
    }
  }
});

test("retryAfter() reads seconds and dates", () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  assert.equal(retryAfter("7"), 7000);
  assert.equal(retryAfter("Fri, 02 Jan 2026 03:04:15 GMT", now), 10_000);
  assert.equal(retryAfter("Fri, 02 Jan 2026 03:04:00 GMT", now), 0);
  assert.equal(retryAfter("soon"), undefined);
  assert.equal(retryAfter(undefined), undefined);
});

test("isTransientStatus() takes overload and breakdown, not refusals", () => {
  assert.deepEqual([408, 429, 500, 502, 503, 504].filter(isTransientStatus).length, 6);
  assert.deepEqual([200, 206, 301, 400, 401, 403, 404, 416, 501].filter(isTransientStatus), []);
});

test("pause() ends early when canceled, with the reason", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 5);
  // to its end it would take days
  await assert.rejects(pause(1e9, controller.signal), (error) => isCode(error, "Canceled"));
  await assert.rejects(pause(1, controller.signal), { code: "Canceled" });
  const own = new WharfError("DataLoss", "why");
  assert.equal(canceled(AbortSignal.abort(own)), own);
  assert.equal(canceled(AbortSignal.abort(new DOMException("late", "TimeoutError"))).code, "DeadlineExceeded");
});
