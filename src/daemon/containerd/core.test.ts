import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contentSuite } from "./conformance/content.ts";
import { eventsSuite } from "./conformance/events.ts";
import { FakeAgent } from "./conformance/fake-agent.ts";
import { filtersSuite } from "./conformance/filters.ts";
import type { Subject } from "./conformance/harness.ts";
import { leasesSuite } from "./conformance/leases.ts";
import { containersSuite, imagesSuite, namespacesSuite } from "./conformance/metadata.ts";
import { sandboxesSuite } from "./conformance/sandboxes.ts";
import { NATIVE_EXCEPT, snapshotsSuite } from "./conformance/snapshots.ts";
import { createCore } from "./core.ts";

async function create(): Promise<Subject> {
  const dir = mkdtempSync(join(tmpdir(), "wharf-core-"));
  const core = await createCore({ root: join(dir, "root"), state: join(dir, "state"), agent: new FakeAgent() });
  return {
    client: (namespace) => core.namespace(namespace),
    [Symbol.asyncDispose]: async () => {
      await core[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true });
    },
  };
}

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
  suite("core", create);
}

snapshotsSuite(
  "core, native",
  Object.assign(() => create(), { except: { ...NATIVE_EXCEPT } }),
  "native",
);
