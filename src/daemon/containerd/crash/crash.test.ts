// time-out: 600 s
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { isCode } from "../../../common/errors.ts";
import type { Containerd } from "../api.ts";
import { eachOf } from "../conformance/crash-harness.ts";
import { FakeAgent } from "../conformance/fake-agent.ts";
import { collect, collectGarbage, sha256 } from "../conformance/harness.ts";
import { createCore } from "../core.ts";
import { LARGE, MANIFEST, SMALL, scenario } from "./scenario.ts";

/** All commits (`WHARF_TEST_ALL=1`), or every third: they are many, and the files between them have points of their own, which are all taken. */
const ALL = process.env.WHARF_TEST_ALL === "1";

interface Run {
  steps: string[];
  points: string[];
  killed: boolean;
}

/** Runs the scenario in a process of its own. */
function run(dir: string, failpoint: string): Promise<Run> {
  const script = join(import.meta.dirname, "scenario.ts");
  const env = { ...process.env, WHARF_FAILPOINT: failpoint, NODE_TEST_CONTEXT: undefined };
  const child = spawn(process.execPath, [script, join(dir, "root"), join(dir, "state")], { env });
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (err += data));
  return new Promise((resolve, reject) => {
    child.on("close", (code, signal) => {
      if (code !== 0 && signal !== "SIGKILL") return reject(new Error(`the scenario failed: ${err}`));
      const points = [...err.matchAll(/^failpoint (.*)$/gm)].map((match) => match[1]!);
      resolve({ steps: out.split("\n").filter(Boolean), points, killed: signal === "SIGKILL" });
    });
  });
}

async function scratch<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "wharf-crash-"));
  try {
    return await body(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Everything acknowledged and not yet removed is there, whole. */
async function checkKept(client: Containerd, steps: readonly string[]): Promise<void> {
  const has = (step: string) => steps.includes(step);
  const gone = has("container-removed");
  for (const [step, data] of [
    ["small", SMALL],
    ["large", LARGE],
    ["manifest", MANIFEST],
  ] as const) {
    // The removal of the image was begun once the container's was done.
    if (has(step) && !gone)
      assert.deepEqual(Buffer.from(await client.content.read({ digest: sha256(data) })), Buffer.from(data), step);
  }
  for (const step of ["chain1", "chain2"]) {
    if (has(step) && !gone) assert.equal((await client.snapshots().stat(step)).kind, "committed", step);
  }
  if (has("image") && !gone) assert.equal((await client.images.get("image")).target.digest, sha256(MANIFEST));
  if (has("container") && !has("released")) assert.equal((await client.containers.get("c1")).snapshotKey, "c1");
  if (gone) await assert.rejects(client.containers.get("c1"), (error) => isCode(error, "NotFound"));
  if (has("image-removed")) await assert.rejects(client.images.get("image"), (error) => isCode(error, "NotFound"));
}

const files = (dir: string, path: string) => readdirSync(join(dir, "root", path)).sort();

/** Rows and files belong together. */
function checkConsistent(dir: string): void {
  const db = new DatabaseSync(join(dir, "root/meta.db"), { readOnly: true });
  const column = (sql: string) =>
    db
      .prepare(sql)
      .all()
      .map((row) => String(Object.values(row)[0]))
      .sort();
  assert.deepEqual(files(dir, "content/blobs/sha256"), column("SELECT DISTINCT substr(digest, 8) FROM content"));
  const ingests = column("SELECT id FROM ingests");
  for (const name of files(dir, "content/ingest")) assert.ok(ingests.includes(name), `ingest ${name}`);
  assert.deepEqual(files(dir, "snapshots"), column("SELECT id FROM snapshots"));
  for (const id of column("SELECT id FROM snapshots")) assert.ok(files(dir, `snapshots/${id}`).includes("fs"));
  db.close();
}

/** When all that is named is removed, no file is left. */
async function checkNothingLeft(dir: string, client: Containerd): Promise<void> {
  for (const { id } of await client.containers.list()) await client.containers.delete(id);
  for (const { name } of await client.images.list()) await client.images.delete(name);
  for (const { id } of await client.leases.list()) await client.leases.delete(id);
  for (const { ref } of await client.content.listStatuses()) await client.content.abort(ref);
  await collectGarbage(client);
  assert.deepEqual(await collect(client.content.walk()), []);
  assert.deepEqual(await collect(client.snapshots().walk()), []);
  for (const path of ["content/blobs/sha256", "content/ingest", "snapshots"])
    assert.deepEqual(files(dir, path), [], path);
}

const open = (dir: string) =>
  createCore({ root: join(dir, "root"), state: join(dir, "state"), agent: new FakeAgent() });

/** Starts again after a crash and looks at what is there. */
async function checkAfter(dir: string, steps: readonly string[]): Promise<void> {
  {
    await using core = await open(dir);
    const client = core.namespace("a");
    await checkKept(client, steps);
    await client.snapshots().cleanup();
    checkConsistent(dir);
  }
  await using core = await open(dir);
  const client = core.namespace("a");
  await checkKept(client, steps);
  await checkNothingLeft(dir, client);
  // And all can be done again, from whatever was left.
  await scenario(client, () => {});
  await checkNothingLeft(dir, client);
}

test("kill -9 at any step of pull, create and removal loses nothing and leaves nothing", async (t) => {
  const { points } = await scratch((dir) => run(dir, "*"));
  const counts = new Map<string, number>();
  const specs = points.map((name) => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return `${name}:${counts.get(name)}`;
  });
  assert.ok(specs.length > 50, `${specs.length} points`);
  for (const name of [
    "content.published",
    "content.recorded",
    "snapshot.created",
    "snapshot.removed",
    "gc.swept",
    "trash.deleted",
  ]) {
    assert.ok(counts.has(name), name);
  }
  const chosen = specs.filter((spec) => ALL || !spec.startsWith("store.") || Number(spec.split(":")[1]) % 3 === 1);
  await eachOf(
    chosen,
    (spec) =>
      scratch(async (dir) => {
        const { steps, killed } = await run(dir, spec);
        // The number of transactions varies a little with time: the last points may not be reached again.
        if (!killed) t.diagnostic(`${spec} was not reached`);
        await checkAfter(dir, steps).catch((cause: unknown) => {
          throw new Error(`killed at ${spec}, after ${steps.at(-1) ?? "nothing"}`, { cause });
        });
      }),
    2,
  );
});
