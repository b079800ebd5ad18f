// The configuration file of the built daemon: handlers of runtimes, what is missing told at the start, config default and check.
import assert from "node:assert/strict";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { execute } from "../cli/program.ts";
import { Api } from "../docker/client.ts";
import { BIN, build, Daemon, until } from "./daemon.ts";

before(() => build());

test("a handler's program makes the containers that ask for it", async () => {
  // Not by its name: that one the shim carries out itself.
  const program = join(tmpdir(), "other-runtime");
  writeFileSync(program, `#!/bin/sh\nexec ${join(BIN, "runt")} "$@"\n`, { mode: 0o755 });
  const config = `default-runtime = "other"\n[runtimes.other]\nbinary = "${program}"\n`;
  await using daemon = await Daemon.start({ config });
  await daemon.busybox();
  for (const name of ["other", "runt"]) {
    assert.equal((await daemon.run(["--runtime", name, "busybox", "echo", name])).stdout, `${name}\n`);
  }
  const id = await daemon.ok("create", "--network", "none", "busybox", "true");
  assert.equal(await daemon.ok("inspect", "--format", "{{.HostConfig.Runtime}}", id), "other");
  await daemon.ok("start", id);
  assert.equal(await daemon.ok("wait", id), "0");
  await daemon.ok("rm", id);
  const bad = await daemon.run(["--runtime", "nosuch", "busybox", "true"]);
  assert.match(bad.stderr, /unknown or invalid runtime name: nosuch/);
  rmSync(program);
});

test("a start that fails ends what was created, also where the runtime signals only what runs", async () => {
  const program = join(tmpdir(), "stubborn-runtime");
  const refuse = 'for a; do case "$a" in start | kill) echo "cannot $a what is created" >&2; exit 128 ;; esac; done';
  writeFileSync(program, `#!/bin/sh\n${refuse}\nexec ${join(BIN, "runt")} "$@"\n`, { mode: 0o755 });
  await using daemon = await Daemon.start({ config: `[runtimes.stubborn]\nbinary = "${program}"\n` });
  await daemon.busybox();
  const failed = await daemon.run(["--runtime", "stubborn", "busybox", "sleep", "1000"]);
  assert.match(failed.stderr, /cannot start what is created/);
  assert.equal(failed.code, 125);
  rmSync(program);
});

test("a signal, a size and an exec that come with the first output, before the start is answered, find a container that runs", async () => {
  const program = join(tmpdir(), "slow-runtime");
  const slowly = 'for a; do if [ "$a" = start ]; then sleep 1; fi; done';
  writeFileSync(program, `#!/bin/sh\n${join(BIN, "runt")} "$@" || exit\n${slowly}\n`, { mode: 0o755 });
  await using daemon = await Daemon.start({ config: `[runtimes.slow]\nbinary = "${program}"\n` });
  await daemon.busybox();
  const api = new Api(() => daemon.socket);
  const script = "trap 'exit 5' TERM; echo up; while true; do sleep 0.1; done";
  const HostConfig = { NetworkMode: "none", Runtime: "slow" };
  const id = await api.create({ Cmd: ["sh", "-c", script], Tty: true, HostConfig });
  const stream = api.stream(`/containers/${id}/attach?stream=1&stdout=1`);
  await stream.ready();
  const start = api.start(id);
  await until("the first output", () => stream.data.includes("up"));
  await Promise.all([
    api.expect(200, "POST", `/containers/${id}/resize?h=30&w=90`),
    api.expect(201, "POST", `/containers/${id}/exec`, { Cmd: ["true"] }),
    api.expect(204, "POST", `/containers/${id}/kill?signal=TERM`),
  ]);
  await start;
  assert.deepEqual((await api.expect(200, "POST", `/containers/${id}/wait`)).json(), { StatusCode: 5 });
  await api.remove(id);
  rmSync(program);
});

test("a container whose memory runs out before its start is answered has ended of that", async () => {
  const program = join(tmpdir(), "slow-runtime");
  const slowly = 'for a; do if [ "$a" = start ]; then sleep 1; fi; done';
  writeFileSync(program, `#!/bin/sh\n${join(BIN, "runt")} "$@" || exit\n${slowly}\n`, { mode: 0o755 });
  await using daemon = await Daemon.start({ config: `[runtimes.slow]\nbinary = "${program}"\n` });
  await daemon.busybox();
  const limits = ["--runtime", "slow", "--network", "none", "--memory", "6m"];
  const { code } = await daemon.wharf(["run", "--name", "short", ...limits, "busybox", "tail", "/dev/zero"]);
  assert.equal(code, 137);
  assert.equal(await daemon.ok("inspect", "-f", "{{.State.OOMKilled}}", "short"), "true");
  await daemon.ok("rm", "short");
  rmSync(program);
});

test("log-driver and log-opts are for containers that name no driver, or no option of it", async () => {
  const config = 'log-driver = "json-file"\n[log-opts]\nmax-size = "5k"\nmax-file = "2"\ncache-max-size = "1m"\n';
  await using daemon = await Daemon.start({ config });
  await daemon.busybox();
  const api = new Api(() => daemon.socket);
  assert.equal((await api.expect(200, "GET", "/info")).json().LoggingDriver, "json-file");
  const made = async (LogConfig?: object) => {
    const Cmd = ["sh", "-c", "i=0; while [ $i -lt 400 ]; do echo line number $i; i=$((i+1)); done"];
    const id = await api.create({ Cmd, HostConfig: { NetworkMode: "none", ...(LogConfig ? { LogConfig } : {}) } });
    return { id, config: (await api.expect(200, "GET", `/containers/${id}/json`)).json().HostConfig.LogConfig };
  };
  const usual = await made();
  const options = { "max-size": "5k", "max-file": "2", "cache-max-size": "1m" };
  assert.deepEqual(usual.config, { Type: "json-file", Config: options });
  const own = await made({ Type: "", Config: { "max-size": "1m" } });
  assert.deepEqual(own.config, { Type: "json-file", Config: { ...options, "max-size": "1m" } });
  const other = await made({ Type: "local" });
  assert.deepEqual(other.config, { Type: "local", Config: { "cache-max-size": "1m" } });
  await api.start(usual.id);
  await api.expect(200, "POST", `/containers/${usual.id}/wait`);
  const logs = readdirSync(join(daemon.root, "containers", usual.id)).filter((name) => name.includes("-json.log"));
  assert.deepEqual(logs.sort(), [`${usual.id}-json.log`, `${usual.id}-json.log.1`]);
  for (const { id } of [usual, own, other]) await api.remove(id);
});

test("log-driver is told by info, and is what containers have", async () => {
  await using daemon = await Daemon.start({ config: 'log-driver = "none"\n' });
  await daemon.busybox();
  const api = new Api(() => daemon.socket);
  assert.equal((await api.expect(200, "GET", "/info")).json().LoggingDriver, "none");
  const id = await api.create({ Cmd: ["true"], HostConfig: { NetworkMode: "none" } });
  const { HostConfig } = (await api.expect(200, "GET", `/containers/${id}/json`)).json();
  assert.deepEqual(HostConfig.LogConfig, { Type: "none", Config: {} });
  await api.refused(501, /does not support reading/, "GET", `/containers/${id}/logs?stdout=1`);
  await api.remove(id);
});

test("a handler without its program keeps the daemon from starting, and is named", async () => {
  const daemon = Daemon.prepare({ config: '[runtimes.crun]\nbinary = "no-such-crun"\n' });
  assert.equal(await daemon.launch(), false);
  assert.match(daemon.log, /runtime handler "crun": there is no program "no-such-crun" in PATH/);
  rmSync(daemon.dir, { recursive: true });
});

test("--containerd-namespace: images and containers lie in it, a bad name is refused", async () => {
  {
    await using daemon = await Daemon.start({ args: ["--containerd-namespace", "apart"] });
    await daemon.busybox();
    const ctr = (...args: string[]) =>
      execute([join(BIN, "ctr"), "-a", join(daemon.state, "containerd.sock"), ...args]);
    const id = await daemon.ok("run", "-d", "--network", "none", "busybox", "sleep", "1000");
    assert.equal((await ctr("-n", "apart", "containers", "ls", "-q")).stdout, `${id}\n`);
    assert.match((await ctr("-n", "apart", "images", "ls", "-q")).stdout, /busybox:latest/);
    assert.equal((await ctr("-n", "moby", "images", "ls", "-q")).stdout, "");
    await daemon.removeAll();
  }
  const daemon = Daemon.prepare({ args: ["--containerd-namespace", "a/b"] });
  assert.equal(await daemon.launch(), false);
  assert.match(daemon.log, /namespace "a\/b"/);
  rmSync(daemon.dir, { recursive: true });
});

test("config default is a configuration, config check says on which line one is wrong", async () => {
  const daemon = Daemon.prepare({ config: "" });
  const wharfd = (...args: string[]) => execute([join(BIN, "wharfd"), ...args], { env: daemon.env });
  const file = join(daemon.dir, "default.toml");
  writeFileSync(file, (await wharfd("config", "default")).stdout);
  const right = await wharfd("config", "check", "--config", file);
  assert.deepEqual([right.code, right.stdout], [0, `${file}: ok\n`]);
  writeFileSync(file, '# one\nmirors = 1\n[runtimes.x]\nbinary = "no-such-x"\n');
  const wrong = await wharfd("config", "check", "--config", file);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /line 2: the setting mirors is not known/);
  writeFileSync(file, '[runtimes.x]\nbinary = "no-such-x"\n');
  assert.match((await wharfd("config", "check", "--config", file)).stderr, /"x": there is no program "no-such-x"/);
  for (const args of [["config", "check"], []]) {
    const missing = await wharfd(...args, "--config", join(daemon.dir, "none.toml"));
    assert.deepEqual([missing.code, /there is no configuration ".*none\.toml"/.test(missing.stderr)], [1, true]);
  }
  assert.match((await wharfd("config", "what")).stderr, /unknown argument "what"/);
  rmSync(daemon.dir, { recursive: true });
});
