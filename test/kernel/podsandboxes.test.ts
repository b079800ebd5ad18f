// Sandboxes that a container holds, with our shim: on the core in process, and through our gRPC client and server.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { PODSANDBOX_SANDBOXER } from "../../src/daemon/containerd/api/sandboxes.ts";
import { FakeAgent } from "../../src/daemon/containerd/conformance/fake-agent.ts";
import { podSandboxCrashSuite } from "../../src/daemon/containerd/conformance/podsandbox-crash.ts";
import { podSandboxesSuite } from "../../src/daemon/containerd/conformance/podsandboxes.ts";
import { removeCgroup } from "../../src/daemon/containerd/conformance/task-harness.ts";
import { createCore } from "../../src/daemon/containerd/core.ts";
import { uniqueName } from "../support/run.ts";
import { createSubject } from "./core-subject.ts";

const BIN = join(import.meta.dirname, "../../dist/bin");

// each has a daemon of its own
describe("with shims", { concurrency: 4 }, () => {
  podSandboxesSuite("core", () => createSubject());
  podSandboxesSuite("grpc", () => createSubject(true));
});

podSandboxCrashSuite(
  "core",
  () => {
    const dir = mkdtempSync(join(tmpdir(), "wharf-crash-"));
    const rootfs = join(dir, "image");
    for (const path of ["bin", "proc"]) mkdirSync(join(rootfs, path), { recursive: true });
    copyFileSync("/usr/bin/busybox", join(rootfs, "bin/busybox"));
    const cgroup = uniqueName("crash");
    return {
      ...{ root: join(dir, "root"), state: join(dir, "state"), rootfs },
      runtime: join(BIN, "containerd-shim-runt-v2"),
      binaryName: "",
      cgroup: `/${cgroup}`,
      holder: join(BIN, "wharf-agent"),
      [Symbol.dispose]: () => {
        rmSync(dir, { recursive: true });
        removeCgroup(cgroup);
      },
    };
  },
  ({ root, state, holder }) => createCore({ root, state, agent: new FakeAgent(), holder }),
);

test("core: a podsandbox whose left-overs a start could not remove can be created again", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-pod-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const [root, state, holder] = [join(dir, "root"), join(dir, "state"), join(BIN, "wharf-agent")];
  const sandbox = { id: "p1", runtime: { name: join(BIN, "containerd-shim-runt-v2") } };
  {
    await using core = await createCore({ root, state, agent: new FakeAgent(), holder });
    const client = core.namespace("a");
    await client.sandboxController(PODSANDBOX_SANDBOXER).create({ id: "p1", sandbox });
    await client.containers.delete("p1");
  }
  const agent = new FakeAgent();
  const unmount = agent.unmount.bind(agent);
  agent.unmount = () => Promise.reject(new Error("not now"));
  const logged: string[] = [];
  const log = (message: string) => void logged.push(message);
  await using core = await createCore({ root, state, agent, holder, log });
  assert.deepEqual(logged, ["cannot restore sandbox a/p1"]);
  agent.unmount = unmount;
  const pods = core.namespace("a").sandboxController(PODSANDBOX_SANDBOXER);
  await pods.create({ id: "p1", sandbox });
  assert.equal((await pods.status("p1")).state, "SANDBOX_UNKNOWN");
  await pods.shutdown("p1");
});
