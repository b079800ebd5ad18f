// Sandboxes with our shim: on the core in process, and through our gRPC client and server.
import { describe } from "node:test";
import { podsSuite } from "../../src/daemon/containerd/conformance/pods.ts";
import { tasksSuite } from "../../src/daemon/containerd/conformance/tasks.ts";
import { createSubject } from "./core-subject.ts";

// each has a daemon of its own, and some wait: for a shim that hangs, for events that nobody takes
describe("with shims", { concurrency: 4 }, () => {
  podsSuite("core", () => createSubject());
  podsSuite("grpc", () => createSubject(true));
  tasksSuite("grpc", () => createSubject(true));
});
