// The daemon's own life: started by the CLI, beside others, killed, started again; containers outlive all of it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { textIfThere } from "../../support/files.ts";
import { execute } from "../cli/program.ts";
import { BIN, build, Daemon, until } from "./daemon.ts";

before(build);

const COUNT = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo line $i; sleep 0.01; done; exit 7";
const LINES = Array.from({ length: 200 }, (_, i) => `line ${i + 1}`).join("\n");

test("kill -9 of the daemon: containers go on, no line of output and no exit code is lost", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  await daemon.ok("run", "-d", "--name", "counts", "--network", "none", "busybox", "sh", "-c", COUNT);
  await daemon.ok("run", "-d", "--name", "stays", "--network", "none", "busybox", "sleep", "1000");
  await daemon.ok("run", "-d", "--rm", "--name", "goes", "--network", "none", "busybox", "sleep", "0.5");
  const pid = await daemon.ok("inspect", "-f", "{{.State.Pid}}", "stays");
  await daemon.end("SIGKILL");
  assert.ok(existsSync(`/proc/${pid}`), "the container goes on");
  await sleep(1000);
  await daemon.start();
  assert.equal(await daemon.ok("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", "stays"), `running ${pid}`);
  assert.equal(await daemon.ok("wait", "counts"), "7");
  assert.equal(await daemon.ok("logs", "counts"), LINES);
  await until("the end of --rm", async () => (await daemon.wharf(["inspect", "goes"])).code !== 0);
  const exec = await daemon.wharf(["exec", "stays", "echo", "still here"]);
  assert.deepEqual([exec.stdout, exec.code], ["still here\n", 0], exec.stderr);
  await daemon.restart("SIGKILL");
  await daemon.restart("SIGKILL");
  await daemon.ok("stop", "-t", "0", "stays");
  assert.equal(await daemon.ok("inspect", "-f", "{{.State.ExitCode}}", "stays"), "137");
});

for (const [where, redirect] of [
  ["lies on a full disk", "2>/dev/full"],
  ["goes to a pipe that nobody reads", "2> >(exec true)"],
] as const) {
  test(`a log that ${where} neither ends the daemon nor holds it up`, async () => {
    await using daemon = Daemon.prepare({ within: ["bash", "-c", `exec "$0" "$@" ${redirect}`] });
    await daemon.start();
    for (const name of ["a", "b", "c"]) {
      const failed = await daemon.wharf(["pull", `localhost:1/${name}`]);
      assert.match(failed.stderr, /nothing listens there/);
    }
    assert.equal(await daemon.ok("ps", "-q"), "");
    const stopped = await daemon.wharf(["daemon", "stop"]);
    assert.deepEqual([stopped.stderr, stopped.code], ["the daemon has stopped; containers go on\n", 0]);
    await daemon.ended();
  });
}

test("the agent leads a group of its own, to which the workers that start shims come back", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const { stdout: agents } = await execute(["pgrep", "-P", String(daemon.pid), "-f", "^wharf-agent --socket"]);
  assert.match(agents, /^\d+\n$/, "there is one");
  const stat = readFileSync(`/proc/${agents.trim()}/stat`, "utf8");
  const [, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  assert.equal(group, agents.trim());
});

test("a container that ends while no daemon runs: code and time are those of its end", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const told = join(daemon.dir, "told");
  mkdirSync(told);
  const script = "until [ -e /told/end ]; do sleep 0.05; done; echo last; exit 9";
  await daemon.ok(
    ...["run", "-d", "--name", "short", "--network", "none", "-v", `${told}:/told`],
    ...["busybox", "sh", "-c", script],
  );
  const pid = await daemon.ok("inspect", "-f", "{{.State.Pid}}", "short");
  await daemon.end("SIGKILL");
  const begin = Date.now();
  writeFileSync(join(told, "end"), "");
  await until("the container's end", () => !existsSync(`/proc/${pid}`));
  await sleep(1000);
  const back = Date.now();
  await daemon.start();
  assert.equal(await daemon.ok("wait", "short"), "9");
  assert.equal(await daemon.ok("logs", "short"), "last");
  const finished = Date.parse(await daemon.ok("inspect", "-f", "{{.State.FinishedAt}}", "short"));
  assert.ok(finished >= begin && finished < back, "it is the time of the end, not of the look");
});

test("an orderly stop and start: the same, and attached clients are told", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  await daemon.ok("run", "-d", "--name", "stays", "--network", "none", "busybox", "sh", "-c", "echo up; sleep 1000");
  await until("output", async () => (await daemon.ok("logs", "stays")) === "up");
  let followed = "";
  const follower = daemon.wharf(["logs", "-f", "stays"], {
    started: (child) => child.stdout!.on("data", (chunk: Buffer) => (followed += chunk)),
  });
  const waiter = daemon.wharf(["wait", "stays"]);
  const connected = new RegExp(` 0001 03 +\\d+ ${RegExp.escape(daemon.socket)}$`, "gm");
  await until("both clients", () => (readFileSync("/proc/net/unix", "utf8").match(connected)?.length ?? 0) >= 2);
  await until("what was written", () => followed === "up\n");
  await sleep(300);
  const stopped = await daemon.wharf(["daemon", "stop"]);
  assert.deepEqual([stopped.stderr, stopped.code], ["the daemon has stopped; containers go on\n", 0]);
  assert.equal((await follower).stdout, "up\n");
  const waited = await waiter;
  assert.notEqual(waited.code, 0);
  assert.notEqual(waited.stderr, "");
  await daemon.ended();
  const refused = await daemon.wharf(["ps"]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /docker\.sock/);
  await daemon.start();
  assert.equal(await daemon.ok("ps", "--format", "{{.Names}} {{.State}}"), "stays running");
});

test("a container that its policy starts with the daemon, and that cannot be started: the log says so, and why", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const folder = join(daemon.dir, "bound");
  mkdirSync(folder);
  const mount = `type=bind,src=${folder},dst=/bound`;
  const id = await daemon.ok("run", "-d", "--restart=always", "--mount", mount, "busybox", "sleep", "1000");
  await daemon.ok("stop", "-t", "0", id);
  rmSync(folder, { recursive: true });
  await daemon.restart("SIGTERM");
  await until("the line", () =>
    daemon.log.split("\n").some((line) => / warn {2}a restart failed/.test(line) && line.includes(id)),
  );
  assert.match(daemon.log, /a restart failed .*bound/);
  assert.equal(await daemon.ok("inspect", "--format", "{{.State.Status}}", id), "exited");
  await daemon.ok("rm", id);
});

test("the CLI starts the daemon; daemon status, logs, stop", async () => {
  await using daemon = Daemon.prepare({ env: { WHARF_AUTOSTART: "1" } });
  const started: number[] = [];
  try {
    const status = await daemon.wharf(["daemon", "status"]);
    assert.equal(status.code, 3);
    assert.match(status.stdout, /^not running/);
    // several at once: one daemon
    const all = await Promise.all(Array.from({ length: 4 }, () => daemon.wharf(["images", "-q"])));
    assert.deepEqual(
      all.map(({ code }) => code),
      [0, 0, 0, 0],
      all.map(({ stderr }) => stderr).join(""),
    );
    started.push(daemon.pid);
    const { stdout } = await daemon.wharf(["daemon", "status"]);
    assert.match(stdout, new RegExp(`^running: pid ${daemon.pid}, version `));
    assert.match((await daemon.wharf(["daemon", "logs"])).stdout, /ready pid=/);
    assert.match((await daemon.wharf(["daemon", "start"])).stderr, /runs already/);
    assert.equal((await daemon.wharf(["daemon", "stop"])).code, 0);
    assert.equal((await daemon.wharf(["daemon", "stop"])).stderr, "the daemon does not run\n");
    assert.equal((await daemon.wharf(["daemon", "status"])).code, 3);
  } finally {
    for (const pid of started) if (existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
  }
});

test("the daemon cannot start: the CLI says why, with the log's end", async () => {
  await using daemon = Daemon.prepare({ env: { WHARF_AUTOSTART: "1" }, config: "[registries\n" });
  const { stderr, code } = await daemon.wharf(["ps"]);
  assert.notEqual(code, 0);
  assert.match(stderr, /config\.toml/);
  assert.match(stderr, /line 1/);
  rmSync(join(daemon.dir, "config.toml"));
});

test("a second daemon on the same folders: refused, names the first, which does not notice", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const other = mkdtempSync(join(tmpdir(), "we2-"));
  const attempt = (root: string, state: string) =>
    execute([join(BIN, "wharfd"), "--root", root, "--state", state], { env: daemon.env });
  for (const [root, state] of [
    [daemon.root, daemon.state],
    [daemon.root, join(other, "s")],
    [join(other, "r"), daemon.state],
  ] as const) {
    const { stderr, code } = await attempt(root, state);
    assert.equal(code, 1);
    assert.match(stderr, /^wharfd: the (root|state) directory "[^"]+" is in use by another daemon \(pid \d+\)\n {2}\S/);
    assert.match(stderr, new RegExp(`pid ${daemon.pid}\\)`));
    assert.equal((await daemon.run(["busybox", "echo", "fine"])).stdout, "fine\n");
  }
  const busybox = await execute([join(BIN, "wharfd"), "import-busybox"], { env: daemon.env });
  assert.equal(busybox.code, 1);
  assert.equal((await daemon.run(["busybox", "echo", "fine"])).stdout, "fine\n");
  rmSync(other, { recursive: true });
});

test("two daemons side by side share nothing", async () => {
  await using one = await Daemon.start();
  await using two = await Daemon.start();
  await Promise.all([one.busybox(), two.busybox()]);
  for (const daemon of [one, two])
    await daemon.ok("run", "-d", "--name", "same", "--network", "none", "busybox", "sleep", "100");
  await one.ok("rm", "-f", "same");
  assert.equal(await one.ok("ps", "-aq"), "");
  assert.equal(await two.ok("ps", "--format", "{{.Names}}"), "same");
  await one.clean();
});

test("the agent is killed: the next request has a new one", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  for (let i = 0; i < 3; i++) {
    // the one that was killed before may not have been waited for yet
    const agent = await until("one agent", async () => {
      const { stdout } = await execute(["pgrep", "-P", String(daemon.pid), "-f", "^wharf-agent --socket"]);
      return /^\d+\n$/.test(stdout) && Number(stdout);
    });
    process.kill(agent, "SIGKILL");
    const { stdout: said, stderr } = await daemon.run(["busybox", "echo", "on"]);
    assert.equal(said, "on\n", stderr);
  }
});

test("the agent keeps one shim that waits: the next start takes it; without it a start works all the same; it ends with the agent", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const parentOf = (pid: number | string) =>
    readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ")[1]!;
  const start = async (name: string): Promise<number> => {
    await daemon.ok("run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "1000");
    return Number(parentOf(await daemon.ok("inspect", "-f", "{{.State.Pid}}", name)));
  };
  const agent = async () => (await execute(["pgrep", "-P", String(daemon.pid), "-f", "wharf-agent"])).stdout.trim();
  const waiting = async (): Promise<number> => {
    let found = 0;
    await until("a shim that waits", async () => {
      const pid = await agent();
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
      const spare = (child: string) =>
        textIfThere(`/proc/${child}/cmdline`).startsWith("containerd-shim-runt-v2\0spare\0");
      found = Number(children.find(spare));
      return found > 0;
    });
    return found;
  };
  await start("first");
  const taken = await waiting();
  assert.equal(await start("second"), taken);
  assert.match(readFileSync(`/proc/${taken}/cmdline`, "latin1"), /^containerd-shim-runt-v2\0-namespace\0/);
  const killed = await waiting();
  process.kill(killed, "SIGKILL");
  assert.notEqual(await start("third"), killed);
  const last = await waiting();
  process.kill(Number(await agent()), "SIGKILL");
  await until("its end", () => !existsSync(`/proc/${last}`));
  await daemon.removeAll();
  await daemon.clean();
});

test("a shim is killed: the container ends with it, its code says so, it can be started again and removed", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  await daemon.ok("run", "-d", "--name", "xx", "--network", "none", "busybox", "sleep", "1000");
  const pid = Number(await daemon.ok("inspect", "-f", "{{.State.Pid}}", "xx"));
  const shim = Number(
    readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ")[1],
  );
  process.kill(shim, "SIGKILL");
  assert.equal(await daemon.ok("wait", "xx"), "137");
  await until("the process's end", () => !existsSync(`/proc/${pid}`));
  await daemon.ok("start", "xx");
  assert.equal((await daemon.wharf(["exec", "xx", "echo", "again"])).stdout, "again\n");
  await daemon.ok("rm", "-f", "xx");
  await daemon.clean();
});

test("SIGTERM right after the start: the image of a new root is made before the end, and made once", async () => {
  await using daemon = await Daemon.start();
  await daemon.end("SIGTERM");
  assert.doesNotMatch(daemon.log, /could not be made/);
  await daemon.start();
  await daemon.busybox();
  assert.equal(daemon.log.split("made busybox:latest").length - 1, 1, daemon.log);
});

test("a corrupt store: the daemon says so, and does not touch it", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  await daemon.end("SIGTERM");
  const file = join(daemon.root, "meta.db");
  const good = readFileSync(file);
  const bad = Buffer.from(good);
  bad.fill(0x5a, 0, 4096);
  writeFileSync(file, bad);
  assert.equal(await daemon.launch(), false);
  assert.match(daemon.log, /wharfd: [^\n]*meta\.db[^\n]*(corrupt|not a database|malformed)/i);
  assert.deepEqual(readFileSync(file), bad);
  writeFileSync(file, good);
});

test("a folder that cannot be written, a socket path that is too long: one clear line each", async () => {
  const dir = mkdtempSync(join(tmpdir(), "we3-"));
  const attempt = (root: string, state: string) =>
    execute([join(BIN, "wharfd"), "--root", root, "--state", state], { env: { HOME: dir } });
  const proc = await attempt("/proc/no", join(dir, "s"));
  assert.equal(proc.code, 1);
  assert.match(proc.stderr, /^wharfd: [^\n]*"\/proc\/no"/);
  const long = join(dir, "s".repeat(100));
  mkdirSync(long);
  const socket = await attempt(join(dir, "r"), long);
  assert.equal(socket.code, 2);
  assert.match(socket.stderr, /^wharfd: the state directory's path may have 85 bytes/);
  rmSync(dir, { recursive: true });
});

test("SIGTERM in the middle of a run: the client is told, the container goes on or never was", async () => {
  await using daemon = await Daemon.start();
  await daemon.busybox();
  const child = spawn(
    join(BIN, "wharf"),
    ["run", "--name", "mid", "--network", "none", "busybox", "sh", "-c", "echo up; sleep 1000"],
    {
      env: daemon.env,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  await new Promise((resolve) => child.stdout.once("data", resolve));
  let said = "";
  child.stderr.on("data", (data) => (said += data));
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  await daemon.end("SIGTERM");
  assert.ok(!existsSync(join(daemon.state, "wharfd.pid")), "it ended by itself, not when its time was over");
  assert.equal(await closed, 125, said);
  assert.match(said, /^wharf: /);
  await daemon.start();
  assert.equal(await daemon.ok("inspect", "-f", "{{.State.Status}}", "mid"), "running");
});
