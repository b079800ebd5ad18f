// Where the CLI finds its daemon: TLS, ssh, docker's contexts.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { peer } from "./dockerd.ts";
import { execute, type RunOptions, Scratch, wharfProgram } from "./program.ts";

const TLS = join(ROOT, "test/interop/cli/data/tls");
const pem = (name: string) => join(TLS, `${name}.pem`);
const scratch = new Scratch();
const home = scratch.path("home");
const socket = scratch.path("plain.sock");
const servers: Server[] = [];
let wharf = "";
let secured = "";

/** Answers every path with itself, so that a caller sees what it has reached. */
const answer: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    response.setHeader("Content-Type", "application/json");
    if (request.url!.includes("/volumes/")) {
      const { length } = Buffer.concat(chunks);
      return response.end(JSON.stringify({ Name: `v${length}`, Path: "x".repeat(300_000) }));
    }
    return response.end(request.url!.endsWith("/volumes") ? '{"Volumes":[]}' : "[]");
  });
};

before(async () => {
  wharf = await wharfProgram(scratch);
  mkdirSync(home);
  const tls = createTlsServer(
    {
      key: readFileSync(pem("server-key")),
      cert: readFileSync(pem("server")),
      ca: readFileSync(pem("ca")),
      requestCert: true,
      rejectUnauthorized: true,
    },
    answer,
  );
  await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
  secured = `tcp://127.0.0.1:${(tls.address() as AddressInfo).port}`;
  const plain = createServer(answer);
  await new Promise<void>((resolve) => plain.listen(socket, resolve));
  servers.push(tls, plain);
});
after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  scratch[Symbol.dispose]();
});

const run = (args: readonly string[], options: RunOptions = {}) =>
  execute([wharf, ...args], { ...options, env: { HOME: home, ...options.env } });
const CLIENT = ["--tlscert", pem("client"), "--tlskey", pem("client-key")];

test("tcp with TLS: both sides' certificates, by flags", async () => {
  const { stderr, code } = await run(["-H", secured, "--tlsverify", "--tlscacert", pem("ca"), ...CLIENT, "ps", "-q"]);
  assert.deepEqual([stderr, code], ["", 0]);
  const large = await run([
    "-H",
    secured,
    "--tlsverify",
    "--tlscacert",
    pem("ca"),
    ...CLIENT,
    "volume",
    "inspect",
    "-f",
    "{{len .Path}}",
    "x",
  ]);
  assert.deepEqual([large.stdout, large.stderr], ["300000\n", ""]);
});

test("tcp with TLS: by DOCKER_TLS_VERIFY and DOCKER_CERT_PATH", async () => {
  const folder = scratch.path("certificates");
  mkdirSync(folder);
  for (const [from, to] of [
    ["ca", "ca"],
    ["client", "cert"],
    ["client-key", "key"],
  ] as const) {
    writeFileSync(join(folder, `${to}.pem`), readFileSync(pem(from)));
  }
  const env = { DOCKER_HOST: secured, DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: folder };
  const { stderr, code } = await run(["ps", "-q"], { env });
  assert.deepEqual([stderr, code], ["", 0]);
});

test("tcp with TLS: a server that nobody vouches for, another name, a missing file, no certificate of ours", async () => {
  const verify = ["--tlsverify", "--tlscacert"];
  const stranger = await run(["-H", secured, ...verify, pem("other-ca"), ...CLIENT, "ps"]);
  assert.match(stranger.stderr, /^wharf: no TLS connection to 127.0.0.1: its certificate: .*\nhint: /);
  assert.equal(stranger.code, 1);
  const name = await run(["-H", secured.replace("127.0.0.1", "localhost"), ...verify, pem("ca"), ...CLIENT, "ps"]);
  assert.match(name.stderr, /its certificate: hostname mismatch/);
  const missing = await run(["-H", secured, ...verify, "/nonexistent/ca.pem", "ps"]);
  assert.match(missing.stderr, /cannot read a file for TLS: .*\/nonexistent\/ca.pem.*ENOENT/);
  const unproven = await run(["-H", secured, ...verify, pem("ca"), "ps"]);
  assert.notEqual(unproven.code, 0);
  // --tls alone looks at nothing.
  assert.equal((await run(["-H", secured, "--tls", ...CLIENT, "ps", "-q"])).code, 0);
});

/** An ssh that writes down its arguments and hands stdin and stdout to the plain server, as docker does at the far end. */
function fakeSsh(): { PATH: string } {
  const dir = scratch.path("ssh");
  mkdirSync(dir, { recursive: true });
  const text = `#!/bin/sh\necho "$@" >>${dir}/args\nexec ${wharf} -H unix://${socket} system dial-stdio\n`;
  writeFileSync(join(dir, "ssh"), text);
  chmodSync(join(dir, "ssh"), 0o755);
  return { PATH: `${dir}:${process.env.PATH}` };
}

test("ssh: the program's arguments, and the API through it", async () => {
  const env = fakeSsh();
  const { stdout, stderr, code } = await run(
    ["-H", "ssh://me@far:2222/run/d.sock", "volume", "inspect", "-f", "{{len .Path}}", "x"],
    { env },
  );
  assert.deepEqual([stdout, stderr, code], ["300000\n", "", 0]);
  const args = readFileSync(scratch.path("ssh/args"), "utf8");
  assert.equal(
    args,
    "-o ConnectTimeout=30 -T -l me -p 2222 -- far docker --host 'unix:///run/d.sock' system dial-stdio\n",
  );
});

test("contexts: create, use, ls, show, inspect, update, export, import, rm", async () => {
  const ok = async (args: readonly string[], expected: string) => {
    const { stdout, stderr, code } = await run(["context", ...args]);
    assert.deepEqual([stdout, code], [expected, 0], stderr);
  };
  const docker = `host=${secured},ca=${pem("ca")},cert=${pem("client")},key=${pem("client-key")}`;
  await ok(["create", "far", "--description", "a machine", "--docker", docker], "far\n");
  assert.equal((await run(["--context", "far", "ps", "-q"])).code, 0);
  await ok(["show"], "default\n");
  await ok(["use", "far"], "far\n");
  await ok(["show"], "far\n");
  await ok(["ls", "-q"], "default\nfar\n");
  await ok(["inspect", "-f", "{{.Endpoints.docker.Host}}"], `${secured}\n`);
  assert.equal((await run(["ps", "-q"])).code, 0, "the current context is talked to");
  await ok(["update", "far", "--description", "another"], "far\n");
  await ok(
    ["ls", "--format", "{{.Name}} {{.Description}} {{.Current}}"],
    "default Current DOCKER_HOST based configuration false\nfar another true\n",
  );
  const file = scratch.path("far.tar");
  await ok(["export", "far", file], "");
  await ok(["import", "twin", file], "twin\n");
  assert.equal((await run(["-c", "twin", "ps", "-q"])).code, 0, "with its certificates");
  const used = await run(["context", "rm", "far"]);
  assert.match(used.stderr, /context "far" is in use\nhint: -f removes it/);
  await ok(["rm", "-f", "far", "twin"], "far\ntwin\n");
  await ok(["show"], "default\n");
  const gone = await run(["--context", "far", "ps"]);
  assert.match(gone.stderr, /^wharf: context "far" does not exist\n/);
  assert.match((await run(["context", "create", "a b"])).stderr, /is invalid/);
  assert.match((await run(["context", "create", "default"])).stderr, /reserved/);
  assert.match((await run(["-c", "x", "-H", "unix:///y", "ps"])).stderr, /--host and --context name two daemons/);
});

test("contexts: a copy of another", async () => {
  const host = async (name: string) =>
    (await run(["context", "inspect", "-f", "{{.Endpoints.docker.Host}}", name])).stdout.trim();
  await run(["context", "create", "first", "--docker", `host=unix://${socket}`]);
  await run(["context", "create", "second", "--from", "first"]);
  assert.equal(await host("second"), `unix://${socket}`);
  await run(["context", "update", "second", "--docker", "host=tcp://1.2.3.4:5"]);
  assert.equal(await host("second"), "tcp://1.2.3.4:5");
  await run(["context", "update", "second", "--docker", "from=first"]);
  assert.equal(await host("second"), `unix://${socket}`);
  const both = await run(["context", "create", "third", "--docker", "from=first,host=unix:///x"]);
  assert.match(both.stderr, /from does not go with the other keys/);
  await run(["context", "rm", "first", "second"]);
});

test("contexts: docker sees ours, and we see docker's", async () => {
  const dir = scratch.path("shared");
  mkdirSync(dir);
  const env = { DOCKER_CONFIG: dir };
  const docker = (args: string) =>
    peer(scratch, ["sh", "-c", `HOME=${dir} DOCKER_CONFIG=${dir} docker context ${args}`]);
  await run(["context", "create", "ours", "--docker", "host=tcp://1.2.3.4:2376,skip-tls-verify=true"], { env });
  assert.equal((await docker("create theirs --description 'd e' --docker host=unix:///x")).code, 0);
  for (const args of ["ls -q", "inspect ours theirs", "ls --format json"]) {
    const theirs = await docker(args);
    const ours = await run(["context", ...args.split(" ")], { env });
    const plain = (text: string) =>
      text
        .split("\n")
        .filter((line) => !line.includes('"default"'))
        .join("\n");
    assert.equal(plain(ours.stdout), plain(theirs.stdout), args);
  }
  await run(["context", "export", "ours", scratch.path("ours.tar")], { env });
  assert.equal((await docker(`import copy ${scratch.path("ours.tar")}`)).stdout, "copy\n");
});

test("--config names another folder of docker's", async () => {
  const dir = scratch.path("elsewhere");
  mkdirSync(dir);
  writeFileSync(join(dir, "config.json"), '{"currentContext":"none-such"}');
  assert.match((await run(["--config", dir, "ps"])).stderr, /context "none-such" does not exist/);
});
