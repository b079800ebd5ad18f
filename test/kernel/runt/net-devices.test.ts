// linux.netDevices: devices of the host move into the container.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LinuxNetDevice, Spec } from "../../../src/common/oci/runtime.ts";
import { uniqueDevice } from "../../support/run.ts";
import { Bundle } from "./bundle.ts";

const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** A pair of devices here, removed at the end wherever the first of them has gone: one end takes the other with it. */
class Pair implements Disposable {
  readonly name = uniqueDevice();
  readonly peer = uniqueDevice();
  constructor() {
    ip("link", "add", this.name, "type", "veth", "peer", "name", this.peer);
  }
  [Symbol.dispose](): void {
    // the kernel takes it away with the container's namespace, when it comes to it
    spawnSync("ip", ["link", "del", this.peer], { stdio: "ignore" });
  }
}

const devices = (netDevices: Record<string, LinuxNetDevice>) => (spec: Spec) =>
  void (spec.linux!.netDevices = netDevices);

test("linux.netDevices: a device moves with its name, its permanent global addresses, and is up", () => {
  using pair = new Pair();
  ip("addr", "add", "10.99.7.1/24", "dev", pair.name);
  ip("-6", "addr", "add", "fd99:7::1/64", "dev", pair.name, "nodad");
  ip("addr", "add", "169.254.7.7/16", "scope", "link", "dev", pair.name);
  ip("link", "set", pair.peer, "up");
  using box = new Bundle(devices({ [pair.name]: {} }));
  const out = box.sh(`ip addr show dev ${pair.name}`);
  assert.match(out, /<[^>]*\bUP\b/);
  assert.match(out, /inet 10\.99\.7\.1\/24 /);
  assert.match(out, /inet6 fd99:7::1\/64 /);
  assert.doesNotMatch(out, /169\.254\.7\.7/, "an address of the link alone stays behind");
  assert.ok(!existsSync(`/sys/class/net/${pair.name}`), "it has left");
});

test("linux.netDevices: with another name, with a template, with one that is taken", () => {
  using pair = new Pair();
  using second = new Pair();
  using third = new Pair();
  ip("addr", "add", "10.99.8.1/24", "dev", second.name);
  const wanted = { [pair.name]: { name: "wan0" }, [second.name]: { name: "lan%d" } };
  using box = new Bundle(devices(wanted));
  const names = box.sh("ip -o link | cut -d: -f2 | cut -d@ -f1; ip -o addr show dev lan0").split("\n");
  assert.deepEqual(
    names
      .slice(0, 3)
      .map((name) => name.trim())
      .sort(),
    ["lan0", "lo", "wan0"],
  );
  assert.match(names[3]!, /10\.99\.8\.1/);
  using taken = new Bundle(devices({ [third.name]: { name: "lo" } }));
  const { status, err } = taken.runt("run", taken.id);
  assert.equal(status, 1);
  assert.match(err, new RegExp(`linux\\.netDevices\\["${third.name}"\\]: the container has a device "lo" already`));
  assert.ok(existsSync(`/sys/class/net/${third.name}`), "it has stayed");
});

test("linux.netDevices: into a namespace that is joined by path, and into one below a user namespace", () => {
  using pair = new Pair();
  using second = new Pair();
  using host = new Bundle();
  host.sleeping();
  const { pid } = JSON.parse(host.runt("state", host.id).out);
  using box = new Bundle(devices({ [pair.name]: {} }));
  box.spec.linux!.namespaces!.find(({ type }) => type === "network")!.path = `/proc/${pid}/ns/net`;
  assert.match(box.sh(`readlink /proc/self/ns/net; ip -o link show dev ${pair.name}`), new RegExp(pair.name));
  assert.match(
    host.exec(`readlink /proc/self/ns/net; ip -o link`).out,
    new RegExp(pair.name),
    "it stays in the namespace",
  );
  assert.notEqual(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync("/proc/self/ns/net"));
  ip("addr", "add", "10.99.9.1/24", "dev", second.name);
  using mapped = new Bundle((spec) => {
    const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux!.namespaces!.push({ type: "user" });
    Object.assign(spec.linux!, {
      uidMappings: mapping,
      gidMappings: mapping,
      netDevices: { [second.name]: { name: "in0" } },
    });
  });
  chmodSync(mapped.dir, 0o755);
  for (const folder of ["tmp", "dev"]) chmodSync(join(mapped.rootfs, folder), 0o777);
  assert.match(mapped.sh("ip -o addr show dev in0"), /10\.99\.9\.1/);
});

test("linux.netDevices: what cannot be is refused by name, and nothing is left behind", () => {
  const refusal = (change: (spec: Spec) => void) => {
    using box = new Bundle(change);
    const { status, err } = box.runt("run", box.id);
    assert.equal(status, 1);
    assert.equal(box.status(), undefined);
    return err;
  };
  assert.match(refusal(devices({ nosuchdev: {} })), /linux\.netDevices\["nosuchdev"\]: no such network device here/);
  assert.match(refusal(devices({ "a/b": {} })), /linux\.netDevices\["a\/b"\]: is no name of a network device/);
  assert.match(refusal(devices({ eth9: { name: "x".repeat(16) } })), /netDevices\["eth9"\]\.name: "x+" is no name/);
  assert.match(
    refusal((spec) => {
      devices({ eth9: {} })(spec);
      spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== "network");
    }),
    /linux\.netDevices: needs a network namespace/,
  );
});
