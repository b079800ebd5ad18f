// Sandboxes with our shim: on the core in process, and through our gRPC client and server.
import { podsSuite } from "../../src/daemon/containerd/conformance/pods.ts";
import { tasksSuite } from "../../src/daemon/containerd/conformance/tasks.ts";
import { createSubject } from "./core-subject.ts";

podsSuite("core", () => createSubject());
podsSuite("grpc", () => createSubject(true));
tasksSuite("grpc", () => createSubject(true));
