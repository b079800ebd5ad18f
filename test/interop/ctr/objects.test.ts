// Single objects of a registry (fetch-object, fetch-blob, push-object): by TLS with a password, by tokens, and beside the original.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { buildImage, type RegistryProcess, skopeoPush, startRegistry } from "../registry/support.ts";
import { startTokenServer, type TokenServer } from "../registry/tokens.ts";
import { Ctr } from "./ctr.ts";

const TLS = join(ROOT, "test/interop/cli/data/tls");
let daemon: Daemon;
let open: RegistryProcess;
let secured: RegistryProcess;
let tokens: TokenServer;
let bearer: RegistryProcess;
let own: Ctr;
let theirs: Ctr;
let image: Awaited<ReturnType<typeof buildImage>>;

before(async () => {
  build();
  daemon = await Daemon.start();
  const certificate = { certificate: join(TLS, "server.pem"), key: join(TLS, "server-key.pem") };
  mkdirSync(join(daemon.dir, "tokens"));
  tokens = await startTokenServer(join(daemon.dir, "tokens"));
  [open, secured, bearer] = await Promise.all([
    startRegistry(),
    startRegistry({ basic: true, tls: certificate }),
    startRegistry({ token: tokens }),
  ]);
  image = await buildImage(join(daemon.dir, "image"), [{ files: { hello: "x" } }]);
  await skopeoPush(image, `127.0.0.1:${open.port}/lab/box:1`);
  own = new Ctr(daemon, { own: true });
  theirs = new Ctr(daemon);
});
after(async () => {
  for (const one of [open, secured, bearer, tokens]) await one?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
});

const put = async (content: string) => {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  // nothing refers to it before the label does: a collection may be faster
  await until("the content", async () => {
    const { code, stderr } = await own.run(["content", "ingest", `made-${content}`, "-"], { input: content });
    assert.equal(code, 0, stderr);
    return (await own.run(["content", "label", digest, "containerd.io/gc.root=now"])).code === 0;
  });
  return digest;
};
const JSON_TYPE = "application/json";

test("a name's document and blobs are what the original gets", async () => {
  const name = `127.0.0.1:${open.port}/lab/box:1`;
  const object = ["content", "fetch-object", "--plain-http", name];
  assert.equal(await own.ok(...object), image.manifestBytes.toString());
  assert.equal(await theirs.ok(...object), image.manifestBytes.toString());
  const { config } = image.manifest;
  const blob = ["content", "fetch-blob", "--plain-http", name, config.digest];
  const text = JSON.stringify(image.config);
  assert.equal(await own.ok(...blob), text);
  assert.equal(await theirs.ok(...blob), text);
  assert.equal(await own.ok(...blob, config.digest), text + text, "one behind the other");
  const typed = ["--media-type", image.manifestDescriptor.mediaType, name, image.manifestDescriptor.digest];
  const manifest = ["content", "fetch-blob", "--plain-http", ...typed];
  assert.equal(await own.ok(...manifest), image.manifestBytes.toString());
});

test("what is not there, and what is no digest, is told", async () => {
  const name = `127.0.0.1:${open.port}/lab/box:1`;
  const fetch = ["content", "fetch-blob", "--plain-http", name];
  assert.match(await own.fails(...fetch, `sha256:${"0".repeat(64)}`), /status 404.*: not found/s);
  assert.match(await own.fails(...fetch, "sha256:12"), /no digest/);
  assert.match(await own.fails(...fetch), /a digest must be given/);
  const object = ["content", "fetch-object", "--plain-http"];
  assert.match(await own.fails(...object, `127.0.0.1:${open.port}/lab/box`), /neither a tag nor a digest/);
  assert.match(await own.fails(...object, "--hosts-dir", "/x", name), /--hosts-dir is for/);
  assert.match(await own.fails("content", "fetch-object", "--plain-http", "127.0.0.1:1/x:1"), /127\.0\.0\.1:1/);
});

test("a blob and a manifest are pushed, by TLS and a password, and come back", async () => {
  const repository = `127.0.0.1:${secured.port}/secret/box`;
  const ca = ["--tlscacert", join(TLS, "ca.pem")];
  const user = ["--user", "user:secret"];
  const config = await put('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
  const push = ["content", "push-object"];
  assert.match(await own.fails(...push, repository, config, JSON_TYPE), /certificate/);
  assert.match(await own.fails(...push, ...ca, repository, config, JSON_TYPE), /status 401/);
  assert.match(await own.fails(...push, ...ca, "--user", "user:wrong", repository, config, JSON_TYPE), /status 401/);
  assert.equal(await own.ok(...push, ...ca, ...user, repository, config, JSON_TYPE), `Pushed ${config} ${JSON_TYPE}\n`);
  assert.equal(await own.ok(...push, "-k", ...user, repository, config, JSON_TYPE), `Pushed ${config} ${JSON_TYPE}\n`);
  const type = "application/vnd.oci.image.manifest.v1+json";
  const size = (await own.ok("content", "get", config)).length;
  const manifest = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: type, layers: [] },
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size },
  });
  const digest = await put(manifest);
  await own.ok(...push, ...ca, ...user, `${repository}:1`, digest, type);
  assert.equal(await own.ok("content", "fetch-object", ...ca, ...user, `${repository}:1`), manifest);
  assert.equal(await theirs.ok("content", "fetch-object", "-k", ...user, `${repository}:1`), manifest);
});

test("tokens are got for nobody, by a password and by a refresh token", async () => {
  const host = `127.0.0.1:${bearer.port}`;
  await skopeoPush(image, `${host}/private/box:1`, ["--dest-creds", "user:secret"]);
  await skopeoPush(image, `${host}/public/box:1`, ["--dest-creds", "user:secret"]);
  const object = ["content", "fetch-object", "--plain-http"];
  const text = image.manifestBytes.toString();
  assert.equal(await own.ok(...object, `${host}/public/box:1`), text);
  assert.match(await own.fails(...object, `${host}/private/box:1`), /status 401|token server/);
  assert.equal(await own.ok(...object, "--user", "user:secret", `${host}/private/box:1`), text);
  tokens.seen.length = 0;
  assert.equal(await own.ok(...object, "--refresh", "refresh-me", `${host}/private/box:1`), text);
  assert.match(tokens.seen[0]!.request, /^POST refresh_token /);
});
