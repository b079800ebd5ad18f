// Who may use the socket: its mode and group, who is written down, and TLS on both sides over tcp.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { BIN, build, Daemon, until } from "../e2e/daemon.ts";
import { Api } from "./client.ts";

const TLS = join(ROOT, "test/interop/cli/data/tls");
const pem = (name: string) => join(TLS, `${name}.pem`);
const SECURE = ["--tlsverify", "--tlscacert", pem("ca"), "--tlscert", pem("server"), "--tlskey", pem("server-key")];
const GROUP = "12345";

let daemon: Daemon;
const api = new Api(() => daemon.socket);
before(async () => {
  build();
  daemon = await Daemon.start({ args: ["--group", GROUP, "-H", "tcp://127.0.0.1:0", ...SECURE] });
  await daemon.busybox();
});
after(() => daemon[Symbol.asyncDispose]());

function refusedStart(args: string[], message: RegExp): void {
  const dir = join(daemon.dir, "refused");
  const all = ["--root", join(dir, "r"), "--state", join(dir, "s"), ...args];
  const { status, stderr } = spawnSync(join(BIN, "wharfd"), all, { encoding: "utf8", timeout: 60_000 });
  rmSync(dir, { recursive: true, force: true });
  assert.notEqual(status, 0);
  assert.match(stderr, message);
}

test("the socket is root's and the group's, and nobody else's", async () => {
  const { mode, uid, gid } = statSync(daemon.socket);
  assert.deepEqual([mode & 0o777, uid, gid], [0o660, 0, Number(GROUP)]);
  chmodSync(daemon.dir, 0o755);
  chmodSync(daemon.state, 0o755);
  const as = (gid: string) => {
    const who = ["--reuid", "54321", "--regid", gid, "--clear-groups"];
    const curl = ["curl", "-sS", "--unix-socket", daemon.socket, "http://x/_ping"];
    return spawnSync("setpriv", [...who, ...curl], { encoding: "utf8" });
  };
  assert.match(as("54321").stderr, /Permission denied|Couldn't connect|Could not connect|Failed to connect/i);
  assert.equal(as(GROUP).stdout, "OK");
  await until("the line", () => /info {2}connection socket=\S+ pid=\d+ uid=54321 gid=12345/.test(daemon.log));
  refusedStart(["--group", "no-such-group"], /there is no group "no-such-group"/);
});

test("who is not root starts no daemon, and is told what to do", () => {
  // The program may lie where this user cannot go: it is given open.
  const program = openSync(join(BIN, "wharf"), "r");
  try {
    const wharf = (...args: string[]) =>
      spawnSync(
        "setpriv",
        [
          "--reuid",
          "54321",
          "--regid",
          "54321",
          "--clear-groups",
          "bash",
          "-c",
          'exec -a wharf /proc/self/fd/3 "$@"',
          ...args,
        ],
        { encoding: "utf8", stdio: ["ignore", "pipe", "pipe", program], env: { WHARF_STATE: "/nowhere/at/all" } },
      ).stderr;
    const hint = "hint: run 'sudo wharf daemon start'\n";
    const socket = "/nowhere/at/all/docker.sock";
    assert.equal(wharf("bash", "daemon", "start"), `wharf: only root can start the daemon\n${hint}`);
    assert.equal(wharf("bash", "ps"), `wharf: no daemon runs at ${socket}, and only root can start it\n${hint}`);
  } finally {
    closeSync(program);
  }
});

test("tcp is refused without TLS on both sides", () => {
  refusedStart(["-H", "tcp://127.0.0.1:0"], /whoever reaches this port is root here.*\n.*--tlsverify/);
  refusedStart(
    ["-H", "tcp://127.0.0.1:0", "--tlscert", pem("server"), "--tlskey", pem("server-key")],
    /belong together/,
  );
  refusedStart(
    ["-H", "tcp://127.0.0.1:0", ...SECURE.slice(0, -1), "/no/such/key"],
    /cannot read the TLS file "\/no\/such\/key"/,
  );
});

test("tcp: a client with a certificate of the authority is served, streams too; others get no answer", async () => {
  const port = Number(/listening socket=tcp:\/\/127\.0\.0\.1:(\d+)/.exec(daemon.log)![1]);
  const ping = (options: object) =>
    new Promise<string>((resolve) => {
      const sent = request({ host: "127.0.0.1", port, path: "/_ping", ...options }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve(text));
      });
      sent.on("error", (error: NodeJS.ErrnoException) => resolve(`${error.code}`));
      sent.end();
    });
  const file = (name: string) => readFileSync(pem(name));
  const known = { ca: file("ca"), cert: file("client"), key: file("client-key") };
  assert.equal(await ping(known), "OK");
  for (const bad of [{ ca: file("ca") }, { rejectUnauthorized: false }])
    assert.match(await ping(bad), /^(ECONNRESET|EPIPE|ERR_SSL)/);
  const plain = connect(port, "127.0.0.1");
  plain.on("error", () => {});
  plain.write("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
  let got = "";
  for await (const chunk of plain) got += chunk;
  assert.doesNotMatch(got, /OK/);
  await until("the name", () => daemon.log.includes(`connection socket=tcp://127.0.0.1:${port} from=127.0.0.1 name=`));
  assert.match(daemon.log, /a TLS connection was refused/);
  const client = ["--tlsverify", "--tlscacert", pem("ca"), "--tlscert", pem("client"), "--tlskey", pem("client-key")];
  const run = ["run", "-i", "--rm", "--network", "none", "busybox", "cat"];
  const flags = ["-H", `tcp://127.0.0.1:${port}`, ...client];
  const { stdout, stderr } = await daemon.wharf([...flags, ...run], { input: "through a hijacked TLS connection\n" });
  assert.equal(stdout, "through a hijacked TLS connection\n", stderr);
});

test("a client that goes while it is joined to a container, or never reads, costs the container and others nothing", async () => {
  const id = await api.create({ Cmd: ["sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); echo line $i; done"] });
  const silent = api.stream(`/containers/${id}/attach?stream=1&stdout=1`);
  const gone = api.stream(`/containers/${id}/attach?stream=1&stdout=1&stdin=1`);
  await Promise.all([silent.ready(), gone.ready()]);
  silent.socket.pause();
  gone.socket.destroy();
  await api.start(id);
  assert.equal((await api.call("GET", "/_ping")).body.toString(), "OK");
  silent.socket.resume();
  await silent.ended;
  assert.deepEqual((await api.expect(200, "POST", `/containers/${id}/wait`)).json(), { StatusCode: 0 });
  await api.remove(id);
  await daemon.clean();
});
