import assert from "node:assert/strict";
import { test } from "node:test";
import { Options } from "../../common/gen/containerd/runc/options.ts";
import { decode } from "../../common/protobuf/decode.ts";
import { Runtimes } from "./runtimes.ts";

const OURS = "io.containerd.runt.v2";
const handler = (systemdCgroup: boolean, binary = "") => ({ type: OURS, binary, root: "", systemdCgroup });

test("Runtimes: what stands for runt has the handler of the configuration, each other one its own", () => {
  const runtimes = new Runtimes("/shim", { runt: handler(true), crun: handler(false, "crun") });
  for (const name of ["runt", OURS, "runc", "io.containerd.runc.v2"]) {
    assert.equal(runtimes.systemdCgroup(name), true, name);
    const { name: shim, options } = runtimes.resolve(name);
    assert.equal(shim, "/shim");
    assert.equal(decode(Options, options!.value).systemdCgroup, true, name);
  }
  assert.equal(runtimes.systemdCgroup("crun"), false);
  assert.deepEqual(runtimes.names, ["runt", OURS, "crun"]);
  assert.deepEqual(runtimes.listed, { runt: { path: "runt" }, [OURS]: { path: "runt" }, crun: { path: "crun" } });
});

test("Runtimes: a handler that is called runc is what stands for runc", () => {
  const runtimes = new Runtimes("/shim", { runt: handler(true), runc: handler(false, "runc") });
  assert.deepEqual(
    ["runc", "runt", "crun"].map((name) => runtimes.systemdCgroup(name)),
    [false, true, false],
  );
  assert.throws(() => runtimes.resolve("crun"), /unknown or invalid runtime name: crun/);
  assert.deepEqual(new Runtimes("/shim").resolve("runc"), { name: "/shim" });
});
