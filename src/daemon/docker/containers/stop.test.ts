import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../engine.ts";
import { Container } from "./container.ts";
import type { ContainerRecord } from "./record.ts";
import { startContainer } from "./start.ts";
import { killContainer, stopContainer } from "./stop.ts";

function restarting() {
  const state = { phase: "exited", stopped: false };
  const container = new Container({ id: "c", name: "c", state } as ContainerRecord);
  container.restarting = new AbortController();
  const events: string[] = [];
  const engine = {
    containers: { save: async () => {} },
    emit: (_: Container, action: string) => void events.push(action),
  } as unknown as Engine;
  return { container, engine, events };
}

test("stop ends what the restart policy has planned anew while it waited for a start under way", async () => {
  const { container, engine, events } = restarting();
  const waited = container.next("exit");
  const later = new AbortController();
  const start = container.exclusive(async () => {
    container.restarting = later;
  });
  assert.equal(await stopContainer(engine, container), true);
  await Promise.all([start, waited]);
  assert.equal(later.signal.aborted, true);
  assert.equal(container.restarting, undefined);
  assert.equal(container.record.state.stopped, true);
  assert.deepEqual(events, ["stop"]);
  assert.equal(await stopContainer(engine, container), false);
});

test("a restart that was stopped before its turn came does not happen", async () => {
  const { container, engine } = restarting();
  const plan = container.restarting!;
  await stopContainer(engine, container);
  assert.equal(await startContainer(engine, container, plan), false);
});

for (const [what, save] of [
  ["written down before it is signalled", async () => {}],
  ["signalled where that cannot be written down", () => Promise.reject(new Error("read-only"))],
] as const) {
  test(`kill: that a restart policy is to leave it alone is ${what}`, async () => {
    const done: unknown[] = [];
    const record = { config: {}, hostConfig: { RestartPolicy: { Name: "always" } }, state: { phase: "running" } };
    const container = new Container({ id: "c", ...record } as ContainerRecord);
    const engine = {
      containers: {
        save: async ({ record }: Container) => {
          done.push(record.state.stopped);
          await save();
        },
      },
      client: { tasks: { kill: async ({ signal }: { signal: number }) => void done.push(signal) } },
      emit() {},
      log: (level: string) => void done.push(level),
    } as unknown as Engine;
    await killContainer(engine, container, "TERM");
    assert.deepEqual(
      done.filter((one) => one !== "warn"),
      [true, 15],
    );
  });
}
