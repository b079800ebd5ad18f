// features, spec, state: what they print has the specification's form, and what features promises is so.
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Spec } from "../../../src/common/oci/runtime.ts";
import { CONFIG_SHAPE, faultOf, fieldPaths, SECCOMP_SHAPE } from "../../../src/common/oci/runtime-shape.ts";
import { Bundle, CGROUP_V2 } from "./bundle.ts";

/** features-schema.json and features-linux.md of 1.3, as paths. */
const FEATURES = `ociVersionMin ociVersionMax hooks mountOptions annotations potentiallyUnsafeConfigAnnotations linux
  linux.namespaces linux.capabilities linux.cgroup linux.cgroup.v1 linux.cgroup.v2 linux.cgroup.systemd
  linux.cgroup.systemdUser linux.cgroup.rdma linux.seccomp linux.seccomp.enabled linux.seccomp.actions linux.seccomp.operators
  linux.seccomp.archs linux.seccomp.knownFlags linux.seccomp.supportedFlags linux.apparmor linux.apparmor.enabled linux.selinux
  linux.selinux.enabled linux.intelRdt linux.intelRdt.enabled linux.intelRdt.schemata linux.intelRdt.monitoring
  linux.memoryPolicy linux.memoryPolicy.modes linux.memoryPolicy.flags linux.mountExtensions linux.mountExtensions.idmap
  linux.mountExtensions.idmap.enabled linux.netDevices linux.netDevices.enabled`.split(/\s+/);

/** Every field of a value, lists as leaves; annotations are free. */
function paths(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value) || path === "annotations")
    return path ? [path] : [];
  return [
    ...(path ? [path] : []),
    ...Object.entries(value).flatMap(([key, one]) => paths(one, path ? `${path}.${key}` : key)),
  ];
}

/** The fields of a config.json, in the words of fieldPaths. */
function used(value: unknown, path: string, maps: ReadonlySet<string>): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => used(one, `${path}[]`, maps));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => {
    const name = maps.has(path) ? `${path}{}` : path === "" ? key : `${path}.${key}`;
    return [name, ...used(one, name, maps)];
  });
}

test("features has every property of the specification, and none besides", () => {
  using box = new Bundle();
  const features = JSON.parse(box.runt("features").out);
  assert.deepEqual(paths(features).sort(), [...FEATURES].sort());
  assert.deepEqual([features.ociVersionMin, features.ociVersionMax], ["1.0.0", "1.3.0"]);
  for (const list of ["hooks", "mountOptions"]) assert.ok(features[list].length > 5, list);
  for (const name of features.linux.capabilities) assert.match(name, /^CAP_[A-Z_]+$/);
  assert.match(features.annotations["io.github.seccomp.libseccomp.version"], /^2\.\d+\.\d+$/);
});

test("features: the versions of the specification between the two are taken", () => {
  for (const ociVersion of ["1.0.0", "1.0.2-dev", "1.1.0+dev", "1.2.1", "1.3.0"]) {
    using box = new Bundle((spec) => void (spec.ociVersion = ociVersion));
    assert.equal(box.sh("echo fine"), "fine\n", ociVersion);
  }
  for (const ociVersion of ["2.0.0", "0.9.0", "latest", ""]) {
    using box = new Bundle((spec) => void (spec.ociVersion = ociVersion));
    assert.match(box.runt("run", box.id).err, /config\.json: ociVersion: /, ociVersion);
  }
});

test("features: every capability that is named is known, though not every one is to be had", () => {
  using box = new Bundle();
  const all = JSON.parse(box.runt("features").out).linux.capabilities as string[];
  box.spec.process!.capabilities = { bounding: all, effective: all, permitted: all, inheritable: all, ambient: [] };
  box.spec.process!.args = ["grep", "CapBnd", "/proc/self/status"];
  box.write();
  const { out, err } = box.runt("run", box.id);
  assert.doesNotMatch(err, /unknown/);
  const mask = (status: string) => BigInt(`0x${/CapBnd:\s+([0-9a-f]+)/.exec(status)![1]}`);
  assert.equal(mask(out), mask(readFileSync("/proc/self/status", "utf8")), "all that we have");
});

test("spec writes a config.json of the specification's shape, as runc does, and another for a user without rights", () => {
  using box = new Bundle();
  const file = join(box.dir, "config.json");
  const write = (...flags: string[]): Spec => {
    rmSync(file);
    box.ok("spec", ...flags);
    return JSON.parse(readFileSync(file, "utf8")) as Spec;
  };
  const known = new Set([...fieldPaths(CONFIG_SHAPE), ...fieldPaths(SECCOMP_SHAPE, "linux.seccomp")]);
  for (const spec of [write(), write("--rootless"), write("--bundle", box.dir)]) {
    assert.equal(faultOf(CONFIG_SHAPE, spec), undefined);
    for (const field of used(spec, "", new Set(["annotations", "linux.sysctl"]))) assert.ok(known.has(field), field);
    assert.equal(spec.ociVersion, "1.3.0");
  }
  const spec = write();
  assert.deepEqual(spec.process!.args, ["sh"]);
  assert.deepEqual(spec.root, { path: "rootfs", readonly: true });
  const types = spec.linux!.namespaces!.map(({ type }) => type);
  assert.deepEqual(types, ["pid", "network", "ipc", "uts", "mount", ...(CGROUP_V2 ? ["cgroup"] : [])]);
  const rootless = write("--rootless");
  assert.deepEqual(rootless.linux!.uidMappings, [{ hostID: 0, containerID: 0, size: 1 }]);
  assert.ok(rootless.linux!.namespaces!.some(({ type }) => type === "user"));
  assert.equal(rootless.linux!.resources, undefined);
  assert.match(box.runt("spec").err, /file .*config\.json exists/);
  assert.ok(existsSync(file));
});

test("spec's container runs", () => {
  using box = new Bundle();
  rmSync(join(box.dir, "config.json"));
  box.ok("spec");
  const spec = JSON.parse(readFileSync(join(box.dir, "config.json"), "utf8")) as Spec;
  Object.assign(box.spec, spec);
  Object.assign(box.spec.process!, { terminal: false, env: ["PATH=/bin"] });
  box.spec.linux!.cgroupsPath = `/${box.id}`;
  assert.equal(box.sh("echo $((6 * 7))"), "42\n");
});

test("state has the fields of the specification, from creating to stopped, with annotations", () => {
  using box = new Bundle((spec) => void (spec.annotations = { "org.example.key": "value" }));
  box.spec.process!.args = ["sleep", "100"];
  box.write();
  const state = () => JSON.parse(box.runt("state", box.id).out);
  box.ok("create", box.id);
  const created = state();
  assert.deepEqual(
    [created.ociVersion, created.id, created.status, created.bundle],
    ["1.3.0", box.id, "created", box.dir],
  );
  assert.ok(existsSync(`/proc/${created.pid}`));
  assert.deepEqual(created.annotations, { "org.example.key": "value" });
  box.ok("start", box.id);
  assert.deepEqual([state().status, state().pid], ["running", created.pid]);
});
