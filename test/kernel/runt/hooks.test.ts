// Hooks of all six kinds: where they run, with which arguments, environment and input, how long, and what their failure does.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Hook } from "../../../src/common/oci/runtime.ts";
import { Bundle } from "./bundle.ts";

const KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;
/** Run before the program: their failure is the container's. */
const BEFORE = KINDS.slice(0, 4);

const sh = (script: string, more: Partial<Hook> = {}): Hook => ({
  path: "/bin/sh",
  args: ["sh", "-c", script],
  ...more,
});

test("hooks: path, args, env and nothing of the runtime's environment, in each kind", () => {
  for (const kind of KINDS) {
    using box = new Bundle();
    const file = kind === "startContainer" ? "/tmp/told" : join(box.dir, "told");
    const told = kind === "startContainer" ? join(box.rootfs, "tmp/told") : file;
    const hook = sh(`echo "$0 $A:$B:$RUNTIME_OWN" > ${file}`, { env: ["A=one", "B=two words"] });
    hook.args!.push("zero");
    box.spec.hooks = { [kind]: [hook] };
    box.spec.process!.args = ["true"];
    box.write();
    const { status, err } = box.with({ env: { RUNTIME_OWN: "x" } }, "run", box.id);
    assert.equal(status, 0, `${kind}: ${err}`);
    assert.equal(readFileSync(told, "utf8"), "zero one:two words:\n", kind);
  }
});

test("hooks: prestart, createRuntime, poststart, poststop run here, createContainer and startContainer in the container's namespaces", () => {
  const here = readlinkSync("/proc/self/ns/uts");
  for (const kind of KINDS) {
    using box = new Bundle();
    const inside = kind === "startContainer";
    const file = inside ? "/tmp/ns" : join(box.dir, "ns");
    box.spec.hooks = { [kind]: [sh(`readlink /proc/self/ns/uts > ${file}; cat >> ${file}`)] };
    box.sh("true");
    const [namespace, state] = readFileSync(inside ? join(box.rootfs, "tmp/ns") : file, "utf8").split("\n");
    const shared = kind !== "createContainer" && kind !== "startContainer";
    assert.equal(namespace === here, shared, kind);
    assert.deepEqual(JSON.parse(state!).id, box.id);
  }
});

test("hooks run without a mount namespace too, and what is passed over then is said", () => {
  using box = new Bundle((spec) => {
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== "mount");
    Object.assign(spec.linux!, { maskedPaths: [], readonlyPaths: [] });
    spec.root!.readonly = true;
  });
  const file = join(box.dir, "ran");
  const before = ["prestart", "createRuntime", "createContainer"] as const;
  box.spec.hooks = Object.fromEntries(before.map((kind) => [kind, [sh(`echo ${kind} >> ${file}`)]]));
  box.spec.process!.args = ["true"];
  box.write();
  const { status, err } = box.runt("run", box.id);
  assert.equal(status, 0, err);
  assert.equal(readFileSync(file, "utf8"), before.map((kind) => `${kind}\n`).join(""));
  assert.match(err, /mounts, root\.readonly: passed over; without a mount namespace it would be done to the host/);
});

test("hooks[].timeout: in each kind before the program a hook that takes longer is killed, and the container with it", () => {
  for (const kind of BEFORE) {
    using box = new Bundle();
    box.spec.hooks = { [kind]: [{ path: "/bin/sleep", args: ["sleep", "100"], timeout: 1 }] };
    box.write();
    const { status, err } = box.runt("run", box.id);
    assert.equal(status, 1);
    assert.match(err, new RegExp(`hooks\\.${kind}\\[0\\]: .*"/bin/sleep" did not end within 1 s and was killed`));
    assert.equal(box.status(), undefined);
  }
});

test("hooks[].timeout: one of poststart that takes longer ends the container, one of poststop is told", () => {
  using box = new Bundle();
  const endless = { path: "/bin/sleep", args: ["sleep", "100"], timeout: 1 };
  box.spec.hooks = { poststart: [endless] };
  box.spec.process!.args = ["sleep", "1000"];
  box.write();
  const started = box.runt("run", box.id);
  assert.equal(started.status, 1);
  assert.match(started.err, /hooks\.poststart\[0\]: .*"\/bin\/sleep" did not end within 1 s and was killed/);
  assert.equal(box.status(), undefined);
  box.spec.hooks = { poststop: [endless] };
  box.spec.process!.args = ["true"];
  box.write();
  const { status, err } = box.runt("run", box.id);
  assert.equal(status, 0, err);
  assert.match(err, /level=warning msg="hooks\.poststop\[0\]: .*did not end within 1 s and was killed/);
  assert.equal(box.status(), undefined);
});

test("hooks: the first that fails ends it, with its output; poststop's failure is a warning", () => {
  for (const kind of [...BEFORE, "poststart"] as const) {
    using box = new Bundle();
    const file = kind === "startContainer" ? "/tmp/second" : join(box.dir, "second");
    box.spec.hooks = { [kind]: [sh("exit 0"), sh("echo no luck >&2; exit 5"), sh(`: > ${file}`)] };
    box.spec.process!.args = ["sleep", "1"];
    box.write();
    const { status, err } = box.runt("run", box.id);
    assert.equal(status, 1, kind);
    assert.match(err, new RegExp(`hooks\\.${kind}\\[1\\]: .*"/bin/sh" ended with 5: no luck`));
    assert.ok(!existsSync(kind === "startContainer" ? join(box.rootfs, file) : file), "none after it");
    assert.equal(box.status(), undefined, kind);
  }
  using box = new Bundle();
  box.spec.hooks = { poststop: [sh("echo too late >&2; exit 6")] };
  box.spec.process!.args = ["true"];
  box.write();
  const { status, err } = box.runt("run", box.id);
  assert.equal(status, 0);
  assert.match(err, /level=warning msg="hooks\.poststop\[0\]: .*ended with 6: too late"/);
});
