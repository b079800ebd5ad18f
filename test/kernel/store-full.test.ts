// A store on a full disk: a small tmpfs in a mount namespace of its own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const src = join(import.meta.dirname, "../../src/daemon/containerd");

const inner = (dir: string) => `
  import assert from "node:assert/strict";
  import { createCore } from "${src}/core.ts";
  import { FakeAgent } from "${src}/conformance/fake-agent.ts";
  import { bytesOf, put, rejects } from "${src}/conformance/harness.ts";
  const open = () => createCore({ root: "${dir}/root", state: "${dir}/state", agent: new FakeAgent() });
  let core = await open();
  let { content, images } = core.namespace("a");
  const kept = await put(content, bytesOf(100_000));
  await images.create({ name: "kept", target: kept });
  const large = bytesOf(8_000_000, 2);
  {
    await using writer = await content.writer({ ref: "large", size: large.length });
    const error = await rejects((async () => {
      for (let at = 0; at < large.length; at += 65536) await writer.write(large.subarray(at, at + 65536));
      await writer.commit();
    })(), "ResourceExhausted");
    assert.match(error.message, /"large"/);
  }
  // The disk is full: what is there can be read, what cannot be written says so.
  assert.equal((await content.read(kept)).length, 100_000);
  let failed;
  for (let i = 0; i < 500 && !failed; i++) {
    const labels = { filler: "x".repeat(4000) };
    failed = await images.create({ name: "i" + i, target: kept, labels }).then(() => undefined, (error) => error);
  }
  assert.equal(failed?.code, "ResourceExhausted", String(failed));
  await core[Symbol.asyncDispose]();
  core = await open();
  ({ content, images } = core.namespace("a"));
  assert.ok((await content.status("large")).offset <= 4_000_000);
  await content.abort("large");
  await put(content, bytesOf(1_000_000, 3));
  await images.create({ name: "after", target: kept });
  assert.equal((await images.get("kept")).target.digest, kept.digest);
  await core[Symbol.asyncDispose]();
  console.log("all is well");
`;

/** Fills the disk but for so many bytes. */
const filler = (dir: string) => `
  import assert from "node:assert/strict";
  import { closeSync, fstatSync, ftruncateSync, openSync, rmSync, writeSync } from "node:fs";
  const fill = (but = 0) => {
    const fd = openSync("${dir}/filler", "w");
    try {
      while (writeSync(fd, Buffer.alloc(4096)) > 0);
    } catch (error) {
      assert.equal(error.code, "ENOSPC");
    }
    ftruncateSync(fd, fstatSync(fd).size - but);
    closeSync(fd);
  };
  const empty = () => rmSync("${dir}/filler");
`;

const checkpoints = (dir: string) => `
  import { setImmediate } from "node:timers/promises";
  import { rejects } from "${src}/conformance/harness.ts";
  import { Database } from "${src}/../store/database.ts";
  ${filler(dir)}
  const told = [];
  const db = Database.open("${dir}/meta.db", undefined, (message, error) => told.push([message, error.code]));
  let kept = 0;
  const write = async (times, bytes) => {
    for (let i = 0; i < times; i++) {
      try {
        db.transaction(() => db.run("INSERT INTO meta VALUES (?, ?)", "key" + kept, "x".repeat(bytes)));
        kept++;
      } catch (error) {
        assert.equal(error.code, "ResourceExhausted", String(error));
      }
      await setImmediate();
    }
  };
  const until = async (what, condition, act) => {
    for (let i = 0; i < 1000 && !condition(); i++) await act();
    assert.ok(condition(), what + ": " + JSON.stringify([told, kept, db.walPages()]));
  };
  const copied = () =>
    until("copied", () => db.walPages() < 1024, async () => {
      await write(64, 10);
      // one that was under way has not all of them, and the log could not be begun anew
      await db.checkpoint();
      await db.checkpoint();
    });
  // Room for the log, but not for the database to grow by as much.
  await write(190, 12_000);
  assert.deepEqual(told, []);
  fill(1 << 20);
  await until("told", () => told.length > 0, () => write(1, 12_000));
  assert.deepEqual(told, [["the store's log is not taken into it, and grows", "ResourceExhausted"]]);
  // Some more room, and another one that fails, as each 64th transaction tries: it is not told.
  fill(768 << 10);
  const tried = Math.floor(kept / 64);
  await until("tried again", () => Math.floor(kept / 64) > tried, () => write(1, 10));
  await rejects(db.checkpoint(), "ResourceExhausted");
  assert.equal(told.length, 1);
  empty();
  await copied();
  assert.equal(told.length, 1);
  // Told anew, now that it went well.
  fill(1 << 20);
  await until("told anew", () => told.length > 1, () => write(1, 12_000));
  empty();
  await copied();
  await db[Symbol.asyncDispose]();
  await using again = Database.open("${dir}/meta.db");
  assert.equal(again.get("SELECT count(*) AS n FROM meta WHERE key LIKE 'key%'").n, kept);
  console.log("all is well");
`;

/** What is collected on a disk that is full, without a reserve, and in a folder that is read-only. */
const collections = (dir: string) => `
  import { execFileSync } from "node:child_process";
  import { readdirSync } from "node:fs";
  import { DatabaseSync } from "node:sqlite";
  import { setTimeout } from "node:timers/promises";
  import { createCore } from "${src}/core.ts";
  import { FakeAgent } from "${src}/conformance/fake-agent.ts";
  import { bytesOf, collect, collectGarbage, put, rejects } from "${src}/conformance/harness.ts";
  ${filler(dir)}
  const told = [];
  const log = (message, error) => told.push(message + ": " + error);
  const agent = new FakeAgent();
  const open = () => createCore({ root: "${dir}/root", state: "${dir}/state", agent, log });
  let core = await open();
  let client = core.namespace("a");
  const until = async (what, condition) => {
    const end = Date.now() + 120_000;
    while (!(await condition())) {
      if (Date.now() > end) assert.fail(what + " does not come; told: " + told.join("; "));
      await setTimeout(50);
    }
  };
  const kept = await put(client.content, bytesOf(100_000));
  await client.images.create({ name: "kept", target: kept });
  const make = async (seed) => {
    const lease = (await client.leases.create()).id;
    const held = client.withLease(lease);
    for (let i = 0; i < 20; i++) await put(held.content, bytesOf(2000, seed + i));
    await held.snapshots("overlayfs").prepare("snapshot" + seed, "");
    return lease;
  };
  // Whatever is left is used up, the reserve as well.
  const exhaust = async () => {
    fill();
    let failed;
    for (let i = 0; i < 2000 && !failed; i++) {
      const label = { digest: kept.digest, labels: { filler: i + "x".repeat(4000) } };
      failed = await client.content.update(label).then(() => undefined, (error) => error);
    }
    assert.equal(failed?.code, "ResourceExhausted", String(failed));
    rmSync("${dir}/root/meta.db-reserve", { force: true });
    fill();
  };
  const rows = (table) => {
    using db = new DatabaseSync("${dir}/root/meta.db", { readOnly: true });
    return db.prepare("SELECT count(*) AS n FROM " + table).get().n;
  };
  const blobs = () => readdirSync("${dir}/root/content/blobs/sha256").length;
  const first = await make(100);
  assert.equal(blobs(), 21);
  await exhaust();
  await rejects(client.leases.delete(first, { sync: true }), "ResourceExhausted");
  await rejects(collectGarbage(client), "ResourceExhausted");
  assert.equal(blobs(), 21);
  assert.equal((await collect(client.content.walk())).length, 21);
  assert.equal((await client.content.read(kept)).length, 100_000);
  empty();
  // With room all goes as if nothing had been.
  await client.leases.delete(first, { sync: true });
  assert.deepEqual([blobs(), (await collect(client.content.walk())).length], [1, 1]);
  assert.deepEqual(await collect(client.snapshots("overlayfs").walk()), []);
  assert.deepEqual(readdirSync("${dir}/root/snapshots"), []);
  // Full when a removed snapshot's files are gone, and that cannot be written down: nobody waits for it, so it is told.
  const snapshots = client.snapshots("overlayfs");
  await snapshots.prepare("late", "");
  agent.remove = async (paths) => {
    delete agent.remove;
    await agent.remove(paths);
    await exhaust();
  };
  await snapshots.remove("late");
  await until("word of it", () => told.some((one) => /^cannot delete 1 removed snapshots: .*no space/.test(one)));
  empty();
  await collectGarbage(client);
  assert.equal(rows("trash"), 0);
  // A file that cannot be taken away stops nothing; the next start does it.
  const second = await make(200);
  const folder = "${dir}/root/content";
  execFileSync("mount", ["--bind", folder, folder]);
  execFileSync("mount", ["-o", "remount,bind,ro", folder]);
  const events = [];
  const ending = new AbortController();
  const listening = (async () => {
    for await (const { topic } of client.events.subscribe([], { signal: ending.signal })) events.push(topic);
  })().catch(() => {});
  await client.leases.delete(second, { sync: true });
  assert.equal((await collect(client.content.walk())).length, 1);
  assert.deepEqual(await collect(client.snapshots("overlayfs").walk()), []);
  const heard = (topic) => events.filter((one) => one === topic).length;
  await until("the events", () => heard("/content/delete") === 20 && heard("/snapshot/remove") === 1);
  ending.abort();
  await listening;
  assert.ok(told.some((one) => /^cannot delete content: .*read-only/.test(one)), told.join("; "));
  assert.equal(blobs(), 21);
  execFileSync("umount", [folder]);
  await core[Symbol.asyncDispose]();
  core = await open();
  client = core.namespace("a");
  await until("only what is known", () => blobs() === 1);
  assert.equal((await client.content.read(kept)).length, 100_000);
  await core[Symbol.asyncDispose]();
  console.log("all is well");
`;

/** Runs it in the folder of a disk of so many MiB; it may mount. */
function onSmallDisk(mib: number, script: (dir: string) => string): void {
  const dir = mkdtempSync(join(tmpdir(), "wharf-full-"));
  try {
    const mount = `mount -t tmpfs -o size=${mib}m none '${dir}' && exec '${process.execPath}' --input-type=module-typescript -e "$0"`;
    const args = ["--mount", "--propagation", "private", "sh", "-c", mount, script(dir)];
    const child = spawnSync("unshare", args, {
      encoding: "utf8",
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    });
    assert.equal(child.stdout.trim(), "all is well", child.stderr);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("a full disk gives ResourceExhausted, loses nothing, and is recovered from", () => onSmallDisk(4, inner));

test("a log that cannot be copied into the store is told, once until it can", () => onSmallDisk(20, checkpoints));

test("what cannot be collected is collected when there is room again", () => onSmallDisk(6, collections));
