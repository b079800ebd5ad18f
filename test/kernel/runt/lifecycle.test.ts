// The life of a container, verb by verb, as runc's command line has it.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../support/until.ts";
import { Bundle } from "./bundle.ts";

test("run passes on what the program writes and its exit code, and leaves nothing", () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sh", "-c", "echo out; echo err >&2; exit 7"];
  });
  const said = { status: 7, out: "out\n", err: "err\n" };
  assert.deepEqual(box.runt("run", box.id), said);
  // what it does anyhow may be asked for
  assert.deepEqual(box.runt("run", "--rm", box.id), said);
  assert.equal(box.status(), undefined);
  assert.deepEqual(readdirSync(box.state), []);
  for (const hierarchy of ["", ...readdirSync("/sys/fs/cgroup")]) {
    assert.ok(!existsSync(join("/sys/fs/cgroup", hierarchy, box.id)), hierarchy);
  }
});

test("run is the parent of what its container's processes leave behind, and with --no-subreaper it is not", () => {
  using box = new Bundle((spec) => {
    // the kernel gives orphans to the next ancestor that takes them, within a pid namespace to its first process
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== "pid");
    const orphan = "(sleep 1000 & echo $! > /tmp/orphan); cut -d ' ' -f 4 /proc/$(cat /tmp/orphan)/stat; echo $PPID";
    spec.process!.args = ["sh", "-c", orphan];
  });
  for (const [flags, own] of [
    [[], true],
    [["--no-subreaper"], false],
  ] as const) {
    const { status, out, err } = box.runt("run", ...flags, box.id);
    assert.equal(status, 0, err);
    const [parent, runtime] = out.trim().split("\n");
    assert.match(`${parent} ${runtime}`, /^\d+ \d+$/);
    assert.equal(parent === runtime, own, `${flags}: ${out}`);
  }
});

test("run ends with 128 and the signal that ended the program", () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sh", "-c", "kill -9 $$"];
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== "pid");
  });
  assert.equal(box.runt("run", box.id).status, 137);
});

test("create, start, kill, delete: the states in between, and state in runc's form", async () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sleep", "1000"];
    spec.annotations = { "org.example.a": "b" };
  });
  box.ok("create", "--pid-file", join(box.dir, "pid"), box.id);
  const { out } = box.runt("state", box.id);
  const state = JSON.parse(out);
  assert.equal(state.status, "created");
  assert.equal(state.pid, Number(readFileSync(join(box.dir, "pid"), "utf8")));
  assert.deepEqual(
    [state.id, state.bundle, state.rootfs, state.owner, state.annotations, typeof state.ociVersion],
    [box.id, box.dir, box.rootfs, "root", { "org.example.a": "b" }, "string"],
  );
  assert.match(state.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
  assert.match(box.runt("kill", box.id, "WHATEVER").err, /unknown signal "WHATEVER"/);
  box.ok("start", box.id);
  assert.equal(box.status(), "running");
  assert.match(box.runt("start", box.id).err, /cannot start a container in the running state/);
  assert.match(box.runt("delete", box.id).err, /not stopped/);
  box.ok("kill", box.id, "KILL");
  await until("stopped", () => box.status() === "stopped");
  assert.equal(JSON.parse(box.runt("state", box.id).out).pid, 0);
  assert.match(box.runt("kill", box.id).err, /container not running/);
  box.ok("delete", box.id);
  const gone = box.runt("state", box.id);
  assert.equal(gone.status, 1);
  assert.match(gone.err, /does not exist/);
});

test("a created container can be deleted without force, and its program never runs", () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sh", "-c", "touch /ran"];
  });
  box.ok("create", box.id);
  box.ok("delete", box.id);
  assert.equal(box.status(), undefined);
  assert.ok(!existsSync(join(box.rootfs, "ran")));
});

test("an id is taken once; of two at once one wins", async () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sleep", "1000"];
  });
  const both = [box.spawn("create", box.id), box.spawn("create", box.id)].map((child) => {
    child.stdin.end();
    child.stdout.resume();
    return new Promise<number | null>((resolve) => child.on("exit", resolve));
  });
  assert.deepEqual((await Promise.all(both)).sort(), [0, 1]);
  assert.equal(box.status(), "created");
  assert.match(box.runt("create", box.id).err, /already exists/);
});

test("list shows tables, JSON and ids; what is damaged does not hide the others", () => {
  using box = new Bundle();
  mkdirSync(box.state);
  assert.equal(box.runt("list").out.trim(), "ID   PID   STATUS   BUNDLE   CREATED   OWNER");
  box.sleeping();
  const line = box.runt("list").out.split("\n")[1]!;
  assert.match(line, new RegExp(`^${box.id}\\s+\\d+\\s+running\\s+${box.dir}\\s+\\S+\\s+root$`));
  mkdirSync(join(box.state, "broken"));
  writeFileSync(join(box.state, "broken/state.json"), "{");
  const { out, err } = box.runt("list", "--format", "json");
  assert.deepEqual(
    JSON.parse(out).map(({ id }: { id: string }) => id),
    [box.id],
  );
  assert.match(err, /broken.*damaged/);
  assert.equal(box.runt("list", "-q").out, `${box.id}\n`);
  box.ok("delete", "--force", "broken");
  assert.ok(!existsSync(join(box.state, "broken")));
});

test("delete --force of what is not there is no error, without force it is", () => {
  using box = new Bundle();
  assert.equal(box.runt("delete", "--force", "nobody").status, 0);
  assert.equal(box.runt("delete", "nobody").status, 1);
});

test("kill --all reaches every process of a container without a pid namespace", async () => {
  using box = new Bundle((spec) => {
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== "pid");
    spec.process!.args = ["sh", "-c", "sleep 1000 & sleep 1000 & wait"];
  });
  box.ok("create", box.id);
  box.ok("start", box.id);
  await until("three processes", () => JSON.parse(box.runt("ps", "--format", "json", box.id).out).length === 3);
  const pids: number[] = JSON.parse(box.runt("ps", "--format", "json", box.id).out);
  box.ok("kill", "--all", box.id, "KILL");
  await until("all ended", () => pids.every((pid) => !existsSync(`/proc/${pid}/exe`)));
  await until("stopped", () => box.status() === "stopped");
});

test("pause stops every process, resume lets them go on, a paused container can be deleted", () => {
  using box = new Bundle();
  box.sleeping();
  box.ok("pause", box.id);
  assert.equal(box.status(), "paused");
  const refused = box.exec("true");
  assert.equal(refused.status, 255);
  assert.match(refused.err, /paused/);
  box.ok("resume", box.id);
  assert.equal(box.status(), "running");
  assert.equal(box.exec("true").status, 0);
  box.ok("pause", box.id);
  box.ok("delete", "--force", box.id);
  assert.equal(box.status(), undefined);
});

test("signals to a foreground run reach the program", async () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sh", "-c", "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done"];
  });
  const child = box.spawn("run", box.id);
  let out = "";
  child.stdout.on("data", (text) => {
    out += text;
  });
  const status = new Promise((resolve) => child.on("close", resolve));
  await until("ready", () => out === "ready\n");
  child.kill("SIGTERM");
  assert.equal(await status, 3);
  assert.equal(out, "ready\ngot\n");
});

test("run --detach returns while the program runs; --keep leaves the container", () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sleep", "1000"];
  });
  box.ok("run", "--detach", box.id);
  assert.equal(box.status(), "running");
  box.ok("delete", "--force", box.id);
  box.spec.process!.args = ["true"];
  box.write();
  assert.equal(box.runt("run", "--keep", box.id).status, 0);
  assert.equal(box.status(), "stopped");
});

test("a runtime killed in the middle of create leaves nothing that delete --force does not remove", async () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sleep", "1000"];
  });
  for (let delay = 0; delay < 12; delay++) {
    const child = box.spawn("create", box.id);
    const end = new Promise((resolve) => child.on("exit", resolve));
    await new Promise((resolve) => setTimeout(resolve, delay));
    child.kill("SIGKILL");
    await end;
    box.ok("delete", "--force", box.id);
    assert.equal(existsSync(join(box.state, box.id)), false);
    const left = ["", ...readdirSync("/sys/fs/cgroup")].filter((one) =>
      existsSync(join("/sys/fs/cgroup", one, box.id)),
    );
    assert.deepEqual(left, [], `killed after ${delay} ms`);
  }
});
