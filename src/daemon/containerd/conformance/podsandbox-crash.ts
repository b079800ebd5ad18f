/** Kills the daemon at every fail point of a pod's life, starts it again, and looks for what was lost or left behind. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isCode } from "../../../common/errors.ts";
import { PODSANDBOX_SANDBOXER } from "../api/sandboxes.ts";
import type { ContainerdCore } from "../api.ts";
import { type CrashPlace, eachOf, processes, runScenario, specsOf, within } from "./crash-harness.ts";

const SCENARIO = "podsandbox-scenario.ts";
const OWN = ["inserted", "files-made", "created", "task-created", "task-started", "stopped", "emptied", "task-deleted"];

export function podSandboxCrashSuite(
  name: string,
  scratch: () => CrashPlace,
  open: (place: CrashPlace) => Promise<ContainerdCore>,
): void {
  test(`${name}: kill -9 at any step of a podsandbox's life loses none and leaves nothing`, async () => {
    const { points } = await within(scratch, (place) => runScenario(place, SCENARIO, "*"));
    for (const point of [...OWN, "container-deleted"]) assert.ok(points.includes(`podsandbox.${point}`), point);
    // The others, and those of tasks for its containers', are what the suite of tasks has.
    const specs = specsOf(points).filter((point) => /^(podsandbox\..*|task\..*:1)$/.test(point));
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
    const pods = client.sandboxController(PODSANDBOX_SANDBOXER);
    const last = steps.at(-1);
    const status = await pods.status("p1").catch((error: unknown) => {
      assert.ok(isCode(error, "NotFound"), String(error));
      return undefined;
    });
    if (!status) assert.deepEqual(filesOf(place.state, "podsandboxes/a"), [], "the restart has cleaned up");
    if (status?.state === "SANDBOX_READY")
      assert.equal((await client.tasks.get({ containerId: "p1" })).status, "running");
    // What a client was told stands until the client itself asks for the next step.
    if (last === "created") assert.notEqual(status?.state ?? "SANDBOX_NOTREADY", "SANDBOX_NOTREADY");
    if (last === "started" || last === "filled") assert.ok(status);
    if (last === "started") assert.equal(status!.state, "SANDBOX_READY");
    if (last === "filled") await pods.stop("p1");
    if (status?.state === "SANDBOX_NOTREADY" || last === "filled")
      assert.equal((await pods.wait("p1")).exitStatus, 137);
    if (last === "removed") assert.equal(status, undefined);
    // A start that was cut short can be had again.
    if (status?.state === "SANDBOX_UNKNOWN") await pods.start("p1");
    await pods.shutdown("p1");
    assert.deepEqual(await client.tasks.list(), []);
    assert.deepEqual(
      (await client.containers.list()).filter(({ id }) => id === "p1"),
      [],
    );
  }
  const { state } = place;
  for (const folder of ["tasks/a", "podsandboxes/a"]) assert.deepEqual(filesOf(state, folder), [], folder);
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(state), "no mount is left");
  for (let i = 0; i < 3000 && processes(state).length > 0; i++) await sleep(20);
  assert.deepEqual(processes(state), []);
}

function filesOf(state: string, folder: string): string[] {
  return existsSync(join(state, folder)) ? readdirSync(join(state, folder)) : [];
}
