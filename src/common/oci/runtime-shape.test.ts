import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_SHAPE, type FieldShape, faultOf, fieldPaths, SECCOMP_SHAPE } from "./runtime-shape.ts";

/** A value that has the shape, with the field at the end of `steps` of the wrong type; and how the message calls it. */
function wrong(shape: FieldShape, steps: readonly string[]): [value: unknown, path: string] {
  const [step, ...rest] = steps;
  if (step === undefined) return [shape.kind === "string" ? 7 : "no such type", ""];
  const inner = (of: FieldShape, name: string): [unknown, string] => {
    const [value, path] = wrong(of, rest);
    return [value, name + path];
  };
  if (shape.kind === "list") {
    const [value, path] = inner(shape.of, "[0]");
    return [[value], path];
  }
  if (shape.kind === "map") {
    const [value, path] = inner(shape.of, '["key"]');
    return [{ key: value }, path];
  }
  assert.ok(shape.kind === "object");
  const [value, path] = inner(shape.fields[step]!, `.${step}`);
  return [{ [step]: value }, path];
}

/** Every field as the steps that lead to it; "" into a list or a map. */
function allSteps(shape: FieldShape): string[][] {
  if (shape.kind === "list" || shape.kind === "map")
    return [[""], ...allSteps(shape.of).map((steps) => ["", ...steps])];
  if (shape.kind !== "object") return [];
  return Object.entries(shape.fields).flatMap(([key, inner]) => [
    [key],
    ...allSteps(inner).map((steps) => [key, ...steps]),
  ]);
}

test("faultOf() names each field of the wrong type with its path", () => {
  for (const shape of [CONFIG_SHAPE, SECCOMP_SHAPE]) {
    const all = allSteps(shape);
    assert.ok(all.length > (shape === CONFIG_SHAPE ? 220 : 12), `${all.length} fields`);
    for (const steps of all) {
      const [value, path] = wrong(shape, steps);
      const fault = faultOf(shape, value);
      assert.equal(fault?.path, path);
      assert.match(fault.why, /^expected /);
    }
  }
});

test("faultOf() passes over unknown fields, takes null and undefined as absent, and takes null away", () => {
  const spec = { future: 1, constructor: 2, process: { args: null, novel: [], env: undefined }, linux: null };
  assert.equal(faultOf(CONFIG_SHAPE, spec), undefined);
  assert.deepEqual(Object.keys(spec), ["future", "constructor", "process"]);
  assert.deepEqual(Object.keys(spec.process), ["novel", "env"]);
  assert.match(faultOf(CONFIG_SHAPE, [])!.why, /expected an object, got a list/);
});

test("faultOf() takes a field in another case for the known one, as Go's decoder does", () => {
  const limit = { pagesize: "2MB", LIMIT: 1 };
  const spec = { Linux: { resources: { CPU: { Cpus: "0", mems: null, MEMS: "1" }, hugepageLimits: [limit] } } };
  assert.equal(faultOf(CONFIG_SHAPE, spec), undefined);
  const resources = { cpu: { cpus: "0", mems: "1" }, hugepageLimits: [{ pageSize: "2MB", limit: 1 }] };
  assert.deepEqual(spec, { linux: { resources } });
  const wrong = faultOf(CONFIG_SHAPE, { Process: { CWD: 7 } });
  assert.deepEqual(wrong, { path: ".process.cwd", why: "expected a string, got 7" });
  // beside it the later one counts, member by member
  const one = { linux: { resources: { cpu: { shares: 1, cpus: "0", mems: "0" }, CPU: { Cpus: "1", mems: "1" } } } };
  assert.equal(faultOf(CONFIG_SHAPE, one), undefined);
  assert.deepEqual(one, { linux: { resources: { cpu: { shares: 1, cpus: "1", mems: "1" } } } });
  const other = { PROCESS: { cwd: "/a", args: ["a", "b"] }, Process: { env: [] }, process: { args: ["c"], CWD: "/c" } };
  assert.equal(faultOf(CONFIG_SHAPE, other), undefined);
  assert.deepEqual(other, { process: { cwd: "/c", args: ["c"], env: [] } });
  assert.equal(faultOf(CONFIG_SHAPE, { process: {}, Process: { cwd: 7 } })?.path, ".process.cwd");
  // keys that are free are as they are
  const free = { annotations: { Linux: "x", linux: "y" } };
  assert.equal(faultOf(CONFIG_SHAPE, free), undefined);
  assert.deepEqual(free, { annotations: { Linux: "x", linux: "y" } });
});

test("faultOf() knows words and ranges", () => {
  const process = (fields: object) => faultOf(CONFIG_SHAPE, { process: fields });
  const policy = process({ scheduler: { policy: "SCHED_FAIR" } });
  assert.equal(policy?.path, ".process.scheduler.policy");
  assert.match(policy.why, /^unknown value "SCHED_FAIR"; there are SCHED_OTHER, /);
  assert.match(process({ user: { uid: -1 } })!.why, /from 0 to 4294967294, got -1/);
  assert.match(process({ user: { gid: 0xffffffff } })!.why, /got 4294967295/);
  assert.match(process({ user: { uid: 1.5 } })!.why, /whole number/);
  assert.equal(
    process({ rlimits: [{ type: "x", soft: 18446744073709552000, hard: 2 }] }),
    undefined,
    "2^64 - 1 as JSON has it",
  );
});

test("fieldPaths() lists every field", () => {
  const paths = fieldPaths(CONFIG_SHAPE);
  for (const path of ["ociVersion", "mounts[].options", "linux.netDevices{}.name", "hooks.poststop[].timeout"])
    assert.ok(paths.includes(path), path);
  assert.equal(new Set(paths).size, paths.length);
});
