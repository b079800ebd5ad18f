// runt under podman: run, exec, pods, statistics, pause, and what it does not do.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { uniqueName } from "../../support/run.ts";
import { Podman, RUNT } from "./podman.ts";

let box: Podman;
before(async () => {
  box = new Podman();
  await box.importBusybox();
});
after(() => box[Symbol.asyncDispose]());

/** podman, which must succeed. */
async function podman(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await box.run("podman", args);
  assert.equal(code, 0, `podman ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** podman loses the output of one run in some hundreds that ends at once, with crun as well: programs stay a moment. */
const STAY = "sleep 1";
const PLACE = () => ["--network", "none", "--cgroup-parent", `/${box.cgroup}`];

async function sleeping(...flags: string[]): Promise<string> {
  const name = uniqueName("runt");
  await podman("run", "-d", "--name", name, ...PLACE(), ...flags, "busybox", "sleep", "1000");
  return name;
}

test("info names runt and its version", async () => {
  const info = JSON.parse(await podman("info", "--format", "json"));
  assert.equal(info.host.ociRuntime.path, RUNT);
  assert.match(info.host.ociRuntime.version, /^runt version \d/);
});

test("run gives output and status on both streams", async () => {
  const script = `echo out; echo err >&2; ${STAY}; exit 7`;
  const { code, stdout, stderr } = await box.run("podman", ["run", "--rm", ...PLACE(), "busybox", "sh", "-c", script]);
  assert.deepEqual({ code, stdout, stderr }, { code: 7, stdout: "out\n", stderr: "err\n" });
});

test("a program that is not there ends with 127, one that cannot be executed with 126", async () => {
  const run = (program: string) => box.run("podman", ["run", "--rm", ...PLACE(), "busybox", program]);
  assert.equal((await run("nosuch")).code, 127);
  assert.equal((await run("/etc")).code, 126);
});

test("exec, with user, folder, environment and status", async () => {
  const name = await sleeping();
  const flags = ["-u", "7:8", "-w", "/tmp", "-e", "A=b"];
  const script = `echo $(id -u):$(id -g) $PWD $A; ${STAY}; exit 5`;
  const { code, stdout } = await box.run("podman", ["exec", ...flags, name, "sh", "-c", script]);
  assert.deepEqual({ code, stdout }, { code: 5, stdout: "7:8 /tmp b\n" });
});

test("pause, unpause, stop, start again, kill", async () => {
  const name = await sleeping();
  const status = async () => (await podman("inspect", "--format", "{{.State.Status}}", name)).trim();
  await podman("pause", name);
  assert.equal(await status(), "paused");
  await podman("unpause", name);
  assert.equal(await status(), "running");
  await podman("stop", "-t", "0", name);
  assert.equal(await status(), "exited");
  await podman("start", name);
  await podman("kill", name);
  assert.equal(await podman("wait", name), "137\n");
});

test("a pod: its containers share the network and the host name, and go with it", async () => {
  const pod = uniqueName("pod");
  // without an infra container there is no image to pull; the first container's namespaces are shared by hand
  await podman("pod", "create", "--name", pod, "--infra=false", "--cgroup-parent", `/${box.cgroup}`);
  const first = uniqueName("first");
  await podman("run", "-d", "--pod", pod, "--name", first, "--network", "none", "busybox", "sleep", "1000");
  const net = ["--network", `container:${first}`, "--ipc", `container:${first}`];
  const look = ["busybox", "sh", "-c", `stat -Lc %i /proc/self/ns/net /proc/self/ns/ipc; ${STAY}`];
  const second = await podman("run", "--rm", "--pod", pod, ...net, ...look);
  assert.equal(second, await podman("exec", first, ...look.slice(1)));
  assert.match(await podman("pod", "ps", "--format", "{{.Name}} {{.Status}}"), new RegExp(`${pod} (Running|Degraded)`));
  await podman("pod", "rm", "-f", "-t", "0", pod);
  assert.notEqual((await box.run("podman", ["container", "exists", first])).code, 0);
});

test("--userns with mappings, --cap-add, --read-only, --tmpfs and --ulimit arrive", async () => {
  const maps = ["--uidmap", "0:100000:5000", "--gidmap", "0:100000:5000"];
  const more = ["--cap-add", "SYS_TIME", "--read-only", "--tmpfs", "/scratch", "--ulimit", "nofile=77:77"];
  const script = `grep -c 100000 /proc/self/uid_map; touch /x 2>&1; touch /scratch/x && ulimit -n; grep CapBnd /proc/self/status; ${STAY}`;
  const out = await podman("run", "--rm", ...PLACE(), ...maps, ...more, "busybox", "sh", "-c", script);
  assert.match(out, /^1\ntouch: \/x: Read-only file system\n77\nCapBnd:\s+00000000820405fb\n$/);
});
