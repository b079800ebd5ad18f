// The core with the real agent, our shim and runt: what unit tests do with a fake agent, and the tasks.
import { describe } from "node:test";
import { leasesSuite } from "../../src/daemon/containerd/conformance/leases.ts";
import { NATIVE_EXCEPT, snapshotsSuite } from "../../src/daemon/containerd/conformance/snapshots.ts";
import { tasksSuite } from "../../src/daemon/containerd/conformance/tasks.ts";
import { createSubject } from "./core-subject.ts";

const create = () => createSubject();

snapshotsSuite("agent", create);
snapshotsSuite(
  "agent, native",
  Object.assign(() => createSubject(), { except: NATIVE_EXCEPT }),
  "native",
);
leasesSuite("agent", create);
// each has a daemon of its own, and some wait
describe("with shims", { concurrency: 4 }, () => tasksSuite("runt", create));
