// plan: what would be done, with the field that asks for it, and nothing is.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Bundle } from "./bundle.ts";

test("plan names every step with its field, and touches nothing", () => {
  using box = new Bundle((spec) => {
    spec.mounts!.push({ destination: "/new/folder", type: "bind", source: "/etc", options: ["rbind"] });
    spec.linux!.seccomp = { defaultAction: "SCMP_ACT_ALLOW" };
  });
  const { out, status } = box.runt("plan", "--format", "json", box.dir);
  assert.equal(status, 0);
  const steps = JSON.parse(out) as { process: string; field: string; step: string }[];
  const fields = steps.map(({ field }) => field);
  assert.deepEqual(
    fields.filter((field) => field.startsWith("mounts[")),
    [0, 1, 2, 3, 4, 5].map((i) => `mounts[${i}]`),
  );
  assert.ok(
    fields.indexOf("linux.seccomp") < fields.indexOf("process.user"),
    "without no_new_privs the filter comes first",
  );
  assert.deepEqual(steps.at(-1), { process: "container", field: "process.args", step: 'execute "true"' });
  assert.ok(!fields.includes("hooks.startContainer"));
  assert.ok(!existsSync(join(box.rootfs, "new")));
  assert.ok(!readdirSync("/sys/fs/cgroup/pids").includes(box.id));
  assert.match(box.runt("plan", box.dir).out, /^PROCESS +FIELD +STEP\nruntime +linux\.cgroupsPath +make the cgroup\n/);
});

test("a sampled trace gets a span for every step, none otherwise", () => {
  using box = new Bundle();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const env = (flags: string) => ({ TRACEPARENT: `00-${traceId}-b7ad6b7169203331-${flags}`, WHARF_TRACE_DIR: box.dir });
  assert.equal(box.with({ env: env("00") }, "run", box.id).status, 0);
  assert.ok(!existsSync(join(box.dir, `${traceId}.jsonl`)));
  assert.equal(box.with({ env: env("01") }, "run", box.id).status, 0);
  const spans = box.trace(traceId);
  const root = spans.find(({ name }) => name === "runt run")!;
  assert.equal(root.parentId, "b7ad6b7169203331");
  const mounts = spans.filter(({ attributes }) => String(attributes?.field).startsWith("mounts["));
  assert.equal(mounts.length, 5);
  for (const span of spans) {
    assert.equal(span.traceId, traceId);
    assert.ok(span.start >= root.start && span.start + span.duration <= root.start + root.duration + 1000, span.name);
  }
});
