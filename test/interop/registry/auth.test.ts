// Logging in: basic, bearer tokens, credential helpers, against the real registry.
import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { isCode } from "../../../src/common/errors.ts";
import { parseReference } from "../../../src/common/reference.ts";
import { Registry } from "../../../src/daemon/registry/client.ts";
import { type Credentials, decodeRegistryAuth, dockerConfigSource } from "../../../src/daemon/registry/credentials.ts";
import {
  type BuiltImage,
  buildImage,
  type Directory,
  memorySink,
  type RegistryProcess,
  scratch,
  skopeoPush,
  startRegistry,
} from "./support.ts";
import { startTokenServer, type TokenServer } from "./tokens.ts";

const USER: Credentials = { username: "user", password: "secret" };
const CREDENTIALS = ["--dest-creds=user:secret"];

let directory: Directory;
let basic: RegistryProcess;
let bearer: RegistryProcess;
let tokens: TokenServer;
let image: BuiltImage;
let registry: Registry;

before(async () => {
  directory = await scratch();
  tokens = await startTokenServer(directory.path);
  [basic, bearer] = await Promise.all([startRegistry({ basic: true }), startRegistry({ token: tokens })]);
  image = await buildImage(directory.path, [{ files: { a: "a" } }]);
  await skopeoPush(image, `${basic.host}/app:v1`, CREDENTIALS);
  await skopeoPush(image, `${bearer.host}/private/app:v1`, CREDENTIALS);
  await skopeoPush(image, `${bearer.host}/public/app:v1`, CREDENTIALS);
  tokens.seen.length = 0;
});

afterEach(() => {
  registry[Symbol.dispose]();
  tokens.seen.length = 0;
  tokens.lifetime = 300;
});

after(async () => {
  await Promise.all([basic, bearer, tokens].map((one) => one[Symbol.asyncDispose]()));
  await directory[Symbol.asyncDispose]();
});

const fast = { base: 5 };

test("basic: without, with wrong and with right credentials", async () => {
  registry = new Registry();
  const reference = parseReference(`${basic.host}/app:v1`);
  await assert.rejects(registry.repository(reference).resolve(), {
    code: "Unauthenticated",
    hint: /log in to localhost:\d+/,
  });
  await assert.rejects(registry.repository(reference, { ...USER, password: "no" }).resolve(), {
    code: "Unauthenticated",
  });
  const repository = registry.repository(reference, USER);
  assert.deepEqual(await repository.resolve(), image.manifestDescriptor);
  const sink = memorySink();
  await repository.blob(image.manifest.config, sink);
  assert.deepEqual(sink.bytes(), image.blobs.get(image.manifest.config.digest));
});

test("basic: a push with credentials", async () => {
  registry = new Registry();
  const uploader = await registry.repository(parseReference(`${basic.host}/mine:v1`), USER).uploader();
  const bytes = image.blobs.get(image.manifest.config.digest)!;
  const outcome = await uploader.blob(image.manifest.config, {
    read: async function* () {
      yield bytes;
    },
  });
  assert.equal(outcome, "uploaded");
});

test("credentials come from Docker's config.json, and a change is noticed", async () => {
  const path = join(directory.path, "config.json");
  const auth = Buffer.from("user:secret").toString("base64");
  for (const key of [basic.host, `http://${basic.host}/v1/`]) {
    await writeFile(path, JSON.stringify({ auths: { [key]: { auth } } }));
    registry = new Registry({ credentials: dockerConfigSource(path) });
    assert.deepEqual(
      await registry.repository(parseReference(`${basic.host}/app:v1`)).resolve(),
      image.manifestDescriptor,
    );
    registry[Symbol.dispose]();
  }
  await writeFile(path, "{ broken");
  await assert.rejects(dockerConfigSource(path)("x"), {
    code: "InvalidArgument",
    message: /config.json is not a JSON object/,
  });
  assert.equal(await dockerConfigSource(join(directory.path, "missing.json"))("x"), undefined);
  await writeFile(path, JSON.stringify({ auths: { x: { auth: "bm9jb2xvbg==" } } }));
  await assert.rejects(dockerConfigSource(path)("x"), { message: /"auth" entry of x is not base64 of user:password/ });
});

test("credential helpers: get, identity tokens, not found, broken, missing", async () => {
  const bin = join(directory.path, "bin");
  await mkdir(bin, { recursive: true });
  const helper = async (name: string, script: string): Promise<void> => {
    await writeFile(join(bin, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, `docker-credential-${name}`), 0o755);
  };
  await helper(
    "good",
    `read server; [ "$1" = get ] && echo '{"ServerURL":"'$server'","Username":"user","Secret":"secret"}'`,
  );
  await helper("token", `echo '{"Username":"<token>","Secret":"refresh-me"}'`);
  await helper("none", "echo credentials not found in native keychain; exit 1");
  await helper("bad", "echo '{}'");
  await helper("broken", "echo no dbus >&2; exit 1");
  const path = join(directory.path, "helpers.json");
  const auths = { f: { auth: Buffer.from("a:b").toString("base64") } };
  const credHelpers = {
    a: "good",
    b: "token",
    c: "none",
    d: "bad",
    e: "broken",
    f: "none",
    g: "absent",
    h: "../x",
    "https://index.docker.io/v1/": "good",
  };
  await writeFile(path, JSON.stringify({ credHelpers, credsStore: "none", auths }));
  const old = process.env.PATH;
  process.env.PATH = `${bin}:${old}`;
  try {
    const source = dockerConfigSource(path);
    assert.deepEqual(await source("a"), USER);
    assert.deepEqual(await source("docker.io"), USER);
    assert.deepEqual(await source("b"), { identityToken: "refresh-me" });
    assert.equal(await source("c"), undefined);
    await assert.rejects(source("d"), { message: /docker-credential-bad: its answer cannot be read/ });
    await assert.rejects(source("e"), { message: /docker-credential-broken: no dbus/ });
    assert.deepEqual(await source("f"), { username: "a", password: "b" });
    await assert.rejects(source("g"), {
      message: /docker-credential-absent: it is not installed/,
      hint: /install docker-credential-absent/,
    });
    await assert.rejects(source("h"), { message: /no helper's name/ });
    assert.equal(await source("other"), undefined);
  } finally {
    process.env.PATH = old;
  }
});

test("decodeRegistryAuth() reads X-Registry-Auth", () => {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  assert.deepEqual(decodeRegistryAuth(encode({ username: "user", password: "secret", serveraddress: "x" })), USER);
  assert.deepEqual(decodeRegistryAuth(encode({ identitytoken: "t" })), { identityToken: "t" });
  assert.deepEqual(decodeRegistryAuth(encode({ registrytoken: "t" })), { registryToken: "t" });
  assert.equal(decodeRegistryAuth(encode({})), undefined);
  assert.equal(decodeRegistryAuth(""), undefined);
  assert.throws(() => decodeRegistryAuth("!!!"), { code: "InvalidArgument" });
});

test("bearer: anonymous pulls get a token once for many requests", async () => {
  registry = new Registry();
  const repository = registry.repository(parseReference(`${bearer.host}/public/app:v1`));
  assert.deepEqual(await repository.resolve(), image.manifestDescriptor);
  await Promise.all([image.manifest.config, ...image.manifest.layers].map((one) => repository.blob(one, memorySink())));
  await repository.manifest(image.manifestDescriptor);
  assert.deepEqual(tokens.seen, [{ request: "GET repository:public/app:pull", user: undefined }]);
});

test("bearer: a private repository refuses nobody in particular, and takes the user", async () => {
  registry = new Registry();
  const reference = parseReference(`${bearer.host}/private/app:v1`);
  await assert.rejects(registry.repository(reference).resolve(), (error) => isCode(error, "Unauthenticated"));
  assert.deepEqual(await registry.repository(reference, USER).resolve(), image.manifestDescriptor);
  assert.equal(tokens.seen.at(-1)?.user, "user");
  await assert.rejects(registry.repository(reference, { ...USER, password: "wrong" }).resolve(), {
    code: "Unauthenticated",
    message: /localhost:\d+ refused the credentials/,
  });
});

test("bearer: an identity token is exchanged by POST", async () => {
  registry = new Registry();
  const repository = registry.repository(parseReference(`${bearer.host}/private/app:v1`), {
    identityToken: "refresh-me",
  });
  assert.deepEqual(await repository.resolve(), image.manifestDescriptor);
  assert.equal(tokens.seen.at(-1)?.request, "POST refresh_token repository:private/app:pull");
});

test("bearer: a push asks for pull and push, a mount for the other repository too", async () => {
  registry = new Registry();
  const uploader = await registry.repository(parseReference(`${bearer.host}/private/copy:v1`), USER).uploader();
  const source = {
    read: async function* () {
      yield image.blobs.get(image.manifest.config.digest)!;
    },
  };
  assert.equal(await uploader.blob(image.manifest.config, source, { mountFrom: ["private/app"] }), "mounted");
  assert.deepEqual(
    tokens.seen.map((one) => one.request),
    ["GET repository:private/copy:pull,push", "GET repository:private/app:pull repository:private/copy:pull,push"],
  );
});

test("bearer: an expired token is renewed, a busy token server is asked again", async () => {
  tokens.lifetime = 2;
  registry = new Registry({ retry: fast });
  const repository = registry.repository(parseReference(`${bearer.host}/public/app:v1`));
  tokens.failures.push({ status: 503 }, { status: 429, headers: { "retry-after": "0" } });
  await repository.resolve();
  assert.equal(tokens.seen.length, 3);
  await new Promise((resolve) => setTimeout(resolve, 2100));
  await repository.resolve();
  assert.equal(tokens.seen.length, 4);
});

test("bearer: credentials are not sent without encryption to a token server elsewhere", async () => {
  const { createServer } = await import("node:http");
  const evil = createServer((_, response) => {
    response.writeHead(401, { "www-authenticate": 'Bearer realm="http://198.51.100.1/token",service="x"' }).end();
  });
  await new Promise<void>((resolve) => evil.listen(0, "127.0.0.1", resolve));
  try {
    registry = new Registry();
    const { port } = evil.address() as { port: number };
    await assert.rejects(registry.repository(parseReference(`localhost:${port}/x:y`), USER).resolve(), {
      code: "FailedPrecondition",
      message: /password sent to 198.51.100.1 without encryption/,
    });
  } finally {
    evil.closeAllConnections();
    evil.close();
  }
});
