import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTimestamp } from "../../../common/timestamp.ts";
import { taskExit, taskStart } from "../events/messages.ts";
import { wasBefore } from "./exits.ts";

test("wasBefore() goes by when a process ended, not by when its shim tells of it", () => {
  const [early, start, later] = ["2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z", "2026-01-01T00:00:03Z"] as const;
  const time = Date.parse(start);
  const exit = (timestamp: string, exitedAt?: string) =>
    wasBefore(
      {
        ...{ namespace: "a", timestamp },
        ...taskExit({ containerId: "c", id: "e", pid: 7, ...(exitedAt && { exitedAt: parseTimestamp(exitedAt) }) }),
      },
      time,
    );
  assert.equal(exit(early, early), true);
  assert.equal(exit(later, early), true, "told late");
  assert.equal(exit(later, later), false);
  assert.equal(exit(later), false, "no time");
  const begun = { namespace: "a", ...taskStart({ containerId: "c", pid: 7 }) };
  assert.deepEqual(
    [wasBefore({ ...begun, timestamp: early }, time), wasBefore({ ...begun, timestamp: later }, time)],
    [true, false],
  );
});
