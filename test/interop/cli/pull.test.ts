// Pulling, against a server of our own making: progress, credentials, errors on the way, ctrl-c, the pull that run makes.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { until } from "../../support/until.ts";
import { execute, type RunOptions, Scratch, wharfProgram } from "./program.ts";

const scratch = new Scratch();
let wharf = "";
let count = 0;

before(async () => {
  wharf = await wharfProgram(scratch);
});
after(() => scratch[Symbol.dispose]());

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function withServer<T>(handler: Handler, use: (host: string) => Promise<T>): Promise<T> {
  const server = createServer(handler);
  const path = scratch.path(`p${count++}.sock`);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    return await use(`unix://${path}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const against = (handler: Handler, args: readonly string[], options: RunOptions = {}) =>
  withServer(handler, (host) => execute([wharf, "-H", host, ...args], options));

const line = (message: object) => `${JSON.stringify(message)}\r\n`;

const MESSAGES = [
  { status: "Pulling from library/x", id: "latest" },
  { status: "Pulling fs layer", progressDetail: {}, id: "aaaaaaaaaaaa" },
  { status: "Downloading", progressDetail: { current: 5, total: 10 }, id: "aaaaaaaaaaaa" },
  { status: "Pull complete", progressDetail: {}, id: "aaaaaaaaaaaa" },
  { status: "Status: Downloaded newer image for x:latest" },
];

test("pull: what is asked, what is said", async () => {
  const asked: string[] = [];
  const handler: Handler = (request, response) => {
    asked.push(request.url!);
    for (const message of MESSAGES) response.write(line(message));
    response.end();
  };
  const loud = await against(handler, ["pull", "x"]);
  assert.equal(
    loud.stdout,
    "Using default tag: latest\nlatest: Pulling from library/x\naaaaaaaaaaaa: Pulling fs layer\naaaaaaaaaaaa: Pull complete\n" +
      "Status: Downloaded newer image for x:latest\ndocker.io/library/x:latest\n",
  );
  assert.equal((await against(handler, ["pull", "-q", "x:1"])).stdout, "docker.io/library/x:1\n");
  await against(handler, ["pull", "-q", "--platform", "linux/arm64", "localhost:5000/a/b"]);
  await against(handler, ["pull", "-q", "-a", "a/b"]);
  assert.deepEqual(asked.slice(1), [
    "/v1.51/images/create?fromImage=docker.io%2Flibrary%2Fx&tag=1",
    "/v1.51/images/create?fromImage=localhost%3A5000%2Fa%2Fb&tag=latest&platform=linux%2Farm64",
    "/v1.51/images/create?fromImage=docker.io%2Fa%2Fb",
  ]);
  const several = await against(handler, ["pull", "x", "y:2"]);
  assert.equal(several.stdout, "docker.io/library/x:latest\ndocker.io/library/y:2\n");
});

test("pull: an error on the way, a stream cut short, a name that is none", async () => {
  const failing = await against(
    (_request, response) => {
      response.write(line(MESSAGES[0]!));
      response.end(
        line({ errorDetail: { message: "no space left on device", hint: "remove images" }, error: "no space left" }),
      );
    },
    ["pull", "-q", "x"],
  );
  assert.deepEqual(
    [failing.stdout, failing.stderr, failing.code],
    ["", "wharf: no space left on device\nhint: remove images\n", 1],
  );
  const cut = await against(
    (request, response) => {
      response.write(line(MESSAGES[0]!));
      setTimeout(() => request.socket.destroy(), 20);
    },
    ["pull", "-q", "x"],
  );
  assert.match(cut.stderr, /the connection to the daemon was lost/);
  assert.equal(cut.code, 1);
  const bad = await against(() => assert.fail("nothing is asked"), ["pull", "Upper/Case"]);
  assert.match(bad.stderr, /must be lower case\nhint: did you mean upper\/case\?/);
});

test("pull on a terminal: ctrl-c leaves a clean line, and the daemon learns of it", async () => {
  let gone = false;
  await withServer(
    (request, response) => {
      for (const message of MESSAGES.slice(0, 3)) response.write(line(message));
      request.socket.on("close", () => {
        gone = true;
      });
    },
    async (host) => {
      const script = JSON.stringify([
        ["until", "5B/10B"],
        ["type", "\x03"],
      ]);
      const helper = join(ROOT, "test/interop/cli/terminal.py");
      const { stdout } = await execute(["python3", helper, "24", "80", script, wharf, "-H", host, "pull", "x"]);
      const { output, code, restored } = JSON.parse(stdout);
      assert.deepEqual([code, restored], [130, true]);
      assert.match(output, /aaaaaaaaaaaa: Downloading +.*━+.*─+.* 5B\/10B\r\n[^\n]*layers[^\n]*\n[^\n]*\r\n$/);
      await until("the daemon to learn of it", () => gone);
    },
  );
});

test("pull: credentials from docker's configuration and its helpers", async () => {
  const seen: (object | undefined)[] = [];
  const handler: Handler = (request, response) => {
    const header = request.headers["x-registry-auth"];
    seen.push(header === undefined ? undefined : JSON.parse(Buffer.from(String(header), "base64url").toString("utf8")));
    response.end();
  };
  const config = scratch.path("config");
  const bin = scratch.path("bin");
  mkdirSync(config);
  mkdirSync(bin);
  const auth = Buffer.from("user:pass:word").toString("base64");
  const write = (value: object) => writeFileSync(join(config, "config.json"), JSON.stringify(value));
  const pull = (name: string) =>
    against(handler, ["pull", "-q", name], { env: { DOCKER_CONFIG: config, PATH: `${bin}:${process.env.PATH}` } });
  write({
    auths: { "https://index.docker.io/v1/": { auth }, "reg:5000": { identitytoken: "tok" } },
    credHelpers: { "r.io": "t" },
  });
  await pull("x");
  await pull("reg:5000/x");
  await pull("other:5000/x");
  const helper = join(bin, "docker-credential-t");
  writeFileSync(
    helper,
    '#!/bin/sh\nread server\necho "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"u-$server\\",\\"Secret\\":\\"s\\"}"\n',
  );
  chmodSync(helper, 0o755);
  await pull("r.io/x");
  assert.deepEqual(seen, [
    { username: "user", password: "pass:word", serveraddress: "https://index.docker.io/v1/" },
    { identitytoken: "tok", serveraddress: "reg:5000" },
    undefined,
    { username: "u-r.io", password: "s", serveraddress: "r.io" },
  ]);
  writeFileSync(helper, "#!/bin/sh\necho credentials not found in native keychain\nexit 1\n");
  await pull("r.io/x");
  assert.equal(seen[4], undefined);
  writeFileSync(helper, "#!/bin/sh\necho locked\nexit 1\n");
  const locked = await pull("r.io/x");
  assert.match(locked.stderr, /warning: going on without credentials: docker-credential-t failed: locked/);
  assert.deepEqual([locked.code, seen[5]], [0, undefined]);
  write({ credsStore: "gone" });
  assert.match((await pull("x")).stderr, /docker-credential-gone is not installed/);
  writeFileSync(join(config, "config.json"), "{ nonsense");
  assert.match((await pull("x")).stderr, /cannot read ".*config.json"/);
});

test("run pulls an image that is missing, and creates again", async () => {
  const asked: string[] = [];
  let there = false;
  const { stdout, stderr, code } = await against(
    (request, response) => {
      const url = request.url!.replace("/v1.51", "").replace(/\?.*/, "");
      asked.push(`${request.method} ${url}`);
      if (url === "/images/create") {
        there = true;
        return response.end(line(MESSAGES[3]!));
      }
      response.statusCode = there ? 201 : 404;
      if (url === "/containers/create")
        return response.end(there ? '{"Id":"abc"}' : '{"message":"No such image: x:latest"}');
      response.statusCode = 204;
      return response.end();
    },
    ["run", "-d", "x"],
  );
  assert.deepEqual([stdout, code], ["abc\n", 0]);
  assert.equal(stderr, "Unable to find image 'x:latest' locally\naaaaaaaaaaaa: Pull complete\n");
  const steps = [
    "POST /containers/create",
    "POST /images/create",
    "POST /containers/create",
    "POST /containers/abc/start",
  ];
  assert.deepEqual(asked, steps);
});

test("run --pull never does not, --pull always does so first", async () => {
  const asked: string[] = [];
  const handler: Handler = (request, response) => {
    asked.push(request.url!.replace("/v1.51", "").replace(/\?.*/, ""));
    response.statusCode = 404;
    response.end('{"message":"No such image: x:latest"}');
  };
  const never = await against(handler, ["run", "--pull", "never", "x"]);
  assert.deepEqual(
    [never.stderr, never.code, asked],
    ["wharf: No such image: x:latest\n", 125, ["/containers/create"]],
  );
  await against(handler, ["run", "--pull=always", "x"]);
  assert.equal(asked[1], "/images/create");
  const network = await against(
    (_request, response) => {
      response.statusCode = 404;
      response.end('{"message":"network mine not found"}');
    },
    ["run", "--network", "mine", "x"],
  );
  assert.deepEqual([network.stderr, network.code], ["wharf: network mine not found\n", 125]);
});
