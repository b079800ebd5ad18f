import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../engine.ts";
import { Container } from "./container.ts";
import { saveLater } from "./exit.ts";
import type { ContainerRecord } from "./record.ts";

test("what could not be written down of a container is tried again until it is, also while it runs", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const container = new Container({ id: "c", state: { phase: "running" } } as ContainerRecord);
  const full = new Error("disk full");
  let [tries, logged] = [0, 0];
  const engine = {
    closing: new AbortController(),
    containers: { save: () => (++tries < 3 ? Promise.reject(full) : Promise.resolve()) },
    log: (_: string, __: string, fields: { error: unknown }) => {
      assert.equal(fields.error, full);
      logged++;
    },
  } as unknown as Engine;
  saveLater(engine, container, full);
  for (let i = 0; i < 5; i++) {
    t.mock.timers.tick(2000);
    await new Promise(setImmediate);
  }
  assert.deepEqual([tries, logged], [3, 3]);
});
