// runt events: statistics in runc's form, the stream with its kills, its end with the container; update of what it shows.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Spec } from "../../../src/common/oci/runtime.ts";
import { Bundle, CGROUP_V2 } from "./bundle.ts";

const limits = (spec: Spec) => {
  spec.linux!.resources = { ...spec.linux!.resources, memory: { limit: 64 << 20 }, pids: { limit: 50 } };
};

test("events --stats: one line with limits and usage, 64-bit numbers exact", () => {
  using box = new Bundle(limits);
  box.sleeping();
  const { status, out } = box.runt("events", "--stats", box.id);
  assert.equal(status, 0);
  assert.equal(out.trimEnd().split("\n").length, 1);
  assert.ok(out.startsWith(`{"type":"stats","id":"${box.id}","data":{"cpu":{"usage":{"total":`), out.slice(0, 200));
  const { data } = JSON.parse(out);
  assert.equal(data.memory.usage.limit, 64 << 20);
  assert.ok(data.memory.usage.usage > 0);
  assert.deepEqual(data.pids, { current: 1, limit: 50 });
  assert.ok(data.cpu.usage.kernel >= 0 && data.cpu.usage.total > 0);
  assert.equal(typeof data.memory.raw.pgfault, "number");
  assert.equal(data.cpuset.mem_hardwall, 0);
  assert.equal(data.network_interfaces, null);
  assert.deepEqual(data.intel_rdt, {});
  if (CGROUP_V2) assert.equal(typeof data.memory.psi.some.total, "number");
  else assert.match(out, /"swap":\{"limit":9223372036854771712|"raw":\{/);
});

test("events: at an interval, tells kills for want of memory, and ends with the container", async () => {
  using box = new Bundle((spec) => {
    spec.linux!.resources = { ...spec.linux!.resources, memory: { limit: 16 << 20 } };
  });
  box.sleeping();
  const events = spawn(box.runtime, ["--root", box.state, "events", "--interval", "50ms", box.id], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  using _end = { [Symbol.dispose]: () => void events.kill("SIGKILL") };
  const seen: { type: string; id: string }[] = [];
  let rest = "";
  let killed = false;
  const ended = once(events, "exit");
  for await (const chunk of events.stdout!.setEncoding("utf8")) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    seen.push(...lines.map((line) => JSON.parse(line)));
    if (seen.length >= 2 && !killed) {
      killed = true;
      assert.notEqual(box.exec("dd if=/dev/zero of=/dev/null bs=100M count=1").status, 0);
    }
    if (seen.some(({ type }) => type === "oom") && box.status() === "running") box.runt("kill", box.id, "KILL");
  }
  assert.deepEqual(await ended, [0, null]);
  assert.ok(seen.every(({ id }) => id === box.id));
  assert.ok(seen.filter(({ type }) => type === "stats").length >= 2);
  assert.equal(seen.filter(({ type }) => type === "oom").length, 1);
});

test("events: what cannot be is an error", () => {
  using box = new Bundle();
  box.sleeping();
  assert.match(box.runt("events", "--interval", "0s", box.id).err, /duration interval must be greater than 0/);
  assert.match(box.runt("events", "--interval", "soon", box.id).err, /is no duration/);
  box.ok("kill", box.id, "KILL");
  for (let i = 0; box.status() !== "stopped" && i < 1000; i++);
  const { status, err } = box.runt("events", "--stats", box.id);
  assert.equal(status, 1);
  assert.match(err, /is stopped/);
});

test("update: flags with units and refusals; device rules that are those of the configuration stay as they are", () => {
  using box = new Bundle(limits);
  box.sleeping();
  const stats = () => JSON.parse(box.runt("events", "--stats", box.id).out).data;
  box.ok("update", "--memory", "100m", "--pids-limit", "0", box.id);
  assert.equal(stats().memory.usage.limit, 100 << 20);
  assert.equal(stats().pids.limit, 1);
  box.ok("update", "--pids-limit", "-1", "--memory=", "--kernel-memory", "50M", box.id);
  assert.equal(stats().pids.limit, undefined);
  assert.equal(stats().memory.usage.limit, 100 << 20);
  assert.match(box.runt("update", "--cpu-quota", "much", box.id).err, /invalid value for --cpu-quota: "much"/);
  assert.match(box.with({ input: "[1" }, "update", "-r", "-", box.id).err, /--resources - is not valid JSON/);
  assert.match(box.with({ input: "[]" }, "update", "-r", "-", box.id).err, /does not hold an object/);
  assert.match(box.runt("update", "--l3-cache-schema", "L3:0=f", box.id).err, /no resctrl file system is mounted/);
  const folder = `/sys/fs/cgroup/devices/${box.id}`;
  // as a plugin does that gives a container a device after its creation
  if (!CGROUP_V2) writeFileSync(`${folder}/devices.allow`, "c 10:229 rwm");
  const same = { devices: box.spec.linux!.resources!.devices, cpu: { shares: 77 } };
  assert.equal(box.with({ input: JSON.stringify(same) }, "update", "-r", "-", box.id).status, 0);
  if (!CGROUP_V2) assert.match(readFileSync(`${folder}/devices.list`, "utf8"), /^c 10:229 rwm$/m);
  const other = {
    devices: [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 10, minor: 200, access: "r" },
    ],
  };
  assert.equal(box.with({ input: JSON.stringify(other) }, "update", "-r", "-", box.id).status, 0);
  if (!CGROUP_V2) assert.doesNotMatch(readFileSync(`${folder}/devices.list`, "utf8"), /10:229/);
  assert.equal(box.exec("cat /dev/null").status, 0);
});
