/** Kills the daemon at every fail point of a task's life, starts it again, and looks for what was lost or left behind. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Containerd, ContainerdCore } from "../api.ts";
import { type CrashPlace, eachOf, processes, runScenario, specsOf, within } from "./crash-harness.ts";

const SCENARIO = "task-scenario.ts";

export function taskCrashSuite(
  name: string,
  scratch: () => CrashPlace,
  open: (place: CrashPlace) => Promise<ContainerdCore>,
): void {
  test(`${name}: kill -9 at any step of a task's life loses no task and leaves no shim, mount or bundle`, async () => {
    const { points } = await within(scratch, (place) => runScenario(place, SCENARIO, "*"));
    const specs = specsOf(points);
    for (const point of [
      "task.inserted",
      "task.bundle-created",
      "task.shim-started",
      "task.created",
      "task.deleted",
      "task.bundle-removed",
    ]) {
      assert.ok(points.includes(point), point);
    }
    await eachOf(specs, (spec) =>
      within(scratch, async (place) => {
        const { steps } = await runScenario(place, SCENARIO, spec);
        await checkAfter(place, open, steps).catch((cause: unknown) => {
          throw new Error(`killed at ${spec}, after ${steps.at(-1) ?? "nothing"}`, { cause });
        });
      }),
    );
  });
}

async function checkAfter(
  place: CrashPlace,
  open: (place: CrashPlace) => Promise<ContainerdCore>,
  steps: readonly string[],
): Promise<void> {
  {
    await using core = await open(place);
    const client = core.namespace("a");
    const tasks = (await client.tasks.list()).map(({ id }) => id);
    if (steps.includes("created") && !steps.includes("exited")) assert.deepEqual(tasks, ["c1"]);
    if (steps.includes("deleted")) assert.deepEqual(tasks, []);
    if (steps.includes("container")) await client.containers.get("c1");
    if (steps.includes("started") && tasks.length > 0) {
      // Its own exit, or that of a task whose deletion was cut short.
      const { exitStatus } = await client.tasks.wait({ containerId: "c1" });
      assert.ok(exitStatus === 0 || (exitStatus === 137 && steps.includes("exited")), `exit status ${exitStatus}`);
    }
    await cleanUp(client);
    if (steps.includes("container")) await client.containers.delete("c1");
  }
  const { state } = place;
  const bundles = existsSync(join(state, "tasks/a")) ? readdirSync(join(state, "tasks/a")) : [];
  assert.deepEqual(bundles, []);
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(state), "no mount is left");
  // A shim whose last events nobody took waits three seconds for somebody who does.
  for (let i = 0; i < 3000 && processes(state).length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(processes(state), []);
}

async function cleanUp(client: Containerd): Promise<void> {
  for (const { id, status } of await client.tasks.list()) {
    if (status === "running") {
      await client.tasks.kill({ containerId: id, signal: 9 }).catch(() => {});
      await client.tasks.wait({ containerId: id });
    }
    await client.tasks.delete(id);
  }
}
