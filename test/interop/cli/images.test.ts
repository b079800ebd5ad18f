// Our CLI beside the real docker CLI on one daemon: what both print of the same things is compared; what ours does is looked at.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build, Daemon } from "../e2e/daemon.ts";
import { startRegistry } from "../registry/support.ts";
import { execute } from "./program.ts";

let daemon: Daemon;
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

const ok = (...args: string[]) => daemon.ok(...args);

/** Both programs with the same arguments: the same words on stdout. */
async function same(...args: string[]): Promise<string> {
  const [ours, theirs] = await Promise.all([daemon.wharf(args), daemon.docker(args)]);
  assert.equal(ours.code, theirs.code, `${args.join(" ")}: ${ours.stderr}${theirs.stderr}`);
  assert.equal(ours.stdout, theirs.stdout, args.join(" "));
  return ours.stdout;
}

test("history, tag, system df as docker prints them", async () => {
  await ok("tag", "busybox", "second:1");
  await same("history", "busybox");
  await same("history", "--no-trunc", "--human=false", "busybox");
  await same("history", "-q", "busybox");
  await same("history", "--format", "json", "busybox");
  await ok("run", "--name", "dfc", "--network", "none", "busybox", "sh", "-c", "head -c 100000 /dev/zero > /big");
  await same("system", "df");
  await same("system", "df", "--format", "{{json .}}");
  await same("diff", "dfc");
  await same("image", "inspect", "-f", "{{.Id}} {{.RepoTags}}", "second:1");
  await same("container", "inspect", "-f", "{{.Name}}", "dfc");
  await ok("rm", "dfc");
  await ok("rmi", "second:1");
});

test("save, load, import, commit", async () => {
  const file = join(daemon.dir, "saved.tar");
  const theirs = join(daemon.dir, "theirs.tar");
  await ok("tag", "busybox", "second:1");
  await ok("save", "-o", file, "busybox", "second:1");
  assert.equal((await daemon.docker(["save", "-o", theirs, "busybox", "second:1"])).code, 0);
  assert.ok(readFileSync(file).equals(readFileSync(theirs)), "the same archive");
  await ok("rmi", "second:1");
  assert.equal(await ok("load", "-i", file), "Loaded image: busybox:latest\nLoaded image: second:1");
  const piped = await daemon.wharf(["load", "-q"], { input: readFileSync(file) });
  assert.equal(piped.stdout, "Loaded image: busybox:latest\nLoaded image: second:1\n", piped.stderr);
  const wrong = await daemon.wharf(["load"], { input: Buffer.alloc(20_000_000, "no archive") });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^wharf: this is no tar archive/);
  assert.match((await daemon.wharf(["load", "-i", join(daemon.dir, "none")])).stderr, /no such file/i);
  const rootfs = join(daemon.dir, "rootfs.tar");
  await ok("run", "--name", "c1", "--network", "none", "busybox", "sh", "-c", "echo new > /added");
  await ok("export", "-o", rootfs, "c1");
  const id = await ok("import", "-c", 'CMD ["cat", "/added"]', "-m", "why", rootfs, "imported:1");
  assert.match(id, /^sha256:[0-9a-f]{64}$/);
  assert.equal(await ok("run", "--rm", "--network", "none", "imported:1"), "new");
  const stdin = await daemon.wharf(["import", "-", "imported:2"], { input: readFileSync(rootfs) });
  assert.match(stdin.stdout, /^sha256:/, stdin.stderr);
  assert.match(await ok("commit", "-m", "said", "c1", "committed:1"), /^sha256:/);
  assert.equal(await ok("inspect", "-f", "{{.Comment}}", "committed:1"), "said");
  await ok("rm", "c1");
  await ok("rmi", "second:1", "imported:1", "imported:2", "committed:1");
});

test("login, push, pull, logout; a credential helper", async () => {
  await using registry = await startRegistry({ basic: true });
  const name = `${registry.host}/app:1`;
  await ok("tag", "busybox", name);
  const refused = await daemon.wharf(["push", name]);
  assert.equal(refused.code, 1, refused.stdout);
  const login = (password: string, env = {}) =>
    daemon.wharf(["login", "-u", "user", "--password-stdin", registry.host], { input: password, env });
  assert.match(
    (await login("wrong")).stderr,
    /^wharf: localhost:\d+ does not take this user name and password: .* answered 401 .*\n$/,
  );
  const good = await login("secret\n");
  assert.equal(good.stdout, "Login Succeeded\n", good.stderr);
  const config = JSON.parse(readFileSync(join(daemon.dir, ".docker/config.json"), "utf8"));
  assert.deepEqual(config.auths[registry.host], { auth: Buffer.from("user:secret").toString("base64") });
  assert.equal(await ok("login", registry.host), "Login Succeeded");
  assert.match(await ok("push", name), /Pushed\n1: digest: sha256:[0-9a-f]{64} size: \d+$/);
  assert.equal(await ok("push", "-q", name), name);
  await ok("rmi", name);
  assert.equal(await ok("pull", "-q", name), name);
  await ok("rmi", name);
  assert.equal(await ok("logout", registry.host), `Removing login credentials for ${registry.host}`);
  assert.equal(await ok("logout", registry.host), `Removing login credentials for ${registry.host}`);
  const bin = join(daemon.dir, "bin");
  const helper = `mkdir ${bin}; printf '#!/bin/sh\\ncat > ${bin}/$1\\n' > ${bin}/docker-credential-test; chmod +x ${bin}/docker-credential-test`;
  await execute(["sh", "-c", helper]);
  writeFileSync(join(bin, "config.json"), '{"credsStore":"test","psFormat":"x"}');
  const env = { DOCKER_CONFIG: bin, PATH: `${bin}:${daemon.env.PATH}` };
  assert.equal((await login("secret", env)).stdout, "Login Succeeded\n");
  const stored = JSON.parse(readFileSync(join(bin, "store"), "utf8"));
  assert.deepEqual(stored, { ServerURL: registry.host, Username: "user", Secret: "secret" });
  const after = JSON.parse(readFileSync(join(bin, "config.json"), "utf8"));
  assert.deepEqual(after, { credsStore: "test", psFormat: "x", auths: { [registry.host]: {} } });
});

test("pause, unpause, rename, update, top, port, stats, events", async () => {
  const since = String(Date.now() / 1000);
  await ok("run", "-d", "--name", "one", "--network", "none", "busybox", "sleep", "600");
  assert.equal(await ok("pause", "one"), "one");
  assert.equal(await ok("inspect", "-f", "{{.State.Status}}", "one"), "paused");
  assert.equal(await ok("unpause", "one"), "one");
  await ok("rename", "one", "two");
  assert.equal(await ok("update", "--memory", "64m", "--memory-swap", "64m", "--restart", "always", "two"), "two");
  assert.equal(
    await ok("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}", "two"),
    "67108864 always",
  );
  assert.match(await same("top", "two"), /sleep 600/);
  await same("port", "two");
  const stats = await ok("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}} {{.MemUsage}}", "two");
  assert.match(stats, /^two 1 [\d.]+[KM]iB \/ 64MiB$/);
  assert.match(await ok("stats", "--no-stream"), /^CONTAINER ID +NAME +CPU % /);
  await ok("rm", "-f", "two");
  const range = ["--since", since, "--until", "0s", "-f", "type=container"];
  const shown = await ok("events", ...range, "--format", "{{.Action}} {{.Actor.Attributes.name}}");
  for (const line of ["create one", "start one", "pause one", "unpause one", "rename two", "destroy two"])
    assert.ok(shown.split("\n").includes(line), `${line} in ${shown}`);
  assert.match(
    await ok("events", ...range),
    /^\d{4}-\d\d-\d\dT[\d:.]{18}\S+ container create [0-9a-f]{64} \(image=busybox, name=one\)$/m,
  );
});

test("prune asks, and removes what nothing uses", async () => {
  await ok("create", "--name", "gone", "--network", "none", "busybox");
  const no = await daemon.wharf(["container", "prune"], { input: "n\n" });
  assert.match(no.stdout, /^WARNING! This will remove all stopped containers\.\nAre you sure.*\[y\/N\] $/);
  const yes = await daemon.wharf(["container", "prune"], { input: "y\n" });
  assert.match(yes.stdout, /Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: /, yes.stderr);
  assert.equal(await ok("image", "prune", "-f"), "Total reclaimed space: 0B");
  await ok("tag", "busybox", "second:1");
  const system = await ok("system", "prune", "-af");
  assert.match(
    system,
    /Deleted Images:\nuntagged: busybox:latest\n(.*\n)*deleted: sha256:[\s\S]*Total reclaimed space: [1-9]/,
  );
  assert.equal(await ok("images", "-q"), "");
});

test("volumes and networks as docker prints them", async () => {
  assert.equal(await ok("volume", "create", "--label", "k=v", "data"), "data");
  await same("volume", "ls");
  await same("volume", "ls", "-q");
  await same("volume", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}} {{.Mountpoint}} {{.Labels}}");
  await same("volume", "inspect", "data");
  await same("volume", "inspect", "-f", "{{.Name}} {{.Labels}}", "data");
  await same("network", "ls");
  await same(
    "network",
    "ls",
    "--no-trunc",
    "--format",
    "{{.ID}} {{.Name}} {{.IPv6}} {{.Internal}} {{.Labels}} {{.CreatedAt}}",
  );
  await same("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Size}} {{.Reclaimable}}");
  assert.match(await ok("volume", "prune", "-af"), /^Deleted Volumes:\ndata\n\nTotal reclaimed space: [\d.]+k?B$/);
  assert.match((await daemon.wharf(["volume", "rm", "data"])).stderr, /no such volume/i);
  assert.equal((await daemon.wharf(["volume", "rm", "-f", "data"])).code, 0);
});

test("completion: commands, flags, words and names", async () => {
  await ok("create", "--name", "complete-me", "--network", "none", await restored(), "true");
  const words = async (...line: string[]) => (await ok("__complete", "--", ...line)).split("\n");
  assert.deepEqual(await words("image", "p"), ["prune", "pull", "push"]);
  assert.deepEqual(await words("rm", "--f"), ["--force"]);
  assert.deepEqual(await words("inspect", "--type", "v"), ["volume"]);
  assert.deepEqual(await words("rm", "comp"), ["complete-me"]);
  assert.deepEqual(await words("stop", "comp"), [""], "it does not run");
  assert.deepEqual(await words("rmi", "restored:"), ["restored:1"]);
  assert.deepEqual(await words("-D", "rm", "comp"), ["complete-me"], "after the program's own flags");
  assert.deepEqual(await words("--context", "d"), ["default"]);
  assert.deepEqual(await words("--tlsv"), ["--tlsverify"]);
  assert.deepEqual(await words("run", "--network", "n"), ["none"]);
  assert.deepEqual(await words("run", "--name", "x", "restored:"), ["restored:1"], "a flag's value is no argument");
  assert.deepEqual(await words("exec", "complete-me", "comp"), [":files"], "another program's words");
  await ok("volume", "create", "complete-volume");
  assert.deepEqual(await words("volume", "rm", "comp"), ["complete-volume"]);
  await ok("volume", "rm", "complete-volume");
  assert.match((await daemon.wharf(["completion", "tcsh"])).stderr, /shells are bash, zsh, fish/);
});

/** An image after everything was pruned. */
async function restored(): Promise<string> {
  await ok("import", join(daemon.dir, "rootfs.tar"), "restored:1");
  return "restored:1";
}
