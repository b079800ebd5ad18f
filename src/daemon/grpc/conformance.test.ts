import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contentSuite } from "../containerd/conformance/content.ts";
import { eventsSuite } from "../containerd/conformance/events.ts";
import { FakeAgent } from "../containerd/conformance/fake-agent.ts";
import { filtersSuite } from "../containerd/conformance/filters.ts";
import type { Subject, SubjectFactory } from "../containerd/conformance/harness.ts";
import { isolationSuite } from "../containerd/conformance/isolation.ts";
import { leasesSuite } from "../containerd/conformance/leases.ts";
import { containersSuite, imagesSuite, namespacesSuite } from "../containerd/conformance/metadata.ts";
import { sandboxesSuite } from "../containerd/conformance/sandboxes.ts";
import { NATIVE_EXCEPT, snapshotsSuite } from "../containerd/conformance/snapshots.ts";
import type { ContentPolicy } from "../containerd/core/scope.ts";
import { createCore } from "../containerd/core.ts";
import { GrpcConnection } from "./client/connection.ts";
import { RemoteContainerd } from "./client/containerd.ts";
import { serveContainerd } from "./serve.ts";

/** The suites of the interface, through the client, the socket and the server, with the core behind them. */
async function createWith(contentPolicy?: ContentPolicy): Promise<Subject> {
  const dir = mkdtempSync(join(tmpdir(), "wharf-grpc-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(dir, { recursive: true }));
  const options = { root: join(dir, "root"), state: join(dir, "state"), agent: new FakeAgent(), contentPolicy };
  const core = stack.use(await createCore(options));
  const socket = join(dir, "containerd.sock");
  stack.use(await serveContainerd(socket, core, (level, message) => assert.notEqual(level, "error", message)));
  const connection = stack.use(new GrpcConnection(socket));
  const owned = stack.move();
  return {
    client: (namespace) => new RemoteContainerd(connection, namespace),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const create: SubjectFactory = () => createWith();
const TRUNCATE = "the Write stream truncates to 0 only";
create.except = {
  "writing 100 bytes is taken up again for 200 more": TRUNCATE,
  "writing 300000 bytes is taken up again for 500000 more": TRUNCATE,
  "writing 100 bytes is taken up again for 900000 more": TRUNCATE,
  "a blob that is being taken over may still be written differently": TRUNCATE,
  "prepare, commit and prepare on top": "the Commit message has no usage: it is measured",
  "a parent can be given at the commit": "the Commit message of containerd 2.1 has no parent",
  "gc.root and an expiry to come keep, an expiry that has passed does not":
    "a lease that has expired is collected before a second message can use it",
};

for (const suite of [
  contentSuite,
  snapshotsSuite,
  imagesSuite,
  containersSuite,
  namespacesSuite,
  leasesSuite,
  eventsSuite,
  sandboxesSuite,
  filtersSuite,
]) {
  suite("grpc", create);
}

snapshotsSuite(
  "grpc, native",
  Object.assign(() => create(), { except: { ...create.except, ...NATIVE_EXCEPT } }),
  "native",
);
isolationSuite("grpc", () => createWith("isolated"));
