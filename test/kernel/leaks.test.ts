// The leak check, and that it catches a planted leak of every kind: a check that finds nothing is worth nothing.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { clearAway, describeLeaks, leaksSince, removeFolder, snapshot } from "../support/leaks.ts";
import { mountTable } from "../support/machine.ts";
import { innerMark, newRunMark, uniqueDevice } from "../support/run.ts";

function must(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  assert.equal(status, 0, `${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
}

interface Plant {
  kind: string;
  /** Makes the leak, whose name or traces carry `mark`; returns how to undo it and what the finding has to name. */
  plant: (
    mark: string,
    dir: string,
  ) => Promise<{ named: string; undo: () => void }> | { named: string; undo: () => void };
}

/** Starts a process that holds something and says so by a first line of output. */
function hold(command: string[], env: Record<string, string>): Promise<{ pid: number; undo: () => void }> {
  const child = spawn(command[0]!, command.slice(1), { env, stdio: ["ignore", "pipe", "inherit"], detached: true });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.stdout.once("data", () => resolve({ pid: child.pid!, undo: () => void child.kill("SIGKILL") }));
  });
}

const PATH = process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin";

function cgroupRoot(type: "cgroup" | "cgroup2"): string | undefined {
  return mountTable().find((mount) => mount.type === type)?.point;
}

function cgroupPlant(type: "cgroup" | "cgroup2"): Plant {
  return {
    kind: "cgroup",
    plant: (mark) => {
      const dir = join(cgroupRoot(type)!, mark);
      mkdirSync(dir);
      return { named: dir, undo: () => rmdirSync(dir) };
    },
  };
}

const PLANTS: Record<string, Plant> = {
  "a process known by its environment": {
    kind: "process",
    plant: async (mark) => {
      const { pid, undo } = await hold(["sh", "-c", "echo there; exec sleep 60"], { PATH, WHARF_TEST_RUN: mark });
      return { named: String(pid), undo };
    },
  },
  "a process with an empty environment, known by its command": {
    kind: "process",
    plant: async (mark) => {
      const { pid, undo } = await hold(["/bin/sh", "-c", "echo there; while :; do read x; done < /dev/zero", mark], {});
      return { named: String(pid), undo };
    },
  },
  "a mount": {
    kind: "mount",
    plant: (_mark, dir) => {
      must("mount", "-t", "tmpfs", "none", dir);
      return { named: dir, undo: () => must("umount", dir) };
    },
  },
  "an overlay mount elsewhere, made of the run's folders": {
    kind: "mount",
    plant: (_mark, dir) => {
      must("mount", "-t", "tmpfs", "none", dir);
      for (const name of ["lower", "upper", "work"]) mkdirSync(join(dir, name));
      const target = mkdtempSync(join(tmpdir(), "merged-"));
      const options = `lowerdir=${dir}/lower,upperdir=${dir}/upper,workdir=${dir}/work`;
      must("mount", "-t", "overlay", "overlay", "-o", options, target);
      return {
        named: target,
        undo: () => {
          must("umount", target);
          rmdirSync(target);
          must("umount", dir);
        },
      };
    },
  },
  "a network namespace with a name": {
    kind: "network namespace",
    plant: (mark) => {
      const there = existsSync("/run/netns");
      must("ip", "netns", "add", mark);
      return {
        named: `/run/netns/${mark}`,
        undo: () => {
          must("ip", "netns", "delete", mark);
          if (there) return;
          // ip(8) makes the folder a shared mount of itself, and leaves it
          spawnSync("umount", ["-l", "/run/netns"]);
          rmdirSync("/run/netns");
        },
      };
    },
  },
  "a network namespace that a process holds": {
    kind: "network namespace",
    plant: async (mark) => {
      const { pid, undo } = await hold(["unshare", "--net", "sh", "-c", "echo there; exec sleep 60"], {
        PATH,
        RUN: mark,
      });
      return { named: String(pid), undo };
    },
  },
  "a network device": {
    kind: "network device",
    plant: (mark) => {
      const name = `${mark}x`;
      must("ip", "link", "add", name, "type", "bridge");
      return { named: name, undo: () => must("ip", "link", "delete", name) };
    },
  },
  "a network device known by its alias": {
    kind: "network device",
    plant: (mark) => {
      const name = uniqueDevice();
      must("ip", "link", "add", name, "type", "bridge");
      must("ip", "link", "set", name, "alias", `of ${mark}`);
      return { named: name, undo: () => must("ip", "link", "delete", name) };
    },
  },
  "a FIFO": {
    kind: "FIFO",
    plant: (_mark, dir) => {
      must("mkfifo", join(dir, "fifo"));
      return { named: join(dir, "fifo"), undo: () => unlinkSync(join(dir, "fifo")) };
    },
  },
  "a socket": {
    kind: "socket",
    plant: async (_mark, dir) => {
      const path = join(dir, "socket");
      const server = createServer().listen(path);
      await new Promise((resolve) => server.once("listening", resolve));
      return { named: path, undo: () => void server.close() };
    },
  },
  "a file": {
    kind: "file",
    plant: (_mark, dir) => {
      writeFileSync(join(dir, "file"), "x");
      return { named: join(dir, "file"), undo: () => unlinkSync(join(dir, "file")) };
    },
  },
  "a folder in /run": {
    kind: "file",
    plant: (mark) => {
      mkdirSync(`/run/wharf-${mark}`);
      return { named: `/run/wharf-${mark}`, undo: () => rmdirSync(`/run/wharf-${mark}`) };
    },
  },
  "a broken link in /dev/shm": {
    kind: "file",
    plant: (mark) => {
      symlinkSync("/nowhere", `/dev/shm/${mark}`);
      return { named: `/dev/shm/${mark}`, undo: () => unlinkSync(`/dev/shm/${mark}`) };
    },
  },
  "a firewall table": {
    kind: "nftables table",
    plant: (mark) => {
      must("nft", "add", "table", "inet", mark);
      return { named: mark, undo: () => must("nft", "delete", "table", "inet", mark) };
    },
  },
};

if (cgroupRoot("cgroup")) PLANTS["a control group, version 1"] = cgroupPlant("cgroup");
if (cgroupRoot("cgroup2")) PLANTS["a control group, version 2"] = cgroupPlant("cgroup2");
if (cgroupRoot("cgroup"))
  PLANTS["a folder for a hierarchy that is not mounted"] = {
    kind: "cgroup",
    plant: (mark) => {
      const dir = join("/sys/fs/cgroup", `none-${process.pid}`, mark, "inner");
      mkdirSync(dir, { recursive: true });
      return { named: dir, undo: () => rmSync(join(dir, "../.."), { recursive: true }) };
    },
  };

/** A folder whose path carries the mark. */
function markedFolder(t: TestContext, mark: string): string {
  const dir = join(tmpdir(), mark);
  mkdirSync(dir);
  t.after(() => removeFolder(dir));
  return dir;
}

for (const [what, { kind, plant }] of Object.entries(PLANTS)) {
  test(`leaksSince() finds ${what}`, async (t) => {
    const mark = innerMark();
    const dir = markedFolder(t, mark);
    const before = snapshot();
    assert.deepEqual(describeLeaks(await leaksSince(before, { mark, alone: false }, 0)), [], "clean at first");
    const { named, undo } = await plant(mark, dir);
    let lines: string[];
    try {
      const leaks = await leaksSince(before, { mark, alone: false }, 0);
      lines = describeLeaks(leaks.filter((leak) => leak.kind === kind));
      const foreign = await leaksSince(before, { mark: newRunMark(), alone: false }, 0);
      assert.deepEqual(describeLeaks(foreign), [], "another run is not blamed for it");
    } finally {
      undo();
    }
    assert.ok(
      lines.some((line) => line.startsWith(`${kind} `) && line.includes(named)),
      `"${named}" is named in:\n${lines.join("\n")}`,
    );
    assert.deepEqual(describeLeaks(await leaksSince(before, { mark, alone: false })), [], "clean again");
  });
}

test("leaksSince() on a machine of its own finds what carries no mark", async (t) => {
  const mark = innerMark();
  const group = join(cgroupRoot("cgroup") ?? cgroupRoot("cgroup2")!, `stray-${process.pid}`);
  const before = snapshot();
  mkdirSync(group);
  t.after(() => existsSync(group) && rmdirSync(group));
  const groups = async (alone: boolean) =>
    describeLeaks(await leaksSince(before, { mark, alone }, 0)).filter((line) => line.includes(group));
  assert.deepEqual(await groups(true), [`cgroup ${group}`]);
  assert.deepEqual(await groups(false), []);
});

test("leaksSince() on a machine of its own leaves a folder alone that was there before", async (t) => {
  const old = mkdtempSync("/tmp/wharf-old-");
  t.after(() => rmSync(old, { recursive: true }));
  const before = snapshot();
  writeFileSync(join(old, "file"), "of whoever made the folder");
  const fresh = mkdtempSync("/tmp/wharf-new-");
  t.after(() => rmSync(fresh, { recursive: true }));
  const lines = describeLeaks(await leaksSince(before, { mark: newRunMark(), alone: true }, 0));
  assert.ok(lines.includes(`file ${fresh}`));
  assert.ok(!lines.some((line) => line.includes(old)));
  const excepted = await leaksSince(before, { mark: newRunMark(), alone: true, except: "/tmp" }, 0);
  assert.ok(!describeLeaks(excepted).includes(`file ${fresh}`));
});

test("clearAway() removes what it may, and never reaches through a mount", async (t) => {
  const mark = innerMark();
  const precious = mkdtempSync(join(tmpdir(), "precious-"));
  writeFileSync(join(precious, "file"), "keep me");
  t.after(() => rmSync(precious, { recursive: true }));
  const dir = markedFolder(t, mark);
  const before = snapshot();
  mkdirSync(join(dir, "bind"));
  must("mount", "--bind", precious, join(dir, "bind"));
  const group = join(cgroupRoot("cgroup") ?? cgroupRoot("cgroup2")!, mark);
  mkdirSync(join(group, "inner"), { recursive: true });
  await hold(["sh", "-c", "echo there; exec sleep 60"], { PATH, WHARF_TEST_RUN: mark });
  clearAway(await leaksSince(before, { mark, alone: false }, 0), mark);
  assert.deepEqual(describeLeaks(await leaksSince(before, { mark, alone: false })), []);
  assert.equal(readFileSync(join(precious, "file"), "utf8"), "keep me");
});
