import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../engine.ts";
import { Container } from "./container.ts";
import { ended } from "./exit.ts";
import type { ContainerRecord } from "./record.ts";
import { removeContainer } from "./remove.ts";
import { startContainer } from "./start.ts";

test("removal by force, while a start is under way, gives back what that took, and all is told before it is gone", async () => {
  const state = { phase: "created", startedAt: "2026-01-02T03:04:05Z", finishedAt: "2026-01-02T03:04:05Z" };
  const hostConfig = { NetworkMode: "bridge", RestartPolicy: { Name: "no" } };
  const record = { id: "c", name: "c", state, hostConfig, config: {}, mounts: [], networks: {} };
  const container = new Container(record as unknown as ContainerRecord);
  const done: string[] = [];
  const exit = { exitStatus: 137, exitedAt: "2026-01-02T03:04:06Z" };
  const engine = {
    root: "/nowhere",
    closing: new AbortController(),
    client: {
      tasks: {
        kill: async () => void setImmediate(() => void ended(engine, container, exit, startContainer)),
        delete: async () => {},
      },
      containers: { delete: async () => {} },
      snapshots: () => ({ remove: async () => {} }),
    },
    containers: { save: async () => {}, forget: () => {}, all: () => [] },
    networks: {
      has: () => false,
      users: () => [],
      user: () => undefined,
      release: async () => void done.push("release"),
    },
    volumes: { disuse: async () => void done.push("disuse") },
    turns: { next: async () => {} },
    leftovers: { remove: () => {} },
    execs: new Map(),
    folder: () => "/nowhere",
    attachSocket: () => "/nowhere/c.sock",
    emit: (_: Container, action: string) => void done.push(action),
    log: (_: string, message: string, fields: { error?: unknown }) => assert.fail(`${message}: ${fields.error}`),
  } as unknown as Engine;
  const start = container.exclusive(async () => {
    container.record.state = { ...container.record.state, phase: "running" };
  });
  await Promise.all([start, removeContainer(engine, container, { force: true })]);
  // What is still under way would come after.
  await container.exclusive(async () => {});
  assert.deepEqual(done, ["kill", "release", "disuse", "die", "destroy"]);
});
