// The tests that the ledgers of containerd's API name, by the file they stand in.
import type { Evidence } from "./evidence.ts";

export const CONFORMANCE = "src/daemon/containerd/conformance";
const SERVICES = "src/daemon/grpc/services.test.ts";
const CTR = "test/interop/ctr/suite.ts";

export const content = (title: string): Evidence => [`${CONFORMANCE}/content.ts`, title];
export const metadata = (title: string): Evidence => [`${CONFORMANCE}/metadata.ts`, title];
export const snapshots = (title: string): Evidence => [`${CONFORMANCE}/snapshots.ts`, title];
export const leases = (title: string): Evidence => [`${CONFORMANCE}/leases.ts`, title];
export const events = (title: string): Evidence => [`${CONFORMANCE}/events.ts`, title];
export const sandboxes = (title: string): Evidence => [`${CONFORMANCE}/sandboxes.ts`, title];
export const pods = (title: string): Evidence => [`${CONFORMANCE}/pods.ts`, title];
export const podSandboxes = (title: string): Evidence => [`${CONFORMANCE}/podsandboxes.ts`, title];
export const filters = (title: string): Evidence => [`${CONFORMANCE}/filters.ts`, title];
export const isolation = (title: string): Evidence => [`${CONFORMANCE}/isolation.ts`, title];
export const restart = (title: string): Evidence => ["test/interop/ctr/restart.test.ts", title];
export const tasks = (title: string): Evidence => [`${CONFORMANCE}/tasks.ts`, title];
export const shim = (title: string): Evidence => ["test/kernel/shim/lifecycle.test.ts", title];
export const shimIo = (title: string): Evidence => ["test/kernel/shim/io.test.ts", title];
export const shimPod = (title: string): Evidence => ["test/kernel/shim/sandbox.test.ts", title];
export const services = (title: string): Evidence => [SERVICES, title];
export const ctr = (title: string): Evidence => [CTR, title];
export const CHECKPOINT: Evidence = [
  "test/interop/containerd/checkpoint.test.ts",
  "checkpoint and restore by ctr, wharfd, shim and runtime",
];
export const diffs: Evidence = ["test/kernel/diff.test.ts", "a layer is applied, a difference made and applied again"];
