// Containers in every broken state: delete --force removes them all; and the state folder that other versions left.
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../support/until.ts";
import { Bundle } from "./bundle.ts";

const stateFile = (box: Bundle) => join(box.state, box.id, "state.json");
const recordOf = (box: Bundle) => JSON.parse(readFileSync(stateFile(box), "utf8"));

function gone(box: Bundle, what: string): void {
  assert.ok(!existsSync(join(box.state, box.id)), `${what}: the state is there`);
  for (const line of readFileSync("/proc/self/cgroup", "utf8").trim().split("\n")) {
    const controllers = line.split(":")[1]!.replace("name=", "");
    assert.ok(!existsSync(join("/sys/fs/cgroup", controllers, box.id)), `${what}: ${controllers} has its cgroup`);
  }
}

/** Ways to break a running container. */
const BREAKS: Record<string, (box: Bundle) => void | Promise<void>> = {
  "as it is": () => {},
  paused: (box) => box.ok("pause", box.id),
  "its bundle is gone": (box) => rmSync(join(box.dir, "config.json")),
  "its root is gone": (box) => rmSync(box.rootfs, { recursive: true }),
  "its state is empty": (box) => truncateSync(stateFile(box), 0),
  "its state is half written": (box) => truncateSync(stateFile(box), 40),
  "its state is gone": (box) => unlinkSync(stateFile(box)),
  "its state is of a newer version": (box) =>
    writeFileSync(stateFile(box), JSON.stringify({ ...recordOf(box), format: 99 })),
  "a write of the state broke off": (box) => writeFileSync(`${stateFile(box)}.tmp`, "{"),
  "its first process was killed": async (box) => {
    process.kill(recordOf(box).init.pid, "SIGKILL");
    await until("stopped", () => box.status() === "stopped");
  },
  "its cgroup is gone": async (box) => {
    process.kill(recordOf(box).init.pid, "SIGKILL");
    await until("stopped", () => box.status() === "stopped");
    for (const folder of Object.values(recordOf(box).cgroup.paths) as string[]) rmdirSync(folder);
  },
  "its note of the cgroup leads nowhere": (box) => {
    unlinkSync(join(box.state, box.id, "cgroup"));
    symlinkSync("no JSON", join(box.state, box.id, "cgroup"));
  },
};

for (const [what, damage] of Object.entries(BREAKS)) {
  test(`delete --force of a container: ${what}`, async () => {
    using box = new Bundle();
    box.sleeping();
    const { pid } = recordOf(box).init;
    await damage(box);
    box.ok("delete", "--force", box.id);
    gone(box, what);
    await until("the end of its process", () => !existsSync(`/proc/${pid}/exe`));
  });
}

test("a folder with nothing in it is a container that broke off, and delete --force removes it", () => {
  using box = new Bundle();
  mkdirSync(join(box.state, box.id), { recursive: true });
  box.ok("delete", "--force", box.id);
  gone(box, "an empty folder");
});

test("a zombie counts as stopped, and is deleted", async () => {
  using box = new Bundle();
  // whose parent, this shell's child, does not wait for it
  const script = `${box.runtime} --root ${box.state} create ${box.id} </dev/null && ${box.runtime} --root ${box.state} start ${box.id}`;
  box.spec.process!.args = ["true"];
  box.write();
  box.shell(script);
  await until("stopped", () => box.status() === "stopped");
  box.ok("delete", box.id);
  gone(box, "a zombie");
});

test("the state that another version of ours has written is read, whatever else stands in it", () => {
  using box = new Bundle();
  box.sleeping();
  const record = recordOf(box);
  assert.equal(record.format, 1);
  writeFileSync(stateFile(box), JSON.stringify({ ...record, later: { field: true } }));
  assert.equal(box.status(), "running");
  assert.equal(box.exec("echo reached").out, "reached\n");
  writeFileSync(stateFile(box), JSON.stringify({ ...record, format: 2 }));
  assert.match(box.runt("state", box.id).err, /is of a newer runt/);
  writeFileSync(stateFile(box), JSON.stringify(record));
});

test("list tells of 1,000 containers, by one look at each", () => {
  using box = new Bundle();
  box.sleeping();
  const record = recordOf(box);
  const ids = Array.from({ length: 999 }, (_, i) => `${box.id}-${String(i).padStart(3, "0")}`);
  for (const id of ids) {
    mkdirSync(join(box.state, id));
    writeFileSync(join(box.state, id, "state.json"), JSON.stringify({ ...record, id }));
  }
  assert.deepEqual(box.runt("list", "--quiet").out.trim().split("\n"), [box.id, ...ids]);
  const calls = box.shell(
    `strace -c -o calls ${box.runtime} --root ${box.state} list >/dev/null; awk '$NF == "total" {print $(NF-1) ? $4 : $4}' calls`,
  );
  const total = Number(calls.out.trim());
  assert.ok(total > 1000 && total < 20 * 1000, `${total} system calls`);
  for (const id of ids) rmSync(join(box.state, id), { recursive: true });
});
