// The CLI against servers of our own making: old ones, broken ones, none at all. What it says and how it ends.
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createNetServer, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { execute, type RunOptions, Scratch, wharfProgram } from "./program.ts";

const scratch = new Scratch();
let wharf = "";
let count = 0;

before(async () => {
  wharf = await wharfProgram(scratch);
});
after(() => scratch[Symbol.dispose]());

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

function listen(server: Server | ReturnType<typeof createNetServer>): Promise<string> {
  const path = scratch.path(`s${count++}.sock`);
  return new Promise((resolve) => server.listen(path, () => resolve(path)));
}

/** Runs the CLI against a server that answers with `handler`. */
async function against(handler: Handler, args: readonly string[], options: RunOptions = {}) {
  const server = createServer(handler);
  const path = await listen(server);
  try {
    return await execute([wharf, "-H", `unix://${path}`, ...args], options);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** The same with a server that speaks raw bytes. */
async function againstRaw(answer: (socket: Socket, request: string) => void, args: readonly string[]) {
  const sockets = new Set<Socket>();
  const server = createNetServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    let request = "";
    socket.on("data", (data) => {
      request += data.toString("latin1");
      if (request.endsWith("\r\n\r\n")) answer(socket, request);
    });
  });
  const path = await listen(server);
  try {
    return await execute([wharf, "-H", `unix://${path}`, ...args]);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

test("asks an older server again in its own version", async () => {
  const asked: string[] = [];
  const { stdout, code } = await against(
    (request, response) => {
      asked.push(request.url!);
      response.setHeader("Api-Version", "1.40");
      if (request.url!.startsWith("/v1.40/")) return response.end("[]");
      response.statusCode = 400;
      return response.end(
        JSON.stringify({ message: "client version 1.51 is too new. Maximum supported API version is 1.40" }),
      );
    },
    ["ps", "-q"],
  );
  assert.deepEqual([stdout, code], ["", 0]);
  assert.deepEqual(asked, ["/v1.51/containers/json", "/v1.40/containers/json"]);
});

test("DOCKER_API_VERSION pins the version", async () => {
  const asked: string[] = [];
  const handler: Handler = (request, response) => {
    asked.push(request.url!);
    response.end("[]");
  };
  await against(handler, ["images", "-q"], { env: { DOCKER_API_VERSION: "1.43" } });
  assert.deepEqual(asked, ["/v1.43/images/json"]);
});

test("sends a W3C trace context, the caller's where there is one", async () => {
  const seen: string[] = [];
  const handler: Handler = (request, response) => {
    seen.push(String(request.headers.traceparent));
    response.end("[]");
  };
  await against(handler, ["ps"]);
  const outer = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;
  await against(handler, ["ps"], { env: { TRACEPARENT: outer } });
  assert.match(seen[0]!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  assert.match(seen[1]!, new RegExp(`^00-${"ab".repeat(16)}-(?!${"cd".repeat(8)})[0-9a-f]{16}-01$`));
});

test("says the server's reason and its hint, cause first", async () => {
  const { stderr, code } = await against(
    (_request, response) => {
      response.statusCode = 409;
      response.end(JSON.stringify({ message: "container is running", hint: "use --force" }));
    },
    ["rm", "web"],
  );
  assert.deepEqual([stderr, code], ["wharf: container is running\nhint: use --force\n", 1]);
});

test("control characters in an answer do not reach the terminal", async () => {
  const { stderr } = await against(
    (_request, response) => {
      response.statusCode = 500;
      response.end(JSON.stringify({ message: "bad \x1b[31mred\x07" }));
    },
    ["rm", "web"],
  );
  assert.equal(stderr, "wharf: bad \\x1b[31mred\\x07\n");
});

test("several names: side by side, answers in order, every error said", async () => {
  // nobody is answered before all have asked, and the first one last
  const open = new Map<string, ServerResponse>();
  const { stdout, stderr, code } = await against(
    (request, response) => {
      open.set(request.url!.split("/").at(-1)!.split("?")[0]!, response);
      if (open.size < 3) return;
      open
        .get("b")!
        .writeHead(404)
        .end(JSON.stringify({ message: "No such container: b" }));
      open.get("c")!.writeHead(204).end();
      setTimeout(() => open.get("a")!.writeHead(204).end(), 150);
    },
    ["rm", "a", "b", "c"],
  );
  assert.deepEqual([stdout, stderr, code], ["a\nc\n", "wharf: No such container: b\n", 1]);
});

test("a server that is none, that breaks off, that closes at once: an error, no hang", async () => {
  const cases: [string, (socket: Socket) => void, RegExp][] = [
    ["another protocol", (s) => s.end("SSH-2.0-OpenSSH\r\n\r\n"), /the server's answer is no HTTP: "SSH-2.0-OpenSSH"/],
    ["closed", (s) => s.end(), /closed the connection/],
    ["half a head", (s) => s.end("HTTP/1.1 200 OK\r\nContent-"), /was lost in the middle of an answer/],
    [
      "half a body",
      (s) => s.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"),
      /lost: 98 bytes of its answer are missing/,
    ],
    [
      "half a chunk",
      (s) => s.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[{"),
      /the end of its answer is missing/,
    ],
    ["no JSON", (s) => s.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[{"), /is no JSON/],
    ["endless head", (s) => s.write(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}`), /has no end of headers/],
  ];
  for (const [name, answer, expected] of cases) {
    const { stdout, stderr, code } = await againstRaw(answer, ["ps"]);
    assert.match(stderr, expected, name);
    assert.match(stderr, /^wharf: [^\n]*\n(hint: [^\n]*\n)?$/, name);
    assert.deepEqual([stdout, code], ["", 1], name);
  }
});

test("answers in single bytes are understood", async () => {
  const json = JSON.stringify([
    {
      Id: "0123456789abcdef0123",
      Names: [],
      Image: "",
      ImageID: "",
      Command: "x",
      Created: 0,
      State: "x",
      Status: "é",
    },
  ]);
  const pieces = json.match(/.{1,7}/gs)!.map((piece) => `${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`);
  const answer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${pieces.join("")}0\r\n\r\n`;
  const { stdout, stderr, code } = await againstRaw(
    (socket) => {
      for (const byte of Buffer.from(answer)) socket.write(Buffer.from([byte]));
    },
    ["ps", "--format", "{{.ID}} {{.Status}}"],
  );
  assert.deepEqual([stdout, stderr, code], ["0123456789ab é\n", "", 0]);
});

test("a kept connection that the server has closed is opened anew", async () => {
  const { stdout, code } = await against(
    (request, response) => {
      // The answer promises a kept connection, which is closed all the same.
      if (request.url!.includes("/containers/x/")) {
        response.statusCode = 404;
        response.end(JSON.stringify({ message: "no" }), () => setTimeout(() => request.socket.destroy(), 0));
      } else setTimeout(() => response.end('{"Id":"i"}'), 20);
    },
    ["inspect", "-f", "{{.Id}}", "x"],
  );
  assert.deepEqual([stdout, code], ["i\n", 0]);
});

test("nobody there: says where, and what to do", async () => {
  const missing = scratch.path("nobody.sock");
  const { stderr, code } = await execute([wharf, "-H", `unix://${missing}`, "ps"]);
  assert.match(stderr, new RegExp(`^wharf: no daemon answers at unix://${missing} .*ENOENT.*\nhint: `));
  assert.equal(code, 1);
  assert.equal((await execute([wharf, "-H", `unix://${missing}`, "run", "x"])).code, 125);
});

test("--host is checked", async () => {
  for (const [host, why] of [
    ["ftp://x", /unknown scheme "ftp"/],
    ["unix://rel", /must be absolute/],
    ["tcp://:1", /is not tcp:\/\/host:port/],
    ["tcp://h:99999", /99999 is no port/],
    ["ssh://", /it is not ssh:\/\/user@host:port/],
    ["ssh://-oProxyCommand=x", /it is not ssh:\/\/user@host:port/],
    ["h:1", /scheme/],
    ["tcp://no-such-host.invalid", /cannot resolve "no-such-host.invalid"/],
    ["tcp://127.0.0.1:1", /no daemon answers at tcp:\/\/127.0.0.1:1/],
  ] as const) {
    const { stderr, code } = await execute([wharf, "-H", host, "ps"]);
    assert.match(stderr, why, host);
    assert.equal(code, 1, host);
  }
});

test("tcp works, IPv4 and IPv6", async () => {
  const server = createServer((_request, response) => response.end("[]"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    const { code, stderr } = await execute([wharf, "images"], { env: { DOCKER_HOST: `tcp://127.0.0.1:${port}` } });
    assert.deepEqual([stderr, code], ["", 0]);
    assert.equal((await execute([wharf, "-H", `tcp://localhost:${port}`, "images"])).code, 0);
  } finally {
    server.close();
  }
});

test("flags that cannot be read end with 125, a wrong number of arguments with 1, as with docker", async () => {
  for (const [args, why, status] of [
    [["run", "--memor", "1", "x"], /^wharf: unknown flag --memor\nhint: did you mean --memory\?\n/, 125],
    [["ps", "--last", "x"], /^wharf: invalid value "x" for -n, --last: /, 125],
    [["run"], /wharf run needs at least 1 argument\nusage: wharf run IMAGE/, 1],
    [["ps", "x"], /wharf ps takes no arguments, got "x"/, 1],
    [["login", "-u", "x", "-p", "y", "--password-stdin"], /mutually exclusive/, 1],
    [["run", "-d", "-a", "stdout", "x"], /--attach does not go with --detach/, 1],
    [["create", "--rm", "--restart", "always", "x"], /--rm does not go with --restart/, 125],
    [["run", "--rm", "--restart", "always", "x"], /--rm does not go with --restart/, 125],
  ] as const) {
    const { stderr, code } = await execute([wharf, ...args]);
    assert.match(stderr, why);
    assert.equal(code, status, args.join(" "));
  }
  for (const args of [[], ["container"]]) assert.equal((await execute([wharf, ...args])).code, 0, "help is no failure");
  const unknown = await execute([wharf, "rnu"]);
  assert.match(unknown.stderr, /^wharf: unknown command 'wharf rnu'\nhint: did you mean 'wharf run'\?\n$/);
  assert.equal(unknown.code, 1);
});

test("--version says who we are, without a daemon", async () => {
  for (const flag of ["--version", "-v"]) {
    const { stdout, code } = await execute([wharf, "-H", "unix:///nonexistent.sock", flag]);
    assert.match(stdout, /^Wharf version \d/);
    assert.equal(code, 0);
  }
});

test("--debug shows requests and the whole chain of an error", async () => {
  const handler: Handler = (_request, response) => {
    response.statusCode = 404;
    response.end('{"message":"No such container: x"}');
  };
  for (const flags of [["--debug"], ["-D"], ["--log-level", "debug"]]) {
    const { stderr } = await against(handler, [...flags, "rm", "x"]);
    assert.match(stderr, /debug: DELETE \/v1.51\/containers\/x\n.*404/s, flags.join(" "));
  }
  assert.doesNotMatch((await against(handler, ["--log-level", "error", "rm", "x"])).stderr, /debug/);
});

test("words of docker's that are no commands here say why", async () => {
  const { stderr, code } = await execute([wharf, "swarm", "init"]);
  assert.deepEqual([stderr, code], ["wharf: 'wharf swarm' is not here: swarm is not part of Wharf\n", 1]);
  const flag = await execute([wharf, "create", "--cpu-count", "1", "x"]);
  assert.match(flag.stderr, /--cpu-count: only a daemon on Windows knows it\nhint: leave the flag away/);
  assert.equal(flag.code, 125);
});

test("help goes to stdout, for every command", async () => {
  const root = await execute([wharf, "--help"]);
  const names = [...root.stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((match) => match[1]!);
  assert.ok(names.length > 20, root.stdout);
  for (const name of names) {
    const { stdout, stderr, code } = await execute([wharf, name, "--help"]);
    assert.match(stdout, new RegExp(`^Usage: {2}wharf ${name}`), name);
    assert.deepEqual([stderr, code], ["", 0], name);
  }
});

function fakeDaemon(text: string): string {
  const path = scratch.path(`wharfd${count++}`);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

test("daemon start: one that ends at once, one that never answers, one that is not there", async () => {
  const state = scratch.path("state1");
  const places = { WHARF_STATE: state, WHARF_ROOT: scratch.path("root1") };
  const dies = fakeDaemon("#!/bin/sh\necho first line\necho 'no space left' >&2\nexit 3\n");
  const ended = await execute([wharf, "ps"], { env: { ...places, WHARFD: dies } });
  assert.match(ended.stderr, /the daemon ended before it answered:\nfirst line\nno space left\nhint: its log is /);
  assert.equal(ended.code, 1);
  const sleeps = fakeDaemon(`#!/bin/sh\necho $$ > ${scratch.path("pid")}\necho waiting\nexec sleep 1000\n`);
  const silent = await execute([wharf, "daemon", "start", "--state", state], {
    env: { ...places, WHARFD: sleeps, WHARF_START_TIMEOUT: "3" },
  });
  assert.match(silent.stderr, /did not answer within 3 s:\nwaiting\nhint: it may still be starting/);
  process.kill(Number(readFileSync(scratch.path("pid"), "utf8")), "SIGKILL");
  const none = await execute([wharf, "ps"], { env: { ...places, WHARFD: "/nonexistent/wharfd" } });
  assert.match(none.stderr, /the daemon's program "\/nonexistent\/wharfd" is not there\nhint: WHARFD names it/);
  const off = await execute([wharf, "ps"], { env: { ...places, WHARFD: dies, WHARF_AUTOSTART: "0" } });
  assert.match(off.stderr, /no daemon answers at unix:/);
  const status = await execute([wharf, "daemon", "status"], { env: places });
  assert.deepEqual([status.stdout, status.code], [`not running (no answer at ${state}/docker.sock)\n`, 3]);
  const logs = await execute([wharf, "daemon", "logs", "-n", "1"], { env: places });
  assert.equal(logs.stdout, "waiting\n");
});

test("a command starts the daemon, hands it its places, and goes on", async () => {
  const state = scratch.path("state2");
  const script = scratch.path("daemon.mjs");
  writeFileSync(
    script,
    `import http from "node:http"; import fs from "node:fs";
     const args = process.argv.slice(2); const state = args[args.indexOf("--state") + 1];
     fs.appendFileSync(state + "/starts", "x"); fs.writeFileSync(state + "/args", JSON.stringify({ args, cwd: process.cwd(), trace: process.env.TRACEPARENT ?? null, config: process.env.WHARF_CONFIG }));
     fs.writeFileSync(state + "/wharfd.pid", String(process.pid));
     http.createServer((q, r) => r.end(q.url === "/_ping" ? "OK" : q.url.endsWith("/version") ? '{"Version":"9.9"}' : "[]")).listen(state + "/docker.sock");
     process.on("SIGTERM", () => { fs.unlinkSync(state + "/docker.sock"); process.exit(0); });`,
  );
  const WHARFD = fakeDaemon(`#!/bin/sh\nexec ${process.execPath} ${script} "$@"\n`);
  const env = { WHARF_STATE: state, WHARF_ROOT: "/r", WHARF_CONFIG: "/c.toml", WHARFD };
  const results = await Promise.all([1, 2, 3, 4].map(() => execute([wharf, "images", "-q"], { env })));
  for (const { stdout, code } of results) assert.deepEqual([stdout, code], ["", 0]);
  const given = JSON.parse(readFileSync(`${state}/args`, "utf8"));
  const args = ["--root", "/r", "--state", state];
  assert.deepEqual(given, { args, cwd: "/", trace: null, config: "/c.toml" });
  assert.equal(readFileSync(`${state}/starts`, "utf8"), "x", "four callers at once start one daemon");
  const status = await execute([wharf, "daemon", "status"], { env });
  assert.match(status.stdout, /^running: pid \d+, version 9.9, up /);
  assert.match((await execute([wharf, "daemon", "start"], { env })).stderr, /runs already/);
  const stop = await execute([wharf, "daemon", "stop"], { env });
  assert.deepEqual([stop.stderr, stop.code], ["the daemon has stopped; containers go on\n", 0]);
  assert.equal(existsSync(`${state}/docker.sock`), false);
  assert.equal((await execute([wharf, "daemon", "stop"], { env })).stderr, "the daemon does not run\n");
});
