// Sandboxes that a container holds, with our shim: on the core in process, and through our gRPC client and server.
import { podSandboxesSuite } from "../../src/daemon/containerd/conformance/podsandboxes.ts";
import { createSubject } from "./core-subject.ts";

podSandboxesSuite("core", () => createSubject());
podSandboxesSuite("grpc", () => createSubject(true));
