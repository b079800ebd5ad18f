// `wharf run` with its flags, as a user types it, on the real chain down to the kernel.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { uniqueName } from "../../support/run.ts";
import { execute } from "../cli/program.ts";
import { BIN, build, Daemon, until } from "./daemon.ts";

let daemon: Daemon;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

test("run --rm leaves nothing", async () => {
  assert.deepEqual(await daemon.run(["busybox", "echo", "hello"]), { stdout: "hello\n", stderr: "", code: 0 });
  await daemon.clean("run --rm");
});

test("exit codes: the program's own, a signal's, 126, 127, 125", async () => {
  const codes = async (...args: string[]) => (await daemon.run(args)).code;
  assert.equal(await codes("busybox", "sh", "-c", "exit 42"), 42);
  assert.equal(await codes("busybox", "sh", "-c", "sleep 60 & kill -9 $!; wait $!"), 137);
  assert.equal(
    await codes("busybox", "sh", "-c", "kill -TERM $$; sleep 1"),
    0,
    "the first process takes no signal it does not ask for",
  );
  assert.equal(await codes("busybox", "/etc/passwd"), 126);
  assert.equal(await codes("busybox", "/nowhere"), 127);
  assert.equal(await codes("-w", "/x", "--no-such-flag", "busybox"), 125);
  await daemon.clean();
});

test("what cannot be run: says why and what, in one line", async () => {
  const missing = await daemon.run(["busybox", "no-such-command"]);
  assert.match(missing.stderr, /^wharf: [^\n]*"no-such-command"[^\n]*(not found|no such file)[^\n]*\n/i);
  const denied = await daemon.run(["busybox", "/etc/passwd"]);
  assert.match(denied.stderr, /^wharf: [^\n]*"\/etc\/passwd"[^\n]*permission denied[^\n]*\n/i);
  await daemon.clean();
});

test("-e, -w, -u, --hostname, -l reach the process", async () => {
  const shell = "echo $A:$B:$HOME; pwd; id; hostname";
  const { stdout, code, stderr } = await daemon.run(
    ["-e", "A=1", "-e", "B", "-w", "/made/up", "-u", "12:34", "--hostname", "box", "busybox", "sh", "-c", shell],
    { env: { B: "from here" } },
  );
  assert.deepEqual([stdout, code, stderr], ["1:from here:/\n/made/up\nuid=12 gid=34 groups=34\nbox\n", 0, ""]);
  const named = await daemon.run(["-u", "root", "busybox", "id", "-u"]);
  assert.equal(named.stdout, "0\n");
  const unknown = await daemon.run(["-u", "nobody-of-that-name", "busybox", "id"]);
  assert.equal(unknown.code, 125);
  assert.match(unknown.stderr, /nobody-of-that-name/);
  await daemon.clean();
});

test("-v: bind mounts, read-only ones, a missing source is made, a file on a file", async () => {
  const dir = join(daemon.dir, "bind");
  mkdirSync(dir);
  writeFileSync(join(dir, "file"), "content\n");
  const script = "cat /b/file; echo more > /b/new; echo x > /r/no; cat /etc/one; ls /made";
  const { stdout, stderr, code } = await daemon.run([
    ...["-v", `${dir}:/b`, "-v", `${dir}:/r:ro`, "-v", `${dir}/file:/etc/one`, "-v", `${dir}/fresh:/made`],
    ...["busybox", "sh", "-c", script],
  ]);
  assert.equal(stdout, "content\ncontent\n");
  assert.match(stderr, /can't create \/r\/no: Read-only file system/);
  assert.equal(code, 0);
  assert.equal(readFileSync(join(dir, "new"), "utf8"), "more\n");
  assert.ok(statSync(join(dir, "fresh")).isDirectory());
  await daemon.clean();
});

test("--memory and --cpus are the kernel's limits; a program beyond its memory is killed and that is known", async () => {
  const name = uniqueName("mem");
  const { code } = await daemon.wharf([
    ...["run", "--name", name, "--network", "none", "--memory", "16m", "--cpus", "0.5", "busybox"],
    ...[
      "sh",
      "-c",
      "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us; x=a; while :; do x=$x$x; done",
    ],
  ]);
  assert.equal(code, 137);
  assert.equal(await daemon.ok("logs", name), "16777216\n50000");
  assert.equal(
    await daemon.ok("inspect", "-f", "{{.State.OOMKilled}} {{.HostConfig.NanoCpus}}", name),
    "true 500000000",
  );
  await daemon.ok("rm", name);
  await daemon.clean();
});

test("--network none has the loopback alone, host the host's", async () => {
  const devices = (network: string) =>
    daemon.wharf(["run", "--rm", "--network", network, "busybox", "ls", "/sys/class/net"]);
  assert.equal((await devices("none")).stdout, "lo\n");
  const host = await execute(["ls", "/sys/class/net"]);
  assert.equal((await devices("host")).stdout, host.stdout);
  const none = await daemon.wharf(["run", "--rm", "--network", "no-such", "busybox", "true"]);
  assert.equal(none.code, 125);
  assert.match(none.stderr, /no-such/);
  await daemon.clean();
});

test("stdin and output of many megabytes, exact to the byte, both ways at once", async () => {
  const data = Buffer.alloc(30_000_000);
  for (let i = 0; i < data.length; i += 4) data.writeUInt32LE((i * 2654435761) >>> 0, i);
  writeFileSync(join(daemon.dir, "in"), data);
  const shell = `"$0" run --rm -i --network none busybox cat < ${daemon.dir}/in | sha256sum`;
  const { stdout, stderr } = await execute(["sh", "-c", shell, join(BIN, "wharf")], { env: daemon.env });
  assert.equal(stdout, `${createHash("sha256").update(data).digest("hex")}  -\n`, stderr);
});

test("a program that ends at once loses no output, over and over", async () => {
  const runs = Array.from({ length: 12 }, (_, i) => i);
  for (const batch of [runs.slice(0, 4), runs.slice(4, 8), runs.slice(8)]) {
    await Promise.all(
      batch.map(async (i) => {
        const { stdout, code } = await daemon.run([
          "busybox",
          "sh",
          "-c",
          `head -c 100000 /dev/zero | tr '\\0' ${i % 10}; exit ${i}`,
        ]);
        assert.deepEqual([stdout.length, code, new Set(stdout)], [100_000, i, new Set([String(i % 10)])]);
      }),
    );
  }
  await daemon.clean();
});

test("-t: a terminal whose size follows, ctrl-c goes to the program, the exit code comes back", async () => {
  const { output, code, restored } = await daemon.typed(
    [
      ["until", "ready 24 80"],
      ["size", 40, 120],
      ["until", "now 40 120"],
      ["type", "\x03"],
    ],
    [
      "run",
      "--rm",
      "-it",
      "--network",
      "none",
      "busybox",
      "sh",
      "-c",
      "trap 'echo now $(stty size)' WINCH; trap 'exit 11' INT; echo ready $(stty size); while :; do sleep 0.05; done",
    ],
  );
  assert.deepEqual([code, restored], [11, true], output);
  await daemon.clean();
});

test("signals to the CLI reach the program", async () => {
  for (const [signal, code] of [
    ["SIGTERM", 3],
    ["SIGINT", 4],
    ["SIGHUP", 5],
    ["SIGUSR1", 6],
  ] as const) {
    const script =
      "trap 'exit 3' TERM; trap 'exit 4' INT; trap 'exit 5' HUP; trap 'exit 6' USR1; echo ready; while :; do sleep 0.05; done";
    const result = await daemon.run(["busybox", "sh", "-c", script], {
      started: (child) => child.stdout!.once("data", () => child.kill(signal)),
    });
    assert.equal(result.code, code, signal);
  }
  await daemon.clean();
});

test("--trace: the tree from the CLI to the kernel's steps, with times that fit into each other", async () => {
  const { stdout, stderr, code } = await daemon.run(["--trace", "busybox", "true"]);
  assert.deepEqual([stdout, code], ["", 0]);
  const lines = stderr.trimEnd().split("\n");
  assert.match(lines[0]!, /^trace [0-9a-f]{32}$/);
  for (const service of ["wharf", "wharfd", "shim", "runt"])
    assert.ok(
      lines.some((line) => line.startsWith(`${service} `)),
      `no span of ${service} in:\n${stderr}`,
    );
  await daemon.clean();
});

test("two containers of one name: refused, the first goes on; invalid names are refused", async () => {
  const name = uniqueName("one");
  await daemon.ok("run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "60");
  const second = await daemon.wharf(["run", "--name", name, "--network", "none", "busybox", "true"]);
  assert.equal(second.code, 125);
  assert.match(second.stderr, new RegExp(`name "/?${name}" is already in use`));
  assert.equal(await daemon.ok("inspect", "-f", "{{.State.Status}}", name), "running");
  await daemon.ok("rm", "-f", name);
  assert.equal((await daemon.run(["--name", "a/b", "busybox", "true"])).code, 125);
  await daemon.clean();
});

test("stop waits its time and then kills; kill takes signals; restart starts again", async () => {
  const name = uniqueName("stop");
  await daemon.ok(
    "run",
    "-d",
    "--name",
    name,
    "--network",
    "none",
    "--stop-timeout",
    "1000",
    "busybox",
    "sh",
    "-c",
    "trap '' TERM; echo up; while :; do sleep 0.05; done",
  );
  await until("its start", async () => (await daemon.ok("logs", name)) === "up");
  const begin = performance.now();
  await daemon.ok("stop", "-t", "1", name);
  const took = performance.now() - begin;
  assert.ok(took > 950, `${took} ms`);
  assert.equal(await daemon.ok("inspect", "-f", "{{.State.ExitCode}}", name), "137");
  await daemon.ok("start", name);
  await daemon.ok("kill", "-s", "KILL", name);
  assert.equal(await daemon.ok("wait", name), "137");
  const dead = await daemon.wharf(["kill", name]);
  assert.equal(dead.code, 1);
  assert.match(dead.stderr, /is not running/);
  await daemon.ok("rm", name);
  await daemon.clean();
});

test("exec: own environment, user, code; into a container that stops; into none", async () => {
  const name = uniqueName("exec");
  await daemon.ok("run", "-d", "--name", name, "--network", "none", "-e", "X=1", "busybox", "sleep", "60");
  const { stdout, code } = await daemon.wharf([
    "exec",
    "-u",
    "5",
    "-e",
    "Y=2",
    "-w",
    "/etc",
    name,
    "sh",
    "-c",
    "echo $X$Y; id -u; pwd; exit 8",
  ]);
  assert.deepEqual([stdout, code], ["12\n5\n/etc\n", 8]);
  assert.equal((await daemon.wharf(["exec", name, "/etc/passwd"])).code, 126);
  assert.equal((await daemon.wharf(["exec", name, "nothing"])).code, 127);
  const running = daemon.wharf(["exec", name, "sleep", "60"]);
  await until("the exec", async () => (await daemon.ok("top", name)).match(/sleep 60/g)?.length === 2);
  await daemon.ok("kill", name);
  assert.equal((await running).code, 137);
  const late = await daemon.wharf(["exec", name, "true"]);
  assert.equal(late.code, 1);
  assert.match(late.stderr, /is not running/);
  await daemon.ok("rm", name);
  await daemon.clean();
});

test("export holds what the container wrote", async () => {
  const name = uniqueName("exp");
  await daemon.ok(
    "run",
    "--name",
    name,
    "--network",
    "none",
    "busybox",
    "sh",
    "-c",
    "echo x > /written; rm /etc/passwd; chmod 4711 /bin/busybox",
  );
  const tar = join(daemon.dir, "export.tar");
  await daemon.ok("export", "-o", tar, name);
  const { stdout } = await execute(["tar", "-tvf", tar]);
  assert.match(stdout, /^-rw-r--r-- 0\/0 +2 [^\n]* written$/m);
  assert.match(stdout, /^-rws--x--x 0\/0 [^\n]* bin\/busybox$/m);
  assert.doesNotMatch(stdout, /etc\/passwd/);
  assert.equal(statSync(tar).mode & 0o777, 0o600 & ~0o022);
  chmodSync(tar, 0o600);
  await daemon.ok("rm", name);
});

test("rmi: an image in use stays; an unknown one is an error", async () => {
  const name = uniqueName("uses");
  await daemon.ok("create", "--name", name, "--network", "none", "busybox");
  const used = await daemon.wharf(["rmi", "busybox"]);
  assert.equal(used.code, 1);
  assert.match(used.stderr, /in use|is using/);
  assert.notEqual(await daemon.ok("images", "-q", "busybox"), "");
  assert.equal((await daemon.wharf(["rmi", "no-such-image"])).code, 1);
  await daemon.ok("rm", name);
});
