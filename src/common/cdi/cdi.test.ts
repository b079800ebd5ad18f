// Devices of CDI files: what they change in a configuration, which file counts, and what is wrong with others.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "../oci/runtime.ts";
import { CdiDevices, type Looked } from "./inject.ts";
import { isQualifiedDevice, parseCdiSpec } from "./spec.ts";

const YAML = `
cdiVersion: "0.7.0"
kind: "vendor.com/net"
annotations: {x: y}
containerEdits:
  env: [COMMON=1]
devices:
- name: nic0
  containerEdits:
    deviceNodes:
    - path: "/dev/nic0"
      hostPath: /dev/host-nic0
      permissions: rw
      fileMode: 0600
    - {path: /dev/given, type: c, major: 10, minor: 20}
    - path: /dev/fifo
      type: p
    mounts:
    - hostPath: /usr/lib/nic
      containerPath: /opt/nic/lib
      options: [ro, nosuid]
    - hostPath: /opt
      containerPath: /opt
      type: bind
    hooks:
    - hookName: createRuntime
      path: /bin/hook
      args: [hook, "--nic"]
      timeout: 5
    env:
    - PATH=/nic
    additionalGids: [0, 7]
    intelRdt: {closID: class, enableCMT: true}
- name: nic1
  containerEdits:
    env: [SECOND=2]
`;

const look = (path: string): Looked => ({ type: "c", major: 4, minor: path.length });
const base = (): Spec => ({
  ociVersion: "1.2.0",
  process: { args: ["x"], cwd: "/", env: ["PATH=/bin"], user: { uid: 5, gid: 0, additionalGids: [1] } },
  root: { path: "r" },
  mounts: [{ destination: "/proc" }, { destination: "/dev/shm" }],
  linux: {
    devices: [{ path: "/dev/nic0", type: "b", major: 1, minor: 1 }],
    resources: { devices: [{ allow: false, access: "rwm" }] },
  },
});

test("inject() adds what the file says, the common part once, and looks the rest up", () => {
  const devices = new CdiDevices();
  devices.add(parseCdiSpec("/etc/cdi/nic.yaml", YAML), 0);
  const spec = base();
  devices.inject(spec, ["vendor.com/net=nic0", "vendor.com/net=nic1"], look);
  assert.deepEqual(spec.process!.env, ["PATH=/nic", "COMMON=1", "SECOND=2"]);
  assert.deepEqual(spec.process!.user.additionalGids, [1, 7]);
  assert.deepEqual(spec.linux!.devices, [
    { path: "/dev/nic0", type: "c", major: 4, minor: 14, fileMode: 0o600, uid: 5 },
    { path: "/dev/given", type: "c", major: 10, minor: 20, uid: 5 },
    { path: "/dev/fifo", type: "p", uid: 5 },
  ]);
  assert.deepEqual(spec.linux!.resources!.devices, [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 4, minor: 14, access: "rw" },
    { allow: true, type: "c", major: 10, minor: 20, access: "rwm" },
  ]);
  assert.deepEqual(spec.mounts, [
    { destination: "/proc" },
    { destination: "/opt", source: "/opt", type: "bind", options: [] },
    { destination: "/dev/shm" },
    { destination: "/opt/nic/lib", source: "/usr/lib/nic", options: ["ro", "nosuid"] },
  ]);
  assert.deepEqual(spec.hooks, { createRuntime: [{ path: "/bin/hook", args: ["hook", "--nic"], timeout: 5 }] });
  assert.deepEqual(spec.linux!.intelRdt, { closID: "class", enableCMT: true });
});

const file = (path: string, device: string, value: string) =>
  parseCdiSpec(
    path,
    JSON.stringify({
      ...{ cdiVersion: "0.6.0", kind: "v.com/c" },
      devices: [{ name: device, containerEdits: { env: [`FROM=${value}`] } }],
    }),
  );

test("a later folder's device counts; one that two files of a folder have does not", () => {
  const devices = new CdiDevices();
  devices.add(file("/etc/cdi/a.json", "x", "a"), 0);
  devices.add(file("/etc/cdi/b.json", "x", "b"), 0);
  assert.throws(() => devices.inject(base(), ["v.com/c=x"], look), {
    code: "NotFound",
    message: /unresolvable CDI devices v.com\/c=x/,
    hint: "device v.com/c=x is in /etc/cdi/a.json and in /etc/cdi/b.json",
  });
  devices.add(file("/run/cdi/c.json", "x", "c"), 1);
  const spec = base();
  devices.inject(spec, ["v.com/c=x"], look);
  assert.deepEqual(spec.process!.env, ["PATH=/bin", "FROM=c"]);
});

test("a device of another type than the file says is refused", () => {
  const devices = new CdiDevices();
  const device = { name: "x", containerEdits: { deviceNodes: [{ path: "/dev/x", type: "b" }] } };
  devices.add(parseCdiSpec("x.json", JSON.stringify({ cdiVersion: "0.5.0", kind: "v/c", devices: [device] })), 0);
  assert.throws(() => devices.inject(base(), ["v/c=x"], look), /"\/dev\/x" is of type b, and \/dev\/x is of type c/);
});

test("isQualifiedDevice() knows names of devices from paths", () => {
  for (const name of ["v.com/c=x", "nvidia.com/gpu=0", "v/c=a:b.c-d"]) assert.ok(isQualifiedDevice(name), name);
  for (const name of ["/dev/x", "/a/b=c", "v.com/c", "v/c=", "=x", "a=b", "v/c=-x"])
    assert.ok(!isQualifiedDevice(name), name);
});

const edits = (containerEdits: object) => ({ devices: [{ name: "x", containerEdits }] });
for (const [change, why] of [
  [{ cdiVersion: "9.9.9" }, /cdiVersion "9.9.9" is not known/],
  [{ kind: "nothing" }, /kind "nothing" is not VENDOR\/CLASS/],
  [{ devices: [] }, /no devices/],
  [{ devices: [{ name: "-x", containerEdits: { env: ["A=b"] } }] }, /device "-x"/],
  [{ devices: [{ name: "x", containerEdits: {} }] }, /device "x" changes nothing/],
  [{ devices: [...edits({ env: ["A=b"] }).devices, ...edits({ env: ["A=b"] }).devices] }, /"x" is there twice/],
  [edits({ env: ["A"] }), /variable "A"/],
  [edits({ deviceNodes: [{ path: "" }] }), /no path/],
  [edits({ deviceNodes: [{ path: "/x", type: "d" }] }), /type "d"/],
  [edits({ deviceNodes: [{ path: "/x", permissions: "x" }] }), /permissions "x"/],
  [edits({ hooks: [{ hookName: "never", path: "/x" }] }), /no hook "never"/],
  [edits({ mounts: [{ hostPath: "/x" }] }), /without hostPath or containerPath/],
  [edits({ intelRdt: { closID: "a/b" } }), /closID/],
] as const) {
  test(`parseCdiSpec() refuses ${JSON.stringify(change)}`, () => {
    const text = JSON.stringify({ cdiVersion: "0.5.0", kind: "v.com/c", ...edits({ env: ["A=b"] }), ...change });
    assert.throws(
      () => parseCdiSpec("/etc/cdi/x.json", text),
      (error: Error) => error.message.includes('"/etc/cdi/x.json"') && why.test((error.cause as Error).message),
    );
  });
}
