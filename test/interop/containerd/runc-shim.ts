// Run inside the peers' root: the core's tasks with containerd's own shim, or with ours (`runt`), and runc.
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Options } from "../../../src/common/gen/containerd/runc/options.ts";
import { packAny } from "../../../src/common/protobuf/any.ts";
import { startAgent } from "../../../src/daemon/agent/client.ts";
import { SPEC_TYPE_URL } from "../../../src/daemon/containerd/api/containers.ts";
import { FakeAgent } from "../../../src/daemon/containerd/conformance/fake-agent.ts";
import { podSandboxesSuite } from "../../../src/daemon/containerd/conformance/podsandboxes.ts";
import { taskCrashSuite } from "../../../src/daemon/containerd/conformance/task-crash.ts";
import { type TaskSubject, taskSpec, until } from "../../../src/daemon/containerd/conformance/task-harness.ts";
import { tasksSuite } from "../../../src/daemon/containerd/conformance/tasks.ts";
import { createCore } from "../../../src/daemon/containerd/core.ts";
import { uniqueName } from "../../support/run.ts";

const RUNTIME = `io.containerd.${process.argv[2] ?? "runc"}.v2`;
const BIN = join(import.meta.dirname, "../../../dist/bin");

function busybox(dir: string): string {
  for (const path of ["bin", "proc", "dev"]) mkdirSync(join(dir, path), { recursive: true });
  copyFileSync("/usr/bin/busybox", join(dir, "bin/busybox"));
  return dir;
}

/** What shims have said. */
const lines: string[] = [];

async function create(): Promise<TaskSubject> {
  const dir = mkdtempSync("/tmp/wharf-tasks-");
  // Roots of user namespaces look into it.
  chmodSync(dir, 0o755);
  const root = join(dir, "root");
  const state = join(dir, "state");
  const image = busybox(join(dir, "image"));
  const holder = join(BIN, "wharf-agent");
  mkdirSync(state);
  const start = async () => {
    const agent = await startAgent({ state, binary: holder });
    const shimLine = (line: string) => lines.push(line);
    return { agent, core: await createCore({ root, state, agent, shimPath: [BIN], holder, shimLine, debug: true }) };
  };
  const stop = async () => {
    await running.core[Symbol.asyncDispose]();
    await running.agent[Symbol.asyncDispose]();
  };
  let running = await start();
  return {
    dir,
    state,
    cgroup: uniqueName("tasks"),
    runtime: { name: RUNTIME, options: packAny(Options, { binaryName: "runc", root: join(dir, "oci") }) },
    rootfs: [{ type: "bind", source: image, target: "", options: ["rbind", "rw"] }],
    client: (namespace) => running.core.namespace(namespace),
    restart: async (between) => {
      await stop();
      await between?.();
      running = await start();
    },
    [Symbol.asyncDispose]: async () => {
      const { tasks } = running.core.namespace("a");
      for (const { containerId, status } of await tasks.list()) {
        if (status !== "stopped") await tasks.kill({ containerId, signal: 9, all: true }).catch(() => {});
        await tasks.wait({ containerId }).catch(() => {});
        await tasks.delete(containerId);
      }
      await stop();
      rmSync(dir, { recursive: true });
    },
  };
}

// each has a daemon of its own, and some wait
describe("with shims", { concurrency: 4 }, () => {
  tasksSuite(RUNTIME, create);
  podSandboxesSuite(RUNTIME, create);
});

test(`${RUNTIME}: what the shim says comes into the daemon's log, before and after a restart`, async () => {
  await using subject = await create();
  lines.length = 0;
  const said = (text: string) => until(text, () => lines.some((line) => line.includes(text)));
  const theirs = process.argv[2] === undefined;
  const { runtime, rootfs } = subject;
  const value = taskSpec(subject, "l1", ["/bin/busybox", "sleep", "100"]);
  await subject.client("a").containers.create({ id: "l1", runtime, spec: { typeUrl: SPEC_TYPE_URL, value } });
  await subject.client("a").tasks.create({ containerId: "l1", rootfs });
  await subject.client("a").tasks.start({ containerId: "l1" });
  // it was told to say more
  if (theirs) await said("level=debug");
  await subject.restart();
  appendFileSync(join(subject.state, "tasks/a/l1/log"), "a line for the journal\n");
  if (theirs) await said("a line for the journal");
  await subject.client("a").tasks.kill({ containerId: "l1", signal: 9 });
  await subject.client("a").tasks.wait({ containerId: "l1" });
  await subject.client("a").tasks.delete("l1");
  await said("a line for the journal");
});

taskCrashSuite(
  RUNTIME,
  () => {
    const dir = mkdtempSync("/tmp/wharf-crash-");
    return {
      root: join(dir, "root"),
      state: join(dir, "state"),
      rootfs: busybox(join(dir, "image")),
      runtime: process.argv[2] ? join(BIN, `containerd-shim-${process.argv[2]}-v2`) : RUNTIME,
      binaryName: "runc",
      cgroup: `/${uniqueName("crash")}`,
      [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
    };
  },
  ({ root, state }) => createCore({ root, state, agent: new FakeAgent(), shimPath: [BIN] }),
);
