import assert from "node:assert/strict";
import { test } from "node:test";
import { NamespaceMode, PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import { CONFIG_SHAPE, faultOf } from "../../../common/oci/runtime-shape.ts";
import { decode, encode } from "../../../common/protobuf/codec.ts";
import { podSpec } from "./podsandbox-spec.ts";

const spec = (config: Parameters<typeof encode<PodSandboxConfig>>[1] = {}, netnsPath = "", leastOomScore = -1000) =>
  podSpec({
    id: "p1",
    config: decode(PodSandboxConfig, encode(PodSandboxConfig, config)),
    ...{
      leastOomScore,
      netnsPath,
      annotations: { mine: "1" },
      shm: "/s/shm",
      resolvConf: "/s/resolv.conf",
      holder: "/bin/holder",
    },
  });

test("podSpec() is a valid specification of a container that may do nothing", () => {
  const made = spec();
  assert.equal(faultOf(CONFIG_SHAPE, made), undefined);
  assert.equal(made.process!.oomScoreAdj, -998);
  assert.equal(spec({}, "", 3).process!.oomScoreAdj, 3);
  assert.deepEqual(made.process!.user, { uid: 65535, gid: 65535 });
  assert.deepEqual(
    [made.process!.capabilities, made.process!.noNewPrivileges, made.root!.readonly],
    [undefined, true, true],
  );
  assert.deepEqual(made.linux!.resources, { cpu: { shares: 2 }, devices: [{ allow: false, access: "rwm" }] });
  assert.equal("cgroupsPath" in made.linux!, false);
  assert.equal(made.annotations!.mine, "1");
});

test("podSpec() takes namespaces, sysctls and resources from CRI's configuration", () => {
  const types = (modes: object, netns?: string) =>
    spec({ linux: { securityContext: { namespaceOptions: modes } } }, netns).linux!.namespaces!;
  const { NODE, CONTAINER } = NamespaceMode;
  assert.deepEqual(types({ network: NODE, pid: NODE, ipc: NODE }), [{ type: "mount" }]);
  assert.deepEqual(types({ pid: CONTAINER }, "/run/netns/x"), [
    ...[{ type: "mount" }, { type: "pid" }, { type: "ipc" }, { type: "uts" }],
    { type: "network", path: "/run/netns/x" },
  ]);
  const sysctls = { "net.ipv4.ip_unprivileged_port_start": "80", "kernel.shm_rmid_forced": "1" };
  assert.deepEqual(spec({ linux: { sysctls } }).linux!.sysctl, {
    ...sysctls,
    "net.ipv4.ping_group_range": "0 2147483647",
  });
  const host = { namespaceOptions: { network: NODE } };
  assert.deepEqual(spec({ hostname: "no", linux: { securityContext: host } }).hostname, undefined);
  assert.deepEqual(spec({ linux: { securityContext: host } }).linux!.sysctl, {});
  const resources = { cpuPeriod: 100000, cpuQuota: 5000, cpuShares: 7, memoryLimitInBytes: 1 << 20 };
  const { annotations } = spec({ linux: { resources }, logDirectory: "/var/log/pods/x" });
  const said = ["cpu-period", "cpu-quota", "cpu-shares", "memory", "log-directory"];
  assert.deepEqual(
    said.map((one) => annotations![`io.kubernetes.cri.sandbox-${one}`]),
    ["100000", "5000", "7", "1048576", "/var/log/pods/x"],
  );
});

test("podSpec() puts the holder below the pod's control group, in systemd's notation for a slice", () => {
  const path = (cgroupParent: string) => spec({ linux: { cgroupParent } }).linux!.cgroupsPath;
  assert.equal(path("/kubepods/pod1"), "/kubepods/pod1/p1");
  assert.equal(path("/kubepods/"), "/kubepods/p1");
  assert.equal(path("/kubepods.slice/kubepods-pod1.slice"), "kubepods-pod1.slice:cri-containerd:p1");
});

test("podSpec() runs the holder as whom the pod names", () => {
  const user = (securityContext: object) => spec({ linux: { securityContext } }).process!.user;
  assert.deepEqual(user({ runAsUser: { value: 7 }, runAsGroup: { value: 8 }, supplementalGroups: [9] }), {
    ...{ uid: 7, gid: 8, additionalGids: [9] },
  });
  assert.deepEqual(user({ runAsUser: { value: 0 } }), { uid: 0, gid: 0 });
  assert.throws(() => user({ runAsGroup: { value: 8 } }), /needs a run_as_user/);
});
