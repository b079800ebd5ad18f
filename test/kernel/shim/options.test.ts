// runc's options as the shim gets them (containerd.runc.v1.Options): each one has its effect, with runt in the shim and with another program.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { CheckpointOptions, Options } from "../../../src/common/gen/containerd/runc/options.ts";
import { Any as AnyMessage } from "../../../src/common/gen/google/protobuf/any.ts";
import { packAny } from "../../../src/common/protobuf/any.ts";
import { encode, type Init } from "../../../src/common/protobuf/codec.ts";
import { foldersOf, makeCgroups, removeCgroups } from "../../support/cgroups.ts";
import { uniqueName } from "../../support/run.ts";
import { Daemon, NAMESPACE, SHIM, type TestShim } from "./harness.ts";

const RUNT = join(SHIM, "../runt");

async function create(daemon: Daemon, shim: TestShim, options: Init<Options>, io: { stdout?: string } = {}) {
  const { id, bundle, task } = shim;
  await task.create({ id, bundle, rootfs: daemon.mounts, options: packAny(Options, options), ...io });
}

const recordOf = (root: string, id: string) =>
  JSON.parse(readFileSync(join(root, NAMESPACE, id, "state.json"), "utf8")) as Record<string, unknown>;

test("runt in the shim: Root, NoPivotRoot, NoNewKeyring; and without them", async () => {
  await using daemon = new Daemon();
  await using plain = await daemon.start();
  await create(daemon, plain, {});
  const usual = recordOf(join(daemon.folder, "runt"), plain.id);
  assert.deepEqual([usual.chroot, usual.keyring], [false, true]);
  await using other = await daemon.start();
  const root = join(daemon.folder, "elsewhere");
  await create(daemon, other, { root, noPivotRoot: true, noNewKeyring: true });
  const record = recordOf(root, other.id);
  assert.deepEqual([record.chroot, record.keyring], [true, false]);
  await other.task.start({ id: other.id });
  // What cleans up after the shim's death knows of the folder, too.
  process.kill(other.pid, "SIGKILL");
  await other.client.closed;
  assert.equal(daemon.delete(other).exitStatus, 137);
  assert.ok(!existsSync(join(root, NAMESPACE, other.id)));
});

test("runt in the shim: SystemdCgroup has the manager make the scope", async (t) => {
  if (existsSync("/run/systemd/system")) return t.skip("systemd runs here: test/vm shows the scope");
  await using daemon = new Daemon();
  await using shim = await daemon.start({ cgroupsPath: "system.slice:test:scope" });
  await assert.rejects(create(daemon, shim, { systemdCgroup: true }), /systemd/);
});

test("BinaryName: the program gets Root, SystemdCgroup, NoPivotRoot and NoNewKeyring as its flags", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const calls = join(daemon.folder, "calls");
  const program = join(daemon.folder, "program");
  const strip = 'for a; do shift; case "$a" in --systemd-cgroup) ;; *) set -- "$@" "$a" ;; esac; done';
  writeFileSync(program, `#!/bin/sh\necho "$@" >> ${calls}\n${strip}\nexec ${RUNT} "$@"\n`, { mode: 0o755 });
  const root = join(daemon.folder, "own");
  const flags = { systemdCgroup: true, noPivotRoot: true, noNewKeyring: true };
  await create(daemon, shim, { binaryName: program, root, ...flags });
  const made = readFileSync(calls, "utf8");
  for (const flag of [`--root ${root}/${NAMESPACE} `, " --systemd-cgroup ", " --no-pivot ", " --no-new-keyring "])
    assert.ok(made.includes(flag), `${flag} is not in ${made}`);
  assert.deepEqual([recordOf(root, shim.id).chroot, recordOf(root, shim.id).keyring], [true, false]);
  await shim.task.start({ id: shim.id });
  assert.match(
    readFileSync(calls, "utf8"),
    new RegExp(`--root ${root}/${NAMESPACE} .*--systemd-cgroup start ${shim.id}`),
  );
});

test("BinaryName: the program runs in the bundle, where it finds config.json and, once made, init.pid", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const calls = join(daemon.folder, "calls");
  const program = join(daemon.folder, "program");
  const look = "pwd; test -s config.json && echo config; test -s init.pid && echo pid";
  writeFileSync(program, `#!/bin/sh\n${RUNT} "$@" || exit\n{ ${look}; } >> ${calls}\n`, { mode: 0o755 });
  await create(daemon, shim, { binaryName: program, root: join(daemon.folder, "own") });
  await shim.task.start({ id: shim.id });
  assert.equal(readFileSync(calls, "utf8"), `${shim.bundle}\nconfig\npid\n`.repeat(2));
});

test("IoUid and IoGid own the process's streams", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const fifo = join(daemon.folder, "out");
  assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
  await create(daemon, shim, { ioUid: 1234, ioGid: 2345 }, { stdout: fifo });
  const { uid, gid } = statSync(fifo);
  assert.deepEqual([uid, gid], [1234, 2345]);
  // the pipes to a file, too: the process sets the user alone, to its own
  await using logged = await daemon.start();
  await create(daemon, logged, { ioUid: 1234, ioGid: 2345 }, { stdout: `file://${join(daemon.folder, "log")}` });
  const { pid } = await logged.task.state({ id: logged.id });
  for (const fd of [1, 2]) assert.equal(statSync(`/proc/${pid}/fd/${fd}`).gid, 2345);
});

test("ShimCgroup: the shim is in it, the container is not", async () => {
  const group = uniqueName("shim");
  const input = encode(AnyMessage, packAny(Options, { shimCgroup: `/${group}` }));
  {
    await using daemon = new Daemon();
    const id = uniqueName("c");
    const { status, stderr } = daemon.command(id, daemon.bundle(id), "start", {}, input);
    assert.equal(status, 1);
    assert.match(stderr.toString(), /there is no cgroup "/);
    assert.deepEqual(foldersOf(group), []);
    assert.deepEqual(readdirSync(join(daemon.folder, "s")), []);
    makeCgroups(group);
    await using shim = await daemon.start({}, uniqueName("c"), input);
    assert.match(readFileSync(`/proc/${shim.pid}/cgroup`, "utf8"), new RegExp(`:/${group}$`, "m"));
    await create(daemon, shim, {});
    const { pid } = await shim.task.start({ id: shim.id });
    assert.doesNotMatch(readFileSync(`/proc/${pid}/cgroup`, "utf8"), new RegExp(`:/${group}$`, "m"));
  }
  removeCgroups(group);
});

test("CheckpointOptions: the program gets each as a flag, and what else a task is asked reaches it", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { id, task } = shim;
  const calls = join(daemon.folder, "calls");
  const program = join(daemon.folder, "program");
  const keep = 'case "$*" in *" checkpoint "*) exit 0 ;; esac';
  writeFileSync(program, `#!/bin/sh\necho "$@" >> ${calls}\n${keep}\nexec ${RUNT} "$@"\n`, { mode: 0o755 });
  const [images, work] = [join(daemon.folder, "images"), join(daemon.folder, "work")];
  await create(daemon, shim, { binaryName: program, criuWorkPath: work, criuImagePath: images });
  await task.start({ id });
  const said = () => readFileSync(calls, "utf8").trim().split("\n").at(-1)!;
  const options: Init<CheckpointOptions> = {
    ...{ openTcp: true, externalUnixSockets: true, terminal: true, fileLocks: true },
    ...{ emptyNamespaces: ["network"], cgroupsMode: "soft", imagePath: images, workPath: work },
  };
  await task.checkpoint({ id, path: "", options: packAny(CheckpointOptions, options) });
  const flags = "--leave-running --tcp-established --ext-unix-sk --shell-job --file-locks --manage-cgroups-mode soft";
  const paths = (path: string) => `--image-path ${path} ${flags} --empty-ns network --work-path ${work} ${id}`;
  assert.ok(said().endsWith(` checkpoint ${paths(images)}`), said());
  const path = join(daemon.folder, "other");
  await task.checkpoint({ id, path, options: packAny(CheckpointOptions, { ...options, exit: true }) });
  assert.ok(said().endsWith(` checkpoint ${paths(path).replace("--leave-running ", "")}`), said());

  const stdin = join(daemon.folder, "in");
  const stderr = join(daemon.folder, "err");
  assert.equal(spawnSync("mkfifo", [stdin, stderr]).status, 0);
  const errors = text(createReadStream(stderr));
  const input = openSync(stdin, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const spec = { args: ["sh", "-c", "cat; echo over >&2"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } };
    const value = Buffer.from(JSON.stringify(spec));
    await task.exec({ id, execId: "e", stdin, stderr, spec: { typeUrl: "p", value } });
    await task.start({ id, execId: "e" });
  } finally {
    closeSync(input);
  }
  await task.closeIO({ id, execId: "e", stdin: true });
  assert.equal((await task.wait({ id, execId: "e" })).exitStatus, 0);
  await task.delete({ id, execId: "e" });
  assert.equal(await errors, "over\n");
  const resources = { typeUrl: "x", value: Buffer.from(JSON.stringify({ pids: { limit: 77 } })) };
  await task.update({ id, resources, annotations: { a: "b" } });
  assert.match(said(), / update /);
  await task.shutdown({ id, now: true });
  assert.equal((await task.state({ id })).id, id, "a shim that holds a container stays, however it is asked");
});

test("a mount's target is a place in the root file system", async () => {
  await using daemon = new Daemon();
  await using shim = await daemon.start();
  const { id, bundle, task } = shim;
  const own = { type: "tmpfs", source: "own", target: "/tmp", options: ["size=64k"] };
  await task.create({ id, bundle, rootfs: [...daemon.mounts, own], options: daemon.options });
  const mounts = readFileSync("/proc/self/mountinfo", "utf8");
  assert.match(mounts, new RegExp(` ${bundle}/rootfs/tmp .* - tmpfs own `, "m"));
});
