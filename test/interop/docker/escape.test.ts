// What a container, or an archive that is put into it, must not reach: the host's files, by `docker cp`'s requests or by descriptors.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BIN, build, Daemon, until } from "../e2e/daemon.ts";
import { Api, tarOf } from "./client.ts";

let daemon: Daemon;
const api = new Api(() => daemon.socket);
before(async () => {
  build();
  daemon = await Daemon.start();
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());
// what a test that failed has left is not for the next one
afterEach(async () => {
  for (const { Id } of (await api.expect(200, "GET", "/containers/json?all=1")).json()) await api.remove(Id);
});

test("links of a container lead the archive requests nowhere outside of it (CVE-2018-15664)", async () => {
  const victim = join(daemon.dir, "still");
  mkdirSync(victim);
  writeFileSync(join(victim, "secret"), "host\n");
  const links = `mkdir /a; ln -s ${victim} /a/out; ln -s ../../../../../../..${victim} /a/up; echo ready; sleep 1000`;
  const id = await api.create({ Cmd: ["sh", "-c", links] });
  await api.start(id);
  const archive = (path: string) => `/containers/${id}/archive?path=${path}`;
  await until("the links", async () => (await api.call("HEAD", archive("/a/up"))).status === 200);
  for (const state of ["running", "stopped"]) {
    for (const link of ["out", "up"]) {
      for (const path of [`/a/${link}/secret`, `/a/${link}/.`]) {
        assert.equal((await api.call("GET", archive(path))).status, 404, `${state}: ${path}`);
        assert.equal((await api.call("HEAD", archive(path))).status, 404, `${state}: ${path}`);
      }
      await api.call("PUT", archive(`/a/${link}`), tarOf("new", { content: "payload\n" }));
      await api.call("PUT", archive(`/a/${link}`), tarOf("secret", { content: "payload\n" }));
    }
    assert.ok(!existsSync(join(victim, "new")), state);
    assert.equal(readFileSync(join(victim, "secret"), "utf8"), "host\n", state);
    await api.expect(state === "running" ? 204 : 304, "POST", `/containers/${id}/stop?t=0`);
  }
  await api.remove(id);
  await daemon.clean();
});

test("links that are swapped during cp lead nowhere outside the container (CVE-2018-15664)", async () => {
  const victim = join(daemon.dir, "victim");
  mkdirSync(victim);
  writeFileSync(join(victim, "f"), "host\n");
  // x is by turns a folder and a link to the host's folder, exchanged as fast as can be.
  const swap = `mkdir -p /w/x; echo mine > /w/x/f; cd /w; while true; do mv x y; ln -s ${victim} x; rm x; mv y x; done`;
  const id = await api.create({ Cmd: ["sh", "-c", swap] });
  await api.start(id);
  const tar = tarOf("f", { content: "payload\n" });
  let own = 0;
  for (const end = Date.now() + 3000; Date.now() < end || own === 0; ) {
    const [read] = await Promise.all([
      // What vanished while it was read breaks off.
      api.call("GET", `/containers/${id}/archive?path=/w/x/f`).catch(() => ({ body: Buffer.alloc(0) })),
      api.call("PUT", `/containers/${id}/archive?path=/w/x`, tar),
    ]);
    assert.ok(!read.body.includes("host\n"), "a file of the host was read");
    if (/(mine|payload)\n/.test(read.body.toString())) own++;
    assert.equal(readFileSync(join(victim, "f"), "utf8"), "host\n", "a file of the host was written");
  }
  await api.remove(id);
  await daemon.clean();
});

test("an archive that names a link of the container as hard link does not change the host's file (CVE-2021-41089)", async () => {
  const secret = join(daemon.dir, "secret");
  writeFileSync(secret, "host\n");
  chmodSync(secret, 0o600);
  const id = await api.create({ Cmd: ["sh", "-c", `mkdir /w; ln -s ${secret} /w/link; sleep 1000`] });
  await api.start(id);
  await until(
    "the link",
    async () => (await api.call("HEAD", `/containers/${id}/archive?path=/w/link`)).status === 200,
  );
  const entries = [
    tarOf("hard", { type: "1", link: secret, mode: 0o777 }),
    tarOf("hard", { type: "1", link: `../../../../../../../..${secret}`, mode: 0o777 }),
    tarOf("hard", { type: "1", link: "link", mode: 0o777 }),
    tarOf("link", { type: "0", content: "", mode: 0o777 }),
    tarOf("link", { type: "5", mode: 0o777 }),
    tarOf("../../../../../../../../..".concat(secret), { type: "0", content: "payload\n", mode: 0o777 }),
  ];
  for (const state of ["running", "stopped"]) {
    for (const tar of entries) await api.call("PUT", `/containers/${id}/archive?path=/w`, tar);
    assert.equal(statSync(secret).mode & 0o777, 0o600, state);
    assert.equal(readFileSync(secret, "utf8"), "host\n", state);
    assert.equal(statSync(secret).nlink, 1, state);
    await api.expect(state === "running" ? 204 : 304, "POST", `/containers/${id}/stop?t=0`);
  }
  await api.remove(id);
  await daemon.clean();
});

test("nothing of a container's is loaded by what reads its files (CVE-2019-14271)", async () => {
  // The agent, which does so, is one static program: no interpreter, no libraries to look for.
  const elf = readFileSync(join(BIN, "wharf"));
  const count = elf.readUInt16LE(56);
  const size = elf.readUInt16LE(54);
  const kinds = Array.from({ length: count }, (_, i) => elf.readUInt32LE(Number(elf.readBigUInt64LE(32)) + i * size));
  const [INTERP, DYNAMIC] = [3, 2];
  assert.ok(kinds.length > 0 && !kinds.includes(INTERP) && !kinds.includes(DYNAMIC), `program headers ${kinds}`);
  // And what a container has at the places of such libraries is opened by nobody: each of them blocks whoever opens it.
  const dirs = ["/lib", "/lib64", "/usr/lib", "/lib/x86_64-linux-gnu"];
  const traps = `mkdir -p ${dirs.join(" ")} /etc; echo 'passwd: files evil' > /etc/nsswitch.conf; for d in ${dirs.join(" ")}; do for l in libnss_files.so.2 libc.so.6 libnss_evil.so.2; do mkfifo $d/$l; done; done`;
  const id = await api.create({ Cmd: ["sh", "-c", traps] });
  await api.start(id);
  await api.expect(200, "POST", `/containers/${id}/wait`);
  const copy = api.expect(200, "GET", `/containers/${id}/archive?path=/etc`);
  await Promise.race([copy, sleep(60_000, undefined, { ref: false }).then(() => assert.fail("it opened a trap"))]);
  await api.expect(200, "PUT", `/containers/${id}/archive?path=/etc`, tarOf("new", { content: "x" }));
  await api.remove(id);
  await daemon.clean();
});

test("no descriptor above 2 reaches a container of the daemon's, or an exec (CVE-2024-21626)", async () => {
  const list = "ls -1 /proc/self/fd";
  for (const Tty of [false, true]) {
    const id = await api.create({ Cmd: ["sh", "-c", `${list} > /seen; sleep 1000`], Tty });
    await api.start(id);
    const { State } = (await api.expect(200, "GET", `/containers/${id}/json`)).json();
    const file = (path: string) => `/proc/${State.Pid}/root${path}`;
    const Cmd = ["sh", "-c", `${list} > /exec`];
    const exec = await api.expect(201, "POST", `/containers/${id}/exec`, { Cmd, Tty });
    await api.expect(200, "POST", `/exec/${exec.json().Id}/start`, { Detach: true, Tty });
    for (const path of ["/seen", "/exec"]) {
      await until(path, () => existsSync(file(path)) && /\b3\n/.test(readFileSync(file(path), "utf8")), 60_000);
      // 3 is the one by which ls reads the folder
      assert.equal(readFileSync(file(path), "utf8"), "0\n1\n2\n3\n", path);
    }
    assert.deepEqual(readdirSync(`/proc/${State.Pid}/fd`).sort(), ["0", "1", "2"]);
    await api.remove(id);
  }
  await daemon.clean();
});

test("the program that a shim is cannot be written to by way of /proc/<pid>/exe (CVE-2019-5736)", async () => {
  // the image's command is a link to whatever executes it, and waits where it is to read its input from
  const prepare = "ln -s /proc/self/exe /bin/runt; mkfifo /wait; echo > /ready; sleep 1000";
  const id = await api.create({ Cmd: ["sh", "-c", prepare] });
  await api.start(id);
  const { State } = (await api.expect(200, "GET", `/containers/${id}/json`)).json();
  const inside = (path: string) => `/proc/${State.Pid}/root${path}`;
  const exec = async (...Cmd: string[]) => {
    const made = await api.expect(201, "POST", `/containers/${id}/exec`, { Cmd });
    await api.expect(200, "POST", `/exec/${made.json().Id}/start`, { Detach: true });
  };
  await until("what the image has", () => existsSync(inside("/ready")), 60_000);
  await exec("runt", "update", "-r", "/wait", "x");
  // its mode, as it is already: as long as a shim executes the file, writing is refused for that alone
  const find =
    "for p in /proc/[0-9]*; do case $(readlink $p/exe) in /bin/*|'') ;; *) echo found; chmod 755 $p/exe && echo changed;; esac; done";
  await exec("sh", "-c", `until ${find} 2>&1 | grep -A1 found > /seen; do sleep 0.1; done; echo > /done`);
  await until("the attack's end", () => existsSync(inside("/done")), 60_000);
  assert.match(readFileSync(inside("/seen"), "utf8"), /^found\n.*Read-only file system\n$/);
  await api.remove(id);
  await daemon.clean();
});
