// Execs whose start fails, or is under way when the container's process ends (containerd's issue 10589).
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Options } from "../../../src/common/gen/containerd/runc/options.ts";
import { Status } from "../../../src/common/gen/containerd/types/task.ts";
import { packAny } from "../../../src/common/protobuf/any.ts";
import { until } from "../../support/until.ts";
import { Daemon, SHIM } from "./harness.ts";

const processOf = (args: string[]) => ({
  typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Process",
  value: Buffer.from(JSON.stringify({ args, cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } })),
});

test("an exec whose start failed is still a created one: it is waited for no more, not started again, and can be deleted", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { id, task } = shim;
  await daemon.create(shim);
  await task.start({ id });
  await task.exec({ id, execId: "one", spec: processOf(["no-such-program"]) });
  const waited = task.wait({ id, execId: "one" });
  await assert.rejects(task.start({ id, execId: "one" }), /no-such-program/);
  assert.equal((await task.state({ id, execId: "one" })).status, Status.CREATED);
  assert.deepEqual([(await waited).exitStatus, (await task.wait({ id, execId: "one" })).exitStatus], [0, 0]);
  await assert.rejects(task.start({ id, execId: "one" }), /cannot start a created process/);
  await task.delete({ id, execId: "one" });
  assert.equal((await task.state({ id })).status, Status.RUNNING);
});

test("an exec does not wait for the start of another", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { id, bundle, task } = shim;
  const file = (name: string) => join(daemon.folder, name);
  const wait = `case " $* " in *" exec "*slow.process.json*) : > ${file("ready")}; until [ -e ${file("go")} ]; do sleep 0.05; done ;; esac`;
  writeFileSync(file("program"), `#!/bin/sh\n${wait}\nexec ${join(SHIM, "../runt")} "$@"\n`, { mode: 0o755 });
  const options = packAny(Options, { binaryName: file("program"), root: file("own") });
  await task.create({ id, bundle, rootfs: daemon.mounts, options });
  await task.start({ id });
  await task.exec({ id, execId: "slow", spec: processOf(["sh", "-c", "exit 3"]) });
  const slow = task.start({ id, execId: "slow" });
  await until("the runtime at its work", () => existsSync(file("ready")));
  for (const [execId, args] of Object.entries({ fails: ["no-such-program"], quick: ["sh", "-c", "exit 2"] })) {
    await task.exec({ id, execId, spec: processOf(args) });
  }
  await assert.rejects(task.start({ id, execId: "fails" }), /no-such-program/);
  await task.start({ id, execId: "quick" });
  assert.equal((await task.wait({ id, execId: "quick" })).exitStatus, 2);
  // What changes the container comes after it.
  const paused = task.pause({ id });
  const first = await Promise.race([
    paused.then(() => "paused"),
    task.state({ id, execId: "slow" }).then(() => "asked"),
  ]);
  assert.equal(first, "asked");
  writeFileSync(file("go"), "");
  await slow;
  await paused;
  await task.resume({ id });
  assert.equal((await task.wait({ id, execId: "slow" })).exitStatus, 3);
});

test("the container's process ends while an exec is being started: that is told when the start is over, and further ones are refused at once", async () => {
  await using daemon = new Daemon();
  await daemon.serveEvents();
  await using shim = await daemon.start();
  const { id, bundle, task } = shim;
  const [ready, go, program] = ["ready", "go", "program"].map((name) => join(daemon.folder, name)) as [
    string,
    string,
    string,
  ];
  const wait = `case " $* " in *" exec "*) : > ${ready}; until [ -e ${go} ]; do sleep 0.05; done ;; esac`;
  writeFileSync(program, `#!/bin/sh\n${wait}\nexec ${join(SHIM, "../runt")} "$@"\n`, { mode: 0o755 });
  const options = packAny(Options, { binaryName: program, root: join(daemon.folder, "own") });
  const { pid } = await task.create({ id, bundle, rootfs: daemon.mounts, options });
  await task.start({ id });
  await task.exec({ id, execId: "one", spec: processOf(["sleep", "301"]) });
  const started = assert.rejects(task.start({ id, execId: "one" }));
  await until("the runtime at its work", () => existsSync(ready));
  process.kill(pid, "SIGKILL");
  // Refused at once as soon as the shim has seen the end; for what was asked for earlier the runtime works, too. That the container counts as running lets it be made.
  const answers: Promise<string>[] = [];
  await until("a refusal", async () => {
    const execId = `other${answers.length}`;
    await task.exec({ id, execId, spec: processOf(["true"]) });
    const answer = task.start({ id, execId }).then(() => "started", String);
    answers.push(answer);
    return (await Promise.race([answer, sleep(500, "waits")])) !== "waits";
  });
  assert.equal((await task.state({ id })).status, Status.RUNNING);
  writeFileSync(go, "");
  await started;
  const said = await Promise.all(answers);
  // a refusal that came late was taken for a wait, and another exec asked for
  const refused = said.findIndex((answer) => /cannot start a stopped process/.test(answer));
  assert.ok(refused >= 0, String(said));
  for (const answer of said.slice(0, refused)) assert.match(answer, /exec failed/);
  for (const answer of said.slice(refused)) assert.match(answer, /cannot start a stopped process/);
  assert.equal((await task.wait({ id })).exitStatus, 137);
  const states = await Promise.all(["", "one", "other0"].map((execId) => task.state({ id, execId })));
  assert.deepEqual(
    states.map(({ status }) => status),
    [Status.STOPPED, Status.CREATED, Status.CREATED],
  );
  await daemon.event("/tasks/exit", { id, pid });
  await assert.rejects(
    task.exec({ id, execId: "late", spec: processOf(["true"]) }),
    /cannot exec in a stopped process/,
  );
});
