// What only our own ctr is tested for: registries with TLS and passwords, flags of a group, shims spoken to directly.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { removeCgroups } from "../../support/cgroups.ts";
import { settles } from "../../support/until.ts";
import { build, Daemon } from "../e2e/daemon.ts";
import { type RegistryProcess, startRegistry } from "../registry/support.ts";
import { Ctr } from "./ctr.ts";

const TLS = join(ROOT, "test/interop/cli/data/tls");
const BUSYBOX = "docker.io/library/busybox:latest";
let daemon: Daemon;
let registry: RegistryProcess;
let own: Ctr;
let theirs: Ctr;

before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
  registry = await startRegistry({
    basic: true,
    tls: { certificate: join(TLS, "server.pem"), key: join(TLS, "server-key.pem") },
  });
  own = new Ctr(daemon, { namespace: "moby", own: true });
  theirs = new Ctr(daemon, { namespace: "moby" });
});
after(async () => {
  await own.run(["tasks", "rm", "-f", "direct"]);
  await own.run(["containers", "rm", "direct"]);
  await registry?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
  removeCgroups("moby");
});

const leftHosts = () => readdirSync("/tmp").filter((name) => name.startsWith("ctr-hosts-"));

test("a registry with a certificate of its own, and a password", async () => {
  const before = leftHosts();
  const image = `127.0.0.1:${registry.port}/secret/box:1`;
  const user = ["--user", "user:secret"];
  const ca = ["--tlscacert", join(TLS, "ca.pem")];
  const stranger = ["--tlscacert", join(TLS, "other-ca.pem")];
  assert.match(await own.fails("images", "push", ...user, ...stranger, image, BUSYBOX), /certificate/i);
  assert.match(await own.fails("images", "push", ...ca, image, BUSYBOX), /401|[Uu]nauthorized|[Uu]nauthenticated/);
  await own.ok("images", "push", ...user, ...ca, image, BUSYBOX);
  await own.ok("images", "pull", ...user, "--skip-verify", image);
  assert.match(await own.ok("images", "ls", "-q"), new RegExp(`^${image}$`, "m"));
  await own.ok("content", "fetch", ...user, "-k", "--label", "a=b", "--platform", "linux/amd64", image);
  assert.match(await own.ok("images", "ls", `name==${image}`), / a=b/);
  assert.match(await own.fails("images", "pull", "--tlscert", "x", image), /--tlscert and --tlskey go together/);
  // those of another run on this machine go, too
  await settles(leftHosts, (left) =>
    assert.deepEqual(
      left.filter((name) => !before.includes(name)),
      [],
    ),
  );
});

test("flags of a group stand before the command's name", async () => {
  const plain = await own.ok("snapshots", "ls");
  assert.match(plain, /Committed/);
  assert.equal(await own.ok("snapshots", "--snapshotter", "overlayfs", "ls"), plain);
  assert.equal(await own.ok("snapshots", "-snapshotter=overlayfs", "ls"), plain);
  assert.match(await own.fails("snapshots", "--snapshotter", "none-such", "ls"), /none-such/);
  assert.match(await own.fails("snapshots", "--nonsense", "ls"), /unknown flag --nonsense/);
});

test("a shim is spoken to directly: state in both versions, exec, start, delete, shutdown", async () => {
  await own.ok("run", "-d", "--fifo-dir", own.fifos, BUSYBOX, "direct", "sleep", "1000");
  const shim = (...args: string[]) => own.ok("shim", "--id", "direct", ...args);
  const state = await shim("state");
  const address = execFileSync("cat", [join(daemon.state, "tasks/moby/direct/address")], { encoding: "utf8" }).trim();
  assert.equal(await theirs.ok("shim", "--id", "direct", "--shim-address", address, "state"), state);
  assert.equal(await shim("state", "--api-version", "2"), state);
  const { pid, status } = JSON.parse(state) as { pid: number; status: number };
  assert.deepEqual([status, (await own.ok("tasks", "ls")).includes(` ${pid} `)], [2, true]);
  const spec = join(daemon.dir, "process.json");
  const { Spec } = JSON.parse(await own.ok("containers", "info", "direct")) as { Spec: { process: object } };
  writeFileSync(spec, JSON.stringify({ ...Spec.process, args: ["sh", "-c", "echo from $WHO"] }));
  const fifo = join(daemon.dir, "out");
  execFileSync("mkfifo", [fifo]);
  const said = await shim("exec", "--spec", spec, "--stdout", fifo, "--attach", "-e", "WHO=shim", "one");
  assert.match(said, /^exec running with pid \d+$/m);
  assert.match(said, /^from shim$/m);
  await own.ok("tasks", "kill", "-s", "KILL", "direct");
  await own.run(["tasks", "rm", "-f", "direct"]);
  assert.match(await own.fails("shim", "--id", "direct", "state"), /no shim answers at .*\nhint: /);
  assert.match(await own.fails("shim", "state"), /--task-id or --id must be given/);
});
