import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { isCode, WharfError } from "../../common/errors.ts";
import { Checkpointer } from "./checkpointer.ts";
import { Database } from "./database.ts";
import { lockDirectory } from "./lock.ts";

let dir = "";
let path = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "wharf-store-"));
  path = join(dir, "meta.db");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const put = (db: Database, key: string) =>
  db.transaction(() => db.run("INSERT INTO meta VALUES (?, ?)", key, "x".repeat(500)));

test("transaction() keeps what it wrote and drops what failed", async () => {
  {
    await using db = Database.open(path);
    put(db, "a");
    assert.throws(() =>
      db.transaction(() => {
        db.run("INSERT INTO meta VALUES ('b', '')");
        throw new WharfError("Aborted", "no");
      }),
    );
    await db.durable();
  }
  await using db = Database.open(path);
  assert.deepEqual(
    db.all("SELECT key FROM meta").map((row) => row.key),
    ["a"],
  );
});

test("afterCommit() hooks run after a commit only", async () => {
  await using db = Database.open(path);
  const calls: string[] = [];
  db.transaction(() => db.afterCommit(() => calls.push("committed")));
  assert.throws(() =>
    db.transaction(() => {
      db.afterCommit(() => calls.push("rolled back"));
      throw new Error("no");
    }),
  );
  db.transaction(() => {});
  assert.deepEqual(calls, ["committed"]);
});

test("durable() shares flushes between those who wait", async () => {
  await using db = Database.open(path);
  await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      put(db, `key${i}`);
      await db.durable();
    }),
  );
  assert.equal(db.get("SELECT count(*) AS n FROM meta")?.n, 200);
});

test("a checkpoint runs beside writers", async () => {
  await using db = Database.open(path);
  for (let i = 0; i < 500; i++) put(db, `before${i}`);
  const checkpoint = db.checkpoint();
  for (let i = 0; i < 500; i++) put(db, `during${i}`);
  await checkpoint;
  put(db, "after");
  assert.equal(db.get("SELECT count(*) AS n FROM meta")?.n, 1001);
  // what was written since it began may not be on the disk, and is not in the database yet
  const file = readFileSync(path, "latin1");
  assert.deepEqual([file.includes("before1"), file.includes("during1")], [true, false]);
});

test("a failed write of the WAL is told to durable() and to a checkpoint: each has a descriptor of its own", async () => {
  await using db = Database.open(path);
  put(db, "a");
  const isWal = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).endsWith("/meta.db-wal");
    } catch {
      return false; // that of the listing
    }
  };
  // SQLite has the third
  assert.equal(readdirSync("/proc/self/fd").filter(isWal).length, 3);
});

test("the WAL is begun anew although somebody writes all the time", async () => {
  await using db = Database.open(path);
  let pages = 0;
  for (let i = 0; db.walPages() >= pages; i++) {
    pages = db.walPages();
    assert.ok(pages < 200_000, `${pages} pages in the WAL`);
    db.transaction(() => db.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", `a${i % 4}`, "x".repeat(64 << 10)));
    await setImmediate();
  }
});

test("a checkpoint that cannot flush copies nothing, or keeps the WAL", async () => {
  await using db = Database.open(path);
  for (let i = 0; i < 100; i++) put(db, `a${i}`);
  const [file, none] = [openSync(path, "r"), openSync("/dev/null", "r")];
  const { size } = statSync(path);
  await assert.rejects(new Checkpointer({ path, database: file, wal: none }).run(), { code: "Internal" });
  assert.equal(statSync(path).size, size);
  const checkpointer = new Checkpointer({ path, database: none, wal: file });
  await assert.rejects(checkpointer.run(), { code: "Internal" });
  assert.ok(statSync(path).size > size);
  const pages = db.walPages();
  put(db, "b");
  assert.ok(db.walPages() > pages, `${db.walPages()} pages in the WAL, then ${pages}`);
  await assert.rejects(checkpointer.run(), { code: "Internal" });
  await checkpointer[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
  assert.ok(statSync(`${path}-wal`).size > 0);
  for (const fd of [file, none]) closeSync(fd);
});

test("after a checkpoint the WAL is begun anew and keeps its size, also after the next one", async () => {
  await using db = Database.open(path);
  for (let i = 0; i < 100; i++) put(db, `before${i}`);
  const pages = db.walPages();
  assert.ok(pages >= 100, `${pages}`);
  const { size } = statSync(`${path}-wal`);
  for (let i = 0; i < 3; i++) {
    await db.checkpoint();
    put(db, `after${i}`);
    assert.ok(db.walPages() < 10, `${db.walPages()}`);
    assert.equal(statSync(`${path}-wal`).size, size);
  }
});

test("kill -9 loses nothing that was committed", () => {
  const script = `
    import { Database } from ${JSON.stringify(new URL("./database.ts", import.meta.url).href)};
    const db = Database.open(${JSON.stringify(path)});
    for (let i = 0; i < 50; i++) db.transaction(() => db.run("INSERT INTO meta VALUES (?, '')", String(i)));
    db.run("BEGIN IMMEDIATE");
    db.run("INSERT INTO meta VALUES ('uncommitted', '')");
    process.kill(process.pid, "SIGKILL");`;
  const child = spawnSync(process.execPath, ["--input-type=module-typescript", "-e", script]);
  assert.equal(child.signal, "SIGKILL", String(child.stderr));
  using db = new DatabaseSync(path);
  assert.equal(db.prepare("SELECT count(*) AS n FROM meta").get()?.n, 50);
});

test("open() refuses what is no database, a corrupt, a foreign and a newer one", async () => {
  const refused = (code: "DataLoss" | "FailedPrecondition") =>
    assert.throws(
      () => Database.open(path),
      (error) => isCode(error, code) && (error as WharfError).hint !== undefined,
    );
  writeFileSync(path, "this is not a database, by far not, and long enough to be looked at".repeat(100));
  refused("DataLoss");
  rmSync(path);
  {
    await using db = Database.open(path);
    for (let i = 0; i < 500; i++) put(db, `key${i}`);
  }
  const whole = readFileSync(path);
  truncateSync(path, whole.length / 2);
  refused("DataLoss");
  const torn = Buffer.from(whole);
  torn.fill(0xa5, 8192, 12288);
  writeFileSync(path, torn);
  refused("DataLoss");
  rmSync(path);
  const foreign = new DatabaseSync(path);
  foreign.exec("CREATE TABLE theirs (a)");
  foreign.close();
  refused("FailedPrecondition");
  writeFileSync(path, whole);
  const newer = new DatabaseSync(path);
  newer.exec("PRAGMA user_version = 9999");
  newer.close();
  refused("FailedPrecondition");
});

test("lockDirectory() refuses a second holder by pid, until the first is gone", () => {
  const first = lockDirectory(dir, "root");
  assert.throws(
    () => lockDirectory(dir, "root"),
    (error) => isCode(error, "FailedPrecondition") && String(error).includes(String(process.pid)),
  );
  const script = `
    import { lockDirectory } from ${JSON.stringify(new URL("./lock.ts", import.meta.url).href)};
    try { lockDirectory(${JSON.stringify(dir)}, "root"); } catch (error) { console.log(error.code); }`;
  const child = spawnSync(process.execPath, ["--input-type=module-typescript", "-e", script]);
  assert.equal(String(child.stdout).trim(), "FailedPrecondition", String(child.stderr));
  first[Symbol.dispose]();
  lockDirectory(dir, "root")[Symbol.dispose]();
});

test("open() refuses a log that is none, and to begin anew where something is there already; nothing is written", async () => {
  const child = `import { Database } from ${JSON.stringify(join(import.meta.dirname, "database.ts"))};
    const db = Database.open(${JSON.stringify(path)});
    db.transaction(() => db.run("INSERT INTO meta VALUES ('last', '')"));
    process.kill(process.pid, "SIGKILL");`;
  spawnSync(process.execPath, ["--input-type=module", "-e", child], {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  const wal = readFileSync(`${path}-wal`);
  assert.ok(wal.length > 0);
  writeFileSync(`${path}-wal`, Buffer.alloc(wal.length, "none"));
  assert.throws(
    () => Database.open(path),
    (error) => isCode(error, "DataLoss") && /write-ahead log is corrupt/.test((error as Error).message),
  );
  assert.equal(readFileSync(`${path}-wal`, "latin1").slice(0, 4), "none");
  writeFileSync(`${path}-wal`, wal);
  {
    await using db = Database.open(path, () => "/never/asked");
    assert.equal(db.all("SELECT key FROM meta").length, 1);
  }
  rmSync(path);
  for (let i = 0; i < 2; i++)
    assert.throws(
      () => Database.open(path, () => "/blobs"),
      (error) => isCode(error, "FailedPrecondition") && /is lost/.test((error as Error).message),
    );
});
