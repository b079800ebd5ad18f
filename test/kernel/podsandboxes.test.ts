// Sandboxes that a container holds, with our shim: on the core in process, and through our gRPC client and server.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeAgent } from "../../src/daemon/containerd/conformance/fake-agent.ts";
import { podSandboxCrashSuite } from "../../src/daemon/containerd/conformance/podsandbox-crash.ts";
import { podSandboxesSuite } from "../../src/daemon/containerd/conformance/podsandboxes.ts";
import { removeCgroup } from "../../src/daemon/containerd/conformance/task-harness.ts";
import { createCore } from "../../src/daemon/containerd/core.ts";
import { uniqueName } from "../support/run.ts";
import { createSubject } from "./core-subject.ts";

const BIN = join(import.meta.dirname, "../../dist/bin");

podSandboxesSuite("core", () => createSubject());
podSandboxesSuite("grpc", () => createSubject(true));

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
