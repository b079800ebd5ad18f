// Disks that are full or read-only, under the root and the state directory: what fails says what and where, what needs no room goes on,
// all works again when there is room, and nothing is left.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Result } from "../cli/program.ts";
import { build, Daemon, until } from "./daemon.ts";

let dir = "";
let daemon: Daemon;
/** Folders of snapshots when only `lives` is there. */
let usual = 0;

const folders = () => readdirSync(join(daemon.root, "snapshots")).length;

before(async () => {
  build();
  dir = mkdtempSync(join(tmpdir(), "wd-"));
  for (const [name, size] of [
    ["s", "2m"],
    ["r", "24m"],
  ]) {
    mkdirSync(join(dir, name!));
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", join(dir, name!)]);
  }
  daemon = await Daemon.start({ dir });
  await daemon.busybox();
  await daemon.ok("run", "-d", "--name", "lives", "--network", "none", "busybox", "sleep", "1000");
  usual = folders();
});

after(async () => {
  await daemon[Symbol.asyncDispose]();
  for (const name of ["s", "r"]) {
    // what the daemon had started may take a moment more
    const gone = () => spawnSync("umount", [join(dir, name)]).status === 0;
    await until("the disk is let go of", gone);
  }
  rmSync(dir, { recursive: true });
});

/** Takes all the room there is. */
function fill(folder: string): Disposable {
  const path = join(folder, "filler");
  const fd = openSync(path, "w");
  for (const size of [65536, 4096, 1]) {
    try {
      while (writeSync(fd, Buffer.alloc(size)) > 0);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
    }
  }
  closeSync(fd);
  return { [Symbol.dispose]: () => rmSync(path) };
}

/** Covers the folder with a read-only view of itself: files that are open already can still be written. */
function readOnly(folder: string): Disposable {
  execFileSync("mount", ["--bind", folder, folder]);
  execFileSync("mount", ["-o", "remount,bind,ro", folder]);
  return { [Symbol.dispose]: () => execFileSync("umount", [folder]) };
}

async function refuses(attempt: Promise<Result>, code: number, message: RegExp): Promise<void> {
  const { stderr, code: got } = await attempt;
  assert.match(stderr, message);
  assert.equal(got, code, stderr);
  assert.doesNotMatch(stderr, /\n {4}at |undefined|\[object/);
}

const FULL = (path: string) => new RegExp(`^wharf: .*no space left .*${path}`, "m");
const READ_ONLY = (path: string) => new RegExp(`^wharf: .*read-only file system.*${path}`, "m");
const run = (...flags: string[]) => daemon.wharf(["run", "--rm", ...flags, "busybox", "echo", "hi"]);

/** What needs no room. */
async function looks(): Promise<void> {
  assert.equal(await daemon.ok("ps", "--format", "{{.Names}}"), "lives");
  assert.equal(await daemon.ok("inspect", "-f", "{{.State.Status}}", "lives"), "running");
}

/** Everything is as if nothing had been; only `lives` is there. */
async function recovered(): Promise<void> {
  assert.equal((await run("--network", "none")).stdout, "hi\n");
  assert.equal(await daemon.ok("exec", "lives", "echo", "in"), "in");
  assert.equal((await daemon.ok("ps", "-aq")).split("\n").length, 1);
  assert.equal(await daemon.ok("volume", "ls", "-q"), "");
  // what goes behind a removed container's back would give room to what is to find none
  await until("removed snapshots are gone", () => folders() === usual);
}

test("a full state directory", async () => {
  {
    using _ = fill(daemon.state);
    await refuses(run("--network", "none"), 125, FULL(`${daemon.state}/tasks/moby/`));
    await refuses(run(), 125, FULL(`${daemon.state}/net/`));
    assert.equal(await daemon.ok("exec", "lives", "echo", "in"), "in");
    await daemon.ok("create", "--name", "made", "busybox", "true");
    await daemon.ok("rm", "made");
    await looks();
  }
  await recovered();
});

test("a read-only state directory", async () => {
  {
    using _ = readOnly(daemon.state);
    await refuses(run("--network", "none"), 125, READ_ONLY(`${daemon.state}/tasks/moby/`));
    await refuses(run(), 125, READ_ONLY(`${daemon.state}/net/`));
    const { stderr, code } = await daemon.wharf(["exec", "lives", "true"]);
    assert.match(stderr, new RegExp(`${daemon.state}/io/.*read-only file system`));
    assert.notEqual(code, 0);
    await looks();
  }
  await recovered();
});

test("a full root directory", async () => {
  {
    using _ = fill(daemon.root);
    await refuses(run("--network", "none"), 125, FULL(`${daemon.root}/meta.db`));
    await refuses(daemon.wharf(["create", "busybox"]), 1, FULL(`${daemon.root}/meta.db`));
    assert.equal(await daemon.ok("exec", "lives", "echo", "in"), "in");
    await looks();
  }
  await recovered();
});

test("a read-only root directory", async () => {
  {
    using _ = readOnly(daemon.root);
    await refuses(run("--network", "none"), 125, READ_ONLY(`${daemon.root}/snapshots/`));
    await refuses(daemon.wharf(["volume", "create", "vol"]), 1, READ_ONLY(`${daemon.root}/volumes/vol`));
    assert.equal(await daemon.ok("exec", "lives", "echo", "in"), "in");
    await looks();
  }
  await recovered();
});

test("a container is ended and removed without room, and the daemon starts without room", async () => {
  await daemon.ok("run", "-d", "--name", "ends", "--network", "none", "busybox", "sleep", "1000");
  // what the last tests may have used is put aside again
  await until("the reserve", () => existsSync(`${daemon.root}/meta.db-reserve`));
  {
    using _ = fill(daemon.state);
    using __ = fill(daemon.root);
    await daemon.ok("rm", "-f", "ends");
    await daemon.restart("SIGKILL");
    await looks();
  }
  await recovered();
});

test("a daemon does not start on a read-only state directory, and says so", async () => {
  await daemon.end("SIGKILL");
  {
    using _ = readOnly(daemon.state);
    const { state, root } = daemon;
    const other = Daemon.prepare({ env: { WHARF_STATE: state, WHARF_ROOT: root } });
    assert.equal(await other.launch(), false);
    assert.match(other.log, new RegExp(`^wharfd: .*read-only file system.*${state}/`, "m"));
    rmSync(other.dir, { recursive: true });
  }
  await daemon.start();
  await recovered();
});
