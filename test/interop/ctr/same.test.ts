// What ctr makes, the original and ours, on the same daemon: containers by their flags, converted images, and what is left when a call fails.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { removeCgroups } from "../../support/cgroups.ts";
import { settles } from "../../support/until.ts";
import { build, Daemon } from "../e2e/daemon.ts";
import { buildImage } from "../registry/support.ts";
import { Ctr } from "./ctr.ts";

const IMAGE = "docker.io/library/busybox:latest";
let daemon: Daemon;
let theirs: Ctr;
let own: Ctr;

before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
  theirs = new Ctr(daemon, { namespace: "moby" });
  own = new Ctr(daemon, { namespace: "moby", own: true });
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  removeCgroups("moby");
});

/** What the daemon has may go between the two: garbage is collected meanwhile. */
async function listedAlike(line: readonly string[], shape = (text: string) => text): Promise<void> {
  const lists = async () => [shape(await own.ok(...line)), shape(await theirs.ok(...line))];
  await settles(lists, ([mine, other]) => assert.equal(mine, other));
}

/** A container's record made by either; the name is the same, so one is gone before the other is made. */
async function record(ctr: Ctr, flags: readonly string[], what: readonly string[]): Promise<unknown> {
  await ctr.ok("containers", "create", ...flags, ...what);
  try {
    const name = what.includes("probe") ? "probe" : what[0]!;
    const { CreatedAt, UpdatedAt, ...rest } = JSON.parse(await ctr.ok("containers", "info", name)) as {
      CreatedAt: string;
      UpdatedAt: string;
      Spec: { ociVersion?: string; linux: { seccomp?: object; devices?: object[] } };
    };
    delete rest.Spec.ociVersion;
    // Docker's profile, which is newer than the one that the original has with it
    if (rest.Spec.linux.seccomp) rest.Spec.linux.seccomp = {};
    return rest;
  } finally {
    await own.ok("containers", "rm", "probe");
  }
}

const FLAGS: Readonly<Record<string, readonly string[]>> = {
  "nothing given": [],
  "process and annotations": [
    ...["--env", "Z=1", "--env", "PATH=/x", "--cwd", "/etc", "--user", "daemon", "--tty", "--allow-new-privs"],
    ...["--label", "m=n", "--annotation", "p=q", "--hostname", "h"],
  ],
  "limits and namespaces": [
    ...["--memory-limit", "50000000", "--cpu-quota", "1000", "--cpu-period", "2000", "--rdt-class", "c"],
    ...["--with-ns", "ipc:/proc/1/ns/ipc", "--rootfs-propagation", "slave", "--snapshotter-label", "s=t"],
  ],
  mounts: [
    ...["--mount", "type=tmpfs,dst=/t,options=size=1m:mode=700", "--mount", 'type=bind,"src=/a,b",dst=/dev/shm'],
    ...["--read-only", "--device", "/dev/null"],
  ],
  capabilities: ["--cap-add", "CAP_SYS_PTRACE", "--cap-drop", "CAP_CHOWN", "--seccomp", "--apparmor-profile", "a"],
  "the host's network": ["--net-host"],
  "another runtime's configuration": ["--runtime", "io.containerd.other.v1", "--runtime-config-path", "/etc/other"],
};
for (const [what, flags] of Object.entries(FLAGS)) {
  test(`a container with ${what} is the same`, async () => {
    const image = [IMAGE, "probe", "sleep", "1"];
    assert.deepEqual(await record(own, flags, image), await record(theirs, flags, image));
  });
}

test("a container of a folder, of a configuration and with a file of variables is the same", async () => {
  const rootfs = ["--rootfs", daemon.dir, "probe", "/bin/sh"];
  assert.deepEqual(await record(own, [], rootfs), await record(theirs, [], rootfs));
  const config = join(daemon.dir, "config.json");
  writeFileSync(config, await theirs.ok("oci", "spec"));
  const configured = ["--config", config, "--label", "q=r"];
  const given = ["--env-file", join(daemon.dir, "env"), IMAGE, "probe"];
  assert.deepEqual(await record(own, configured, ["probe"]), await record(theirs, configured, ["probe"]));
  writeFileSync(given[1]!, "X=1\n# no\n\nALONE\n Y= 2 \nPATH=/p\r\nA#=b\n");
  assert.deepEqual(await record(own, [], given), await record(theirs, [], given));
  assert.deepEqual(
    { ...JSON.parse(await own.ok("oci", "spec")), ociVersion: "" },
    { ...JSON.parse(await theirs.ok("oci", "spec")), ociVersion: "" },
  );
});

test("a privileged container has the same rights and devices", async () => {
  const image = [IMAGE, "probe"];
  const [mine, other] = [await record(own, ["--privileged"], image), await record(theirs, ["--privileged"], image)] as {
    Spec: { linux: { devices?: { path: string }[] } };
  }[];
  // devices come and go on a machine that others use, too
  const stable = (devices: { path: string }[] = []) =>
    devices.filter(({ path }) => !/loop|\/dm-|mapper|nbd|tap|net\//.test(path));
  mine!.Spec.linux.devices = stable(mine!.Spec.linux.devices);
  other!.Spec.linux.devices = stable(other!.Spec.linux.devices);
  assert.ok(other!.Spec.linux.devices.length > 5);
  assert.deepEqual(mine, other);
});

test("converted images have the same digests, and what is there already is no obstacle", async () => {
  const { layout } = await buildImage(join(daemon.dir, "image"), [
    { files: { hello: "x", "bin/sh": "y" } },
    { files: { again: "z" } },
  ]);
  execFileSync("tar", ["-C", layout, "-cf", join(daemon.dir, "image.tar"), "."]);
  const name = "lab.example/convert:1";
  await own.ok(
    "images",
    "import",
    "--index-name",
    name,
    "--all-platforms",
    "--no-unpack",
    join(daemon.dir, "image.tar"),
  );
  for (const flags of [["--oci"], ["--uncompress"], ["--uncompress", "--oci"], ["--all-platforms", "--oci"], []]) {
    const theirDigest = await theirs.ok("images", "convert", ...flags, name, "lab.example/theirs:1");
    assert.equal(await own.ok("images", "convert", ...flags, name, "lab.example/ours:1"), theirDigest, flags.join(" "));
    assert.equal(await own.ok("images", "convert", ...flags, name, "lab.example/ours:1"), theirDigest, "again");
  }
  const inspect = ["images", "inspect", name];
  assert.equal(await own.ok(...inspect), await theirs.ok(...inspect));
  await listedAlike(["images", "ls"]);
});

test("a call that fails leaves no lease", async () => {
  await own.fails("run", "--rm", "--fifo-dir", own.fifos, "--cap-add", "NONSENSE", IMAGE, "probe", "true");
  await own.fails("run", "--rm", "--fifo-dir", own.fifos, IMAGE, "probe", "/no/such");
  assert.equal(await own.ok("leases", "ls", "-q"), "");
});

test("leases, sandboxes, content and their times are told alike", async () => {
  const config = join(daemon.dir, "pod.json");
  writeFileSync(config, JSON.stringify({ linux: { cgroupsPath: `/${daemon.cgroup}/pod` } }));
  await own.ok("sandboxes", "run", "--runtime", "io.containerd.runt.v2", config, "pod");
  try {
    await listedAlike(["sandboxes", "ls"]);
  } finally {
    await own.ok("sandboxes", "rm", "pod");
  }
  await own.ok("leases", "create", "--id", "kept", "a=b");
  try {
    await listedAlike(["leases", "ls"], (text) => text.replace(/ +$/gm, ""));
  } finally {
    await own.ok("leases", "rm", "kept");
  }
  // labels come in any order, and ages go on
  await listedAlike(["content", "ls"], (text) => text.replace(/\t(\d+|Less|About) .*$|\tLess than.*$/gm, ""));
});

// `ctr tasks rm $(ctr tasks ls -q)` is to do nothing where there is none
for (const kind of ["tasks", "images", "content", "snapshots", "namespaces", "sandboxes"]) {
  test(`${kind}: to remove nothing is no mistake`, async () => {
    for (const ctr of [own, theirs]) {
      assert.deepEqual(await ctr.run([kind, "rm"]), { stdout: "", stderr: "", code: 0 });
    }
  });
}

test("a runtime that is missing is told once, and one flag that is not served without a value", async () => {
  const flags = ["run", "--rm", "--fifo-dir", own.fifos, "--runc-binary", "no-such-runc", IMAGE, "probe", "true"];
  const said = 'ctr: failed to create shim task: OCI runtime create failed: no OCI runtime "no-such-runc" in PATH\n';
  assert.equal(await own.fails(...flags), said);
  assert.equal(await theirs.fails(...flags), said);
  assert.match(await own.fails("run", "--gpus", "0", IMAGE, "probe"), /^ctr: --gpus: GPUs are given by CDI here\n/);
});

test("numbers are read as Go reads them, and limits below nothing are none", async () => {
  const maps = ["--uidmap", "0x0:0x100000:0x1000", "--gidmap", "0:04000000:4096", "--remap-labels"];
  // the container's root is nobody to the host, and has to get to its files
  for (const dir of [tmpdir(), daemon.dir]) chmodSync(dir, 0o711);
  const show = [IMAGE, "probe", "cat", "/proc/self/uid_map", "/proc/self/gid_map"];
  for (const ctr of [own, theirs]) {
    const said = await ctr.ok("run", "--rm", "--fifo-dir", ctr.fifos, ...maps, "--cpus=-1", "--cpu-shares=-3", ...show);
    assert.equal(said.trim().replace(/\s+/g, " "), "0 1048576 4096 0 1048576 4096");
  }
});

test("a log file's address may name a host, which says nothing", async () => {
  const log = join(daemon.dir, "log of a run");
  const uri = `file://localhost${encodeURI(log)}`;
  await own.ok("run", "--rm", "--log-uri", uri, IMAGE, "probe", "echo", "hello");
  assert.equal(readFileSync(log, "utf8"), "hello\n");
});

test("what is not known ends as with the original", async () => {
  for (const line of ["bogus", "images bogus", "containers info none", "run --nonsense", "content get sha256:00"]) {
    const [mine, other] = [await own.run(line.split(" ")), await theirs.run(line.split(" "))];
    assert.equal(mine.code, other.code, line);
  }
  for (const [word, said] of Object.entries({
    "foo:bar": /no namespace of type "foo"/,
    pid: /"pid" is not TYPE:PATH/,
  })) {
    assert.match(await own.fails("run", "--with-ns", word, IMAGE, "probe", "true"), said);
    await theirs.fails("run", "--with-ns", word, IMAGE, "probe", "true");
  }
  for (const ids of ["0:1", "0:1:2:3", "0:1:4294967296", "0:x:1", "0:1e5:1", "0:-1:1"]) {
    const flags = ["--uidmap", ids, "--gidmap", "0:1:1", IMAGE, "probe", "true"];
    assert.match(await own.fails("run", ...flags), /^ctr: invalid value ".*" for --uidmap: it is not CONTAINER:HOST:/);
    await theirs.fails("run", ...flags);
  }
  const { code, stderr } = await own.run(["run", "--rm", "--config", join(daemon.dir, "env"), "probe"]);
  assert.equal(code, 1);
  assert.match(stderr, /^ctr: cannot read the configuration ".*\/env": /);
  assert.doesNotMatch(stderr, /\.ts:/);
  const profile = await own.fails("run", "--seccomp", "--seccomp-profile", join(daemon.dir, "env"), IMAGE, "probe");
  assert.match(profile, /^ctr: cannot read the profile ".*\/env": /);
  assert.doesNotMatch(profile, /\.ts:/);
});
