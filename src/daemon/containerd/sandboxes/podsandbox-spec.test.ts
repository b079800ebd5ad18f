import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  NamespaceMode,
  PodSandboxConfig,
  SecurityProfile_ProfileType as ProfileType,
} from "../../../common/gen/cri/sandbox-config.ts";
import type { User } from "../../../common/oci/runtime.ts";
import { CONFIG_SHAPE, faultOf } from "../../../common/oci/runtime-shape.ts";
import { decode, encode } from "../../../common/protobuf/codec.ts";
import { type PodSpecInput, podSpec } from "./podsandbox-spec.ts";
import { podMappings, remapLabels } from "./podsandbox-userns.ts";

type Config = Parameters<typeof encode<PodSandboxConfig>>[1];
const read = (config: Config) => decode(PodSandboxConfig, encode(PodSandboxConfig, config));
const spec = (config: Config = {}, netnsPath = "", leastOomScore = -1000, more: Partial<PodSpecInput> = {}) =>
  podSpec({
    id: "p1",
    config: read(config),
    ...{
      leastOomScore,
      netnsPath,
      annotations: { mine: "1" },
      shm: "/s/shm",
      resolvConf: "/s/resolv.conf",
      holder: "/bin/holder",
    },
    ...more,
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

test("podMappings() takes one range of users and groups that holds root, and says what is wrong with another", () => {
  const of = (usernsOptions: object, network: number = NamespaceMode.POD) =>
    podMappings(read({ linux: { securityContext: { namespaceOptions: { network, usernsOptions } } } }));
  const one = [{ hostId: 100000, length: 65536 }];
  assert.equal(podMappings(read({})), undefined);
  assert.equal(of({ mode: NamespaceMode.NODE }), undefined);
  const mappings = of({ uids: one, gids: [{ hostId: 200000, length: 1000 }] })!;
  assert.deepEqual(mappings, {
    uids: { containerID: 0, hostID: 100000, size: 65536 },
    gids: { containerID: 0, hostID: 200000, size: 1000 },
  });
  assert.deepEqual(Object.values(remapLabels(mappings)), ["0:100000:65536", "0:200000:1000"]);
  const wrong = (options: object, message: RegExp, network?: number) =>
    assert.throws(() => of(options, network), { code: "InvalidArgument", message });
  wrong({}, /one mapping of users, not 0/);
  wrong({ uids: one }, /one mapping of groups, not 0/);
  wrong({ uids: [...one, ...one], gids: one }, /one mapping of users, not 2/);
  wrong({ uids: [{ hostId: 1 }], gids: one }, /users is empty/);
  wrong({ uids: one, gids: [{ hostId: 1, containerId: 1, length: 9 }] }, /groups leaves root out/);
  wrong({ mode: NamespaceMode.NODE, uids: one }, /maps no users/);
  wrong({ mode: NamespaceMode.CONTAINER, uids: one, gids: one }, /not of mode 1/);
  wrong({ uids: one, gids: one }, /needs a network of its own/, NamespaceMode.NODE);
});

test("podSpec() has the user namespace, new or that of the network, and leaves out what it cannot set", () => {
  const mapping = { containerID: 0, hostID: 100000, size: 65536 };
  const mappings = { uids: mapping, gids: { ...mapping, hostID: 200000 } };
  const made = spec({}, "", 0, { mappings }).linux!;
  assert.deepEqual(made.namespaces![1], { type: "user" });
  assert.deepEqual([made.uidMappings, made.gidMappings], [[mappings.uids], [mappings.gids]]);
  assert.deepEqual(made.sysctl, { "net.ipv4.ip_unprivileged_port_start": "0" });
  const joined = spec({}, "/n", 0, { mappings, usernsPath: "/s/userns" }).linux!;
  assert.deepEqual(joined.namespaces![1], { type: "user", path: "/s/userns" });
  assert.deepEqual(joined.namespaces!.at(-1), { type: "network", path: "/n" });
});

test("podSpec() has the seccomp profile that the pod names: the default, a file's, none", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "seccomp-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [good, bad, none] = ["good", "bad", "none"].map((name) => join(folder, name)) as [string, string, string];
  const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["chmod"], action: "SCMP_ACT_ERRNO" }] };
  writeFileSync(good, JSON.stringify(profile));
  writeFileSync(bad, JSON.stringify({ ...profile, syscalls: 1 }));
  writeFileSync(none, "{}");
  const of = (securityContext: object) => spec({ linux: { securityContext } }).linux!.seccomp;
  const local = (localhostRef: string) => ({ seccomp: { profileType: ProfileType.Localhost, localhostRef } });
  assert.equal(of({}), undefined);
  assert.equal(of({ seccomp: { profileType: ProfileType.Unconfined } }), undefined);
  assert.equal(of({ seccomp: {} })!.defaultAction, "SCMP_ACT_ERRNO");
  assert.deepEqual(of(local(good)), profile);
  assert.deepEqual(of(local(`localhost/${good}`)), profile);
  assert.equal(of({ ...local(good), privileged: true }), undefined);
  // The older field, which the newer one goes before.
  assert.deepEqual(of({ seccompProfilePath: "runtime/default" }), of({ seccomp: {} }));
  assert.deepEqual(of({ seccompProfilePath: `localhost/${good}` }), profile);
  assert.equal(of({ seccompProfilePath: "unconfined" }), undefined);
  assert.deepEqual(of({ seccompProfilePath: "unconfined", ...local(good) }), profile);
  const wrong = (context: object, message: RegExp, code = "InvalidArgument") =>
    assert.throws(() => of(context), { code, message });
  wrong({ seccompProfilePath: "mine" }, /none of runtime\/default/);
  wrong({ seccomp: { localhostRef: good } }, /the type is not Localhost/);
  wrong({ seccomp: { profileType: 9 } }, /no type 9/);
  wrong(local("a"), /no absolute path/);
  wrong(local(join(folder, "gone")), /cannot read .*gone/, "NotFound");
  wrong(local(bad), /bad\.syscalls: expected a list/);
  wrong(local(none), /no defaultAction/);
});

test("podSpec() has SELinux's labels, and of a privileged pod that of its mounts alone", () => {
  const labels = { process: "u:r:container_t:s0:c1,c2", mount: "u:object_r:container_file_t:s0:c1,c2" };
  const of = (privileged: boolean) => spec({ linux: { securityContext: { privileged } } }, "", 0, { labels });
  assert.deepEqual([of(false).process!.selinuxLabel, of(false).linux!.mountLabel], [labels.process, labels.mount]);
  assert.deepEqual([of(true).process!.selinuxLabel, of(true).linux!.mountLabel], [undefined, labels.mount]);
  const sysfs = (made: ReturnType<typeof spec>) => made.mounts!.find(({ type }) => type === "sysfs")!.options!.at(-1);
  assert.deepEqual([sysfs(of(false)), sysfs(of(true))], ["ro", "rw"]);
});

test("podSpec() runs an image's program as the image says", () => {
  const user: User = { uid: 65535, gid: 65535, additionalGids: [65535] };
  const made = (execution: object) =>
    spec({}, "", 0, { root: { image: "i", snapshotter: "s", snapshotKey: "p1", execution, user } });
  const { process, mounts, annotations } = made({ Entrypoint: ["/pause"], Cmd: ["-v"], Env: ["A=1"] });
  assert.deepEqual([process!.args, process!.cwd, process!.user], [["/pause", "-v"], "/", user]);
  assert.deepEqual(process!.env, ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=1"]);
  assert.ok(!mounts!.some(({ source }) => source === "/bin/holder"));
  assert.equal(annotations!["io.kubernetes.cri.podsandbox.image-name"], "i");
  const other = made({ Entrypoint: null, Cmd: ["/p"], WorkingDir: "/w", Env: ["PATH=/x"] }).process!;
  assert.deepEqual([other.args, other.cwd, other.env], [["/p"], "/w", ["PATH=/x"]]);
});
