import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PART } from "../turn.ts";
import { contentSuite } from "./conformance/content.ts";
import { eventsSuite } from "./conformance/events.ts";
import { FakeAgent } from "./conformance/fake-agent.ts";
import { filtersSuite } from "./conformance/filters.ts";
import { bytesOf, collectGarbage, put, rejects, type Subject, sha256 } from "./conformance/harness.ts";
import { isolationSuite } from "./conformance/isolation.ts";
import { leasesSuite } from "./conformance/leases.ts";
import { containersSuite, imagesSuite, namespacesSuite } from "./conformance/metadata.ts";
import { sandboxesSuite } from "./conformance/sandboxes.ts";
import { NATIVE_EXCEPT, snapshotsSuite } from "./conformance/snapshots.ts";
import { BlobWriter } from "./content/writer.ts";
import type { ContentPolicy } from "./core/scope.ts";
import { createCore } from "./core.ts";

async function create(contentPolicy?: ContentPolicy): Promise<Subject> {
  const dir = mkdtempSync(join(tmpdir(), "wharf-core-"));
  const options = { root: join(dir, "root"), state: join(dir, "state"), agent: new FakeAgent(), contentPolicy };
  const core = await createCore(options);
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
  suite("core", () => create());
}

snapshotsSuite(
  "core, native",
  Object.assign(() => create(), { except: { ...NATIVE_EXCEPT } }),
  "native",
);
isolationSuite("core", () => create("isolated"));

test("core: an ingest that took another namespace's blob over begins anew once namespaces are isolated", async () => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-core-"));
  const open = (contentPolicy: ContentPolicy) =>
    createCore({ root: join(dir, "root"), state: join(dir, "state"), agent: new FakeAgent(), contentPolicy });
  const data = bytesOf(5000);
  const request = { ref: "r", digest: sha256(data), size: data.length };
  {
    await using core = await open("shared");
    await put(core.namespace("a").content, data);
    await using writer = await core.namespace("b").content.writer(request);
    assert.equal(writer.status().offset, data.length);
  }
  {
    await using core = await open("isolated");
    await using writer = await core.namespace("b").content.writer(request);
    assert.equal(writer.status().offset, 0);
    await rejects(writer.commit(request), "FailedPrecondition");
  }
  rmSync(dir, { recursive: true });
});

test("core: what a client without a lease was told is there stays a while, though a collection comes that nobody waits for", async () => {
  await using subject = await create();
  const { content, leases } = subject.client("a");
  const isThere = (digest: ReturnType<typeof sha256>) =>
    content.info(digest).then(
      () => true,
      () => false,
    );
  const until = async (what: string, done: () => Promise<boolean>) => {
    for (const end = Date.now() + 60_000; !(await done()); await sleep(20)) assert.ok(Date.now() < end, what);
  };
  const told = bytesOf(3000);
  const digest = sha256(told);
  // A machine that is slow may take longer than what is told is spared: it is tried again then.
  for (let round = 1, kept = false; !kept; round++) {
    assert.ok(round < 10, "it was collected each time");
    const lease = await leases.create();
    const other = subject.client("a").withLease(lease.id);
    const victim = await put(other.content, bytesOf(2000, round));
    await put(content, told).catch((error) => assert.match(String(error), /already exists/));
    await leases.delete(lease.id);
    await until("what had a lease is collected", async () => !(await isThere(victim.digest)));
    kept = await isThere(digest);
  }
  await until("what nothing refers to is collected in the end", async () => !(await isThere(digest)));
  await put(content, told);
  await collectGarbage(subject.client("a"));
  assert.equal(await isThere(digest), false, "one that is waited for takes it at once");
});

test("core: an ingest that is just being closed can be opened again, by one", async () => {
  await using subject = await create();
  const { content } = subject.client("a");
  const writer = await content.writer({ ref: "r" });
  await writer.write(bytesOf(5000));
  const closing = writer.close();
  const [one, other] = await Promise.allSettled([content.writer({ ref: "r" }), content.writer({ ref: "r" })]);
  await closing;
  assert.deepEqual([one.status, other.status], ["fulfilled", "rejected"]);
  assert.match(String((other as PromiseRejectedResult).reason), /another writer has ingest "r" open/);
  await using again = (one as PromiseFulfilledResult<typeof writer>).value;
  assert.equal(again.status().offset, 5000);
});

test("core: an ingest that could not be begun anew is free for the next writer", async (t) => {
  await using subject = await create();
  const { content } = subject.client("a");
  const first = await content.writer({ ref: "r", size: 10 });
  await first.write(bytesOf(5));
  await first.close();
  const full = t.mock.method(BlobWriter.prototype, "truncate", () => Promise.reject(new Error("no space left")));
  await assert.rejects(content.writer({ ref: "r", size: 4 }), /no space left/);
  full.mock.restore();
  assert.deepEqual([(await content.status("r")).offset, (await content.status("r")).total], [5, 10]);
  await using again = await content.writer({ ref: "r", size: 4 });
  assert.deepEqual([again.status().offset, again.status().total], [0, 4]);
});

test("core: an agent that could not say whether owners can be remapped is asked again", async () => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-core-"));
  const answers = [() => Promise.reject(new Error("not now")), () => Promise.resolve(true)];
  const agent = Object.assign(new FakeAgent(), { idmaps: () => answers.shift()!() });
  {
    await using core = await createCore({ root: join(dir, "root"), state: join(dir, "state"), agent });
    const capabilities = async () => {
      const plugins = await core.namespace("a").introspection.plugins(["id==overlayfs"]);
      return plugins[0]!.capabilities;
    };
    assert.deepEqual(await capabilities(), ["rebase"]);
    assert.deepEqual(await capabilities(), ["rebase", "remap-ids"]);
    assert.deepEqual(await capabilities(), ["rebase", "remap-ids"]);
  }
  rmSync(dir, { recursive: true });
});

test("core: a store that is lost is not begun anew beside what it knew of; foreign files stay", async () => {
  const dir = mkdtempSync(join(tmpdir(), "wharf-core-"));
  const root = join(dir, "root");
  const open = () => createCore({ root, state: join(dir, "state"), agent: new FakeAgent() });
  const data = bytesOf(5000);
  const foreign = [join(root, "snapshots/theirs"), join(root, "content/blobs/sha256/theirs")];
  {
    await using core = await open();
    const client = core.namespace("a");
    await put((await client.withLease((await client.leases.create()).id)).content, data);
    for (const path of foreign) writeFileSync(path, "");
  }
  const blob = join(root, "content/blobs/sha256", sha256(data).slice("sha256:".length));
  const files = ["meta.db", "meta.db-wal", "meta.db-shm"].map((name) => join(root, name));
  const saved = readFileSync(files[0]!);
  for (const path of files) rmSync(path, { force: true });
  const { message, hint } = await rejects(open(), "FailedPrecondition");
  assert.match(`${message} ${hint}`, /is lost.*content\/blobs/);
  assert.ok(existsSync(blob));
  for (const path of files) rmSync(path, { force: true });
  writeFileSync(files[0]!, saved);
  await using core = await open();
  await core.namespace("a").snapshots().cleanup();
  for (const path of [blob, ...foreign]) assert.ok(existsSync(path), path);
  rmSync(dir, { recursive: true });
});

test("core: a collection among many things takes all that is garbage and nothing else", async () => {
  await using subject = await create();
  const client = subject.client("a");
  const lease = await client.leases.create();
  const held = client.withLease((await client.leases.create()).id);
  const kept: string[] = [];
  const write = async (i: number) => {
    const keeper = i % 7 < 4 ? held : client.withLease(lease.id);
    const { digest } = await put(keeper.content, bytesOf(4, i));
    if (keeper === held) kept.push(digest);
  };
  // several pages, of which some have more garbage than is dropped at once
  for (let i = 0; i < 1300; i += 50) await Promise.all(Array.from({ length: 50 }, (_, more) => write(i + more)));
  const present = async () => (await Array.fromAsync(client.content.walk())).map(({ digest }) => digest).sort();
  await client.leases.delete(lease.id, { sync: true });
  assert.deepEqual(await present(), kept.sort());
  await client.leases.delete(held.lease!, { sync: true });
  assert.deepEqual(await present(), []);
});

test("core: lists of many images and containers leave turns to others, and filters find what is on any page", async () => {
  await using subject = await create();
  const client = subject.client("a");
  const spec = { typeUrl: "t", value: new Uint8Array(1) };
  const target = { mediaType: "m", digest: sha256(bytesOf(1, 1)), size: 1 };
  for (let i = 0; i < 3 * PART; i++) {
    await client.images.create({ name: `i${i}`, target });
    await client.containers.create({ id: `c${i}`, runtime: { name: "r" }, spec });
  }
  const found = async (filter: string) => (await client.containers.list([filter])).map(({ id }) => id);
  assert.deepEqual(await found("id~=^c1?0$"), ["c0", "c10"]);
  assert.deepEqual(await found(`id~=^c(0|99|${3 * PART - 1})$`), ["c0", `c${3 * PART - 1}`, "c99"]);
  for (const store of [client.images, client.containers]) {
    let turns = 0;
    const count = () => {
      turns++;
      counter = setImmediate(count);
    };
    let counter = setImmediate(count);
    assert.equal((await store.list()).length, 3 * PART);
    clearImmediate(counter);
    assert.ok(turns >= 2, `others had ${turns} turns meanwhile`);
  }
});
