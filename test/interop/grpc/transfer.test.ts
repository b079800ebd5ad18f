// Every field of a transfer's messages (containerd, api/types/transfer), sent over the socket to a daemon with real registries.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ImageStore } from "../../../src/common/gen/containerd/transfer/imagestore.ts";
import { ImageExportStream, ImageImportStream } from "../../../src/common/gen/containerd/transfer/importexport.ts";
import {
  type AuthRequest,
  AuthType,
  HTTPDebug,
  OCIRegistry,
  type RegistryResolver,
} from "../../../src/common/gen/containerd/transfer/registry.ts";
import type { Descriptor } from "../../../src/common/oci/image.ts";
import { DOCKER, OCI } from "../../../src/common/oci/media-types.ts";
import type { Init } from "../../../src/common/protobuf/schema.ts";
import { GrpcConnection } from "../../../src/daemon/grpc/client/connection.ts";
import { RemoteContainerd } from "../../../src/daemon/grpc/client/containerd.ts";
import { build, Daemon, until } from "../e2e/daemon.ts";
import { type FaultyProxy, startFaultyProxy } from "../registry/faulty.ts";
import {
  type BuiltImage,
  buildImage,
  type Directory,
  type RegistryProcess,
  run,
  scratch,
  sha256,
  skopeoPush,
  startRegistry,
} from "../registry/support.ts";
import { startTokenServer, type TokenServer } from "../registry/tokens.ts";
import { TransferClient } from "./transfer-client.ts";

const PLATFORMS = { amd64: { os: "linux", architecture: "amd64" }, arm64: { os: "linux", architecture: "arm64" } };
let directory: Directory;
let registry: RegistryProcess;
let basic: RegistryProcess;
let bearer: RegistryProcess;
let tokens: TokenServer;
let proxy: FaultyProxy;
let daemon: Daemon;
let connection: GrpcConnection;
let images: Record<keyof typeof PLATFORMS, BuiltImage>;
let index: string;
let own: keyof typeof PLATFORMS;
let other: keyof typeof PLATFORMS;
let count = 0;

before(async () => {
  build();
  directory = await scratch();
  tokens = await startTokenServer(directory.path);
  const started = [startRegistry(), startRegistry({ basic: true }), startRegistry({ token: tokens })] as const;
  [registry, basic, bearer] = await Promise.all(started);
  proxy = await startFaultyProxy(registry.port);
  const base = { files: { "bin/sh": await readFile("/bin/busybox") } };
  const image = (name: keyof typeof PLATFORMS) =>
    buildImage(directory.path, [base, { files: { "etc/name": name, noise: randomBytes(300_000) } }], PLATFORMS[name]);
  images = { amd64: await image("amd64"), arm64: await image("arm64") };
  [own, other] = process.arch === "arm64" ? ["arm64", "amd64"] : ["amd64", "arm64"];
  for (const [name, one] of Object.entries(images)) await skopeoPush(one, `${registry.host}/team/app:${name}`);
  await skopeoPush(images[own], `${basic.host}/app:1`, ["--dest-creds=user:secret"]);
  await skopeoPush(images[own], `${bearer.host}/private/app:1`, ["--dest-creds=user:secret"]);
  const manifests = Object.entries(images).map(([name, one]) => ({
    ...one.manifestDescriptor,
    platform: PLATFORMS[name as keyof typeof PLATFORMS],
  }));
  index = JSON.stringify({ schemaVersion: 2, mediaType: OCI.index, manifests });
  const put = { method: "PUT", headers: { "content-type": OCI.index }, body: index };
  assert.equal((await fetch(`http://${registry.host}/v2/team/app/manifests/multi`, put)).status, 201);
  daemon = await Daemon.start();
  const socket = join(daemon.state, "containerd.sock");
  connection = new GrpcConnection(socket);
  await until(
    "the socket",
    async () =>
      (await core("default")
        .namespaces.list()
        .catch(() => undefined)) !== undefined,
  );
});
after(async () => {
  connection?.[Symbol.dispose]();
  for (const one of [proxy, registry, basic, bearer, tokens, directory, daemon]) await one?.[Symbol.asyncDispose]();
});

const core = (namespace: string) => new RemoteContainerd(connection, namespace);

/** A client with a namespace of its own. */
function fresh() {
  const namespace = `t${++count}`;
  const client = new TransferClient(join(daemon.state, "containerd.sock"), namespace);
  return { client, ...there(namespace), [Symbol.dispose]: () => client[Symbol.dispose]() };
}

/** What a namespace holds. */
function there(namespace: string) {
  const store = core(namespace);
  return {
    store,
    digests: async () => {
      const found = new Set<string>();
      for await (const { digest } of store.content.walk()) found.add(digest);
      return found;
    },
    names: async () => (await store.images.list()).map(({ name }) => name).sort(),
    committed: async (snapshotter: string) => {
      const found: string[] = [];
      for await (const one of store.snapshots(snapshotter).walk()) if (one.kind === "committed") found.push(one.name);
      return found.sort();
    },
  };
}

const from = (reference: string, resolver: Init<RegistryResolver> = {}) =>
  [OCIRegistry, { reference, resolver: { defaultScheme: "http", ...resolver } }] as const;
const to = (name: string, more: Init<ImageStore> = {}) =>
  [ImageStore, { name, platforms: [PLATFORMS[own]], ...more }] as const;
const rejects = (done: Promise<unknown>, code: string, text = /./) =>
  assert.rejects(done, (error: { code?: string; message: string }) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    return true;
  });

const layersOf = (name: keyof typeof PLATFORMS) => images[name].manifest.layers.map(({ digest }) => digest as string);

test("headers go with each request to the registry; what HTTP cannot take is refused", async () => {
  using own = fresh();
  proxy.seen.length = 0;
  const headers = { "X-Team": "blue", "user-agent": "tester/1" };
  await own.client.transfer(from(`${proxy.host}/team/app:amd64`, { headers }), to("x", { platforms: [] }));
  assert.ok(proxy.seen.length >= 4, "manifest, config, layers");
  for (const { headers, url } of proxy.seen) {
    assert.deepEqual([headers["x-team"], headers["user-agent"]], ["blue", "tester/1"], url);
  }
  for (const wrong of [{ "a b": "c" }, { a: "b\r\nc: d" }, { "Content-Length": "1" }, { Host: "elsewhere" }]) {
    const asked = own.client.transfer(from(`${proxy.host}/team/app:amd64`, { headers: wrong }), to("x"));
    await rejects(asked, "InvalidArgument", /header "/);
  }
  // Those of one transfer are not those of the next.
  proxy.seen.length = 0;
  await own.client.transfer(from(`${proxy.host}/team/app:amd64`), to("x", { platforms: [] }));
  assert.ok(proxy.seen.length > 0 && proxy.seen.every(({ headers }) => headers["x-team"] === undefined));
});

test("the default scheme is what the registry is spoken to by", async () => {
  using own = fresh();
  const reference = `${registry.host}/team/app:amd64`;
  await rejects(own.client.transfer(from(reference, { defaultScheme: "https" }), to("x")), "Unavailable");
  await rejects(own.client.transfer(from(reference, { defaultScheme: "ftp" }), to("x")), "InvalidArgument", /ftp/);
  await own.client.transfer(from(reference, { defaultScheme: "" }), to("x", { platforms: [] }));
});

test("a host directory says where a registry is", async () => {
  using own = fresh();
  const folder = join(directory.path, "hosts", "reg.example");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "hosts.toml"), `server = "http://${proxy.host}"\n`);
  proxy.seen.length = 0;
  const resolver = { hostDir: join(directory.path, "hosts"), defaultScheme: "" };
  await own.client.transfer(
    from("reg.example/team/app:amd64", resolver),
    to("reg.example/team/app:amd64", { platforms: [] }),
  );
  assert.ok(proxy.count(/team\/app\/manifests\/amd64/) >= 1);
});

test("what goes over the wire is told to a stream or the log, without passwords", async () => {
  using own = fresh();
  const authStream = () =>
    own.client.credentials(() => ({ authType: AuthType.CREDENTIALS, username: "user", secret: "secret" }));
  const logs = await own.client.receiver();
  const debug = { httpDebug: HTTPDebug.DEBUG, logsStream: logs.id, authStream: await authStream() };
  await own.client.transfer(from(`${basic.host}/app:1`, debug), to("x"));
  const text = (await logs.bytes).toString("utf8");
  assert.match(text, /^GET \/v2\/app\/manifests\/1 HTTP\/1\.1\r\nhost: localhost:\d+\r\n/);
  assert.match(text, /HTTP\/1\.1 401\r\n/);
  assert.match(text, /authorization: \[not shown\]\r\n/);
  assert.match(text, /HTTP\/1\.1 200\r\n[\s\S]*"schemaVersion":2/);
  assert.ok(!text.includes("secret") && !text.includes(Buffer.from("user:secret").toString("base64")));
  // Nobody asked for a stream: it is for who reads the log.
  assert.doesNotMatch(daemon.log, /registry http=/);
  const both = { httpDebug: HTTPDebug.BOTH, authStream: await authStream() };
  await own.client.transfer(from(`${basic.host}/app:1`, both), to("y"));
  assert.match(daemon.log, /registry http="(?:HEAD|GET) \/v2\/app/);
});

test("credentials are asked for by a stream: name and password, a refresh token, a header, or none", async () => {
  using own = fresh();
  const asked: AuthRequest[] = [];
  const pull = async (host: string, answer: { authType: number; username?: string; secret?: string }) => {
    const authStream = await own.client.credentials((request) => {
      asked.push(request);
      return answer;
    });
    return own.client.transfer(from(`${host}:1`, { authStream }), to(`${host}:1`));
  };
  await pull(`${basic.host}/app`, { authType: AuthType.CREDENTIALS, username: "user", secret: "secret" });
  assert.deepEqual(asked, [{ host: basic.host, reference: `${basic.host}/app:1`, wwwauthenticate: [] }]);
  const header = `Basic ${Buffer.from("user:secret").toString("base64")}`;
  await pull(`${basic.host}/app`, { authType: AuthType.HEADER, secret: header });
  for (const answer of [
    { authType: AuthType.NONE },
    { authType: AuthType.CREDENTIALS, username: "user", secret: "wrong" },
    { authType: AuthType.HEADER, secret: "Bearer nonsense" },
  ]) {
    await rejects(pull(`${basic.host}/app`, answer), "Unauthenticated");
  }
  await rejects(pull(`${basic.host}/app`, { authType: AuthType.HEADER, secret: "Digest x" }), "Unimplemented");
  await pull(`${bearer.host}/private/app`, { authType: AuthType.CREDENTIALS, username: "user", secret: "secret" });
  tokens.seen.length = 0;
  await own.store.images.delete(`${bearer.host}/private/app:1`);
  await pull(`${bearer.host}/private/app`, { authType: AuthType.REFRESH, secret: "refresh-me" });
  assert.ok(tokens.seen.some(({ request }) => request.startsWith("POST refresh_token")));
  assert.equal(new Set(asked.map(({ host }) => host)).size, 2);
});

test("a pull and a push tell each step, as a tree below the image's name", async () => {
  using one = fresh();
  const reference = `${registry.host}/team/app:multi`;
  const told = await one.client.transfer(from(reference), to("box:1", { unpacks: [{ platform: PLATFORMS[own] }] }));
  const main = told.filter(({ name }) => name === "").map(({ event }) => event);
  const title = `OCI Registry (${reference})`;
  assert.deepEqual(main, [`Resolving from ${title}`, `Pulling from ${title}`, `Completed pull from ${title}`]);
  assert.ok(told.some(({ event, name }) => event === "saved" && name === "box:1"));
  const last = new Map(told.map((step) => [step.name, step]));
  const indexStep = last.get(`index-${sha256(index)}`)!;
  assert.deepEqual([indexStep.event, indexStep.parents], ["complete", [reference]]);
  const manifest = last.get(`manifest-${images[own].manifestDescriptor.digest}`)!;
  assert.deepEqual(manifest.parents, [indexStep.name]);
  for (const { digest, size, mediaType } of images[own].manifest.layers) {
    const step = last.get(`layer-${digest}`)!;
    assert.deepEqual([step.parents, step.total, step.progress], [[manifest.name], size, size]);
    assert.deepEqual([step.desc?.digest, step.desc?.size, step.desc?.mediaType], [digest, size, mediaType]);
    const events = told.filter(({ name }) => name === step.name).map(({ event }) => event);
    assert.equal(events[0], "waiting");
    assert.ok(events.includes("complete"), events.join());
  }
  // ctr shows the last word of the whole with the next step of something that has a name.
  const config = `config-${images[own].manifest.config.digest}`;
  const configSteps = told.filter(({ name }) => name === config).map(({ event, parents }) => [event, parents]);
  assert.deepEqual(configSteps, [
    ["waiting", [manifest.name]],
    ["complete", [manifest.name]],
  ]);
  assert.deepEqual([told.at(-2)!.event, told.at(-1)!.name], [`Completed pull from ${title}`, config]);
  // Once more: all is there.
  const again = await one.client.transfer(from(reference), to("box:1", { unpacks: [{ platform: PLATFORMS[own] }] }));
  const layer = again.filter(({ name }) => name === `layer-${layersOf(own)[0]}`);
  assert.ok(layer.some(({ event }) => event === "already exists"));
  const target = `${registry.host}/team/pushed:${count}`;
  const pushed = await one.client.transfer(to("box:1"), from(target));
  const events = pushed.filter(({ name }) => name === "" || name === "box:1").map(({ event }) => event);
  assert.equal(events[0], `Pushing to OCI Registry (${target})`);
  assert.equal(events[1], "pushing content");
  assert.deepEqual(events.slice(-2), ["pushed content", `Completed push to OCI Registry (${target})`]);
  const end = new Map(pushed.map((step) => [step.name, step]));
  const below = (name: string) => [end.get(name)?.event, end.get(name)?.parents];
  assert.deepEqual(below(manifest.name), ["complete", ["box:1"]]);
  assert.equal(pushed.at(-1)!.name, manifest.name);
  assert.equal(pushed.find(({ name }) => name === manifest.name)!.event, "waiting");
  assert.deepEqual(below(config), ["already exists", [manifest.name]]);
  for (const digest of layersOf(own)) assert.deepEqual(below(`layer-${digest}`)[1], [manifest.name]);
  // a push by containerd's Transfer leaves the labels as they are
  for await (const { digest, labels } of one.store.content.walk()) {
    if (end.has(`layer-${digest}`)) assert.equal(labels["containerd.io/distribution.source.localhost"], "team/app");
  }
});

test("an image is unpacked for each configuration: platforms and snapshotters", async () => {
  using one = fresh();
  const unpacks = [
    { platform: PLATFORMS[own], snapshotter: "overlayfs" },
    { platform: PLATFORMS[own], snapshotter: "native" },
    { platform: PLATFORMS[other], snapshotter: "" },
  ];
  const platforms = Object.values(PLATFORMS);
  const labels = { team: "blue" };
  await one.client.transfer(from(`${registry.host}/team/app:multi`), to("x", { platforms, unpacks, labels }));
  // The first layer is the same in both.
  assert.equal((await one.committed("overlayfs")).length, 3);
  assert.equal((await one.committed("native")).length, 2);
  assert.deepEqual((await one.store.images.get("x")).labels, labels);
  const nowhere = [{ platform: PLATFORMS[own], snapshotter: "nowhere" }];
  const asked = one.client.transfer(from(`${registry.host}/team/app:multi`), to("y", { unpacks: nowhere }));
  await rejects(asked, "NotFound", /no snapshotter "nowhere"/);
});

test("platforms, all metadata and a limit say how much of an index is pulled", async () => {
  const pull = async (more: Init<ImageStore>) => {
    using one = fresh();
    await one.client.transfer(from(`${registry.host}/team/app:multi`), to("x", more));
    const found = await one.digests();
    const has = (name: keyof typeof PLATFORMS) => ({
      manifest: found.has(images[name].manifestDescriptor.digest),
      config: found.has(images[name].manifest.config.digest),
      layers: layersOf(name).every((digest) => found.has(digest)),
    });
    return { own: has(own), other: has(other) };
  };
  const whole = { manifest: true, config: true, layers: true };
  const none = { manifest: false, config: false, layers: false };
  assert.deepEqual(await pull({}), { own: whole, other: none });
  assert.deepEqual(await pull({ allMetadata: true }), { own: whole, other: { ...whole, layers: false } });
  assert.deepEqual(await pull({ platforms: [PLATFORMS[other]] }), { own: none, other: whole });
  assert.deepEqual(await pull({ platforms: [] }), { own: whole, other: whole });
  assert.deepEqual(await pull({ platforms: [], manifestLimit: 1 }), { own: whole, other: none });
  assert.deepEqual(await pull({ platforms: [], manifestLimit: 2 }), { own: whole, other: whole });
});

test("an image gets the names that its references make", async () => {
  using one = fresh();
  const source = from(`${registry.host}/team/app:amd64`);
  const extraReferences = [{ name: "second:1" }, { name: "third", addDigest: true }, { name: "p", isPrefix: true }];
  await one.client.transfer(source, to("first:1", { platforms: [], extraReferences }));
  const { digest } = images.amd64.manifestDescriptor;
  assert.deepEqual(await one.names(), ["first:1", "second:1", `third@${digest}`]);
  await rejects(one.client.transfer(source, to("", { platforms: [] })), "NotFound", /no image name/);
  await one.client.transfer(source, to("", { platforms: [], extraReferences: [{ name: "alone:1" }] }));
  assert.ok((await one.names()).includes("alone:1"));
});

/** A tar's files by name. */
async function filesOf(tar: Buffer): Promise<Map<string, Buffer>> {
  const dir = join(directory.path, `tar-${++count}`);
  await mkdir(dir);
  await writeFile(join(dir, "a.tar"), tar);
  const list = (await run("tar", ["-tf", join(dir, "a.tar")])).stdout.split("\n").filter((name) => /[^/]$/.test(name));
  await run("tar", ["-C", dir, "-xf", join(dir, "a.tar")]);
  const files = new Map<string, Buffer>();
  for (const name of list) files.set(name, await readFile(join(dir, name)));
  return files;
}

test("an export has the platforms asked for, and docker's list unless it is left out", async () => {
  using one = fresh();
  await one.client.transfer(from(`${registry.host}/team/app:multi`), to("docker.io/team/app:1", { platforms: [] }));
  const exported = async (more: Init<ImageExportStream>) => {
    const { id, bytes } = await one.client.receiver();
    const told = await one.client.transfer(to("docker.io/team/app:1"), [ImageExportStream, { stream: id, ...more }]);
    assert.deepEqual(
      told.map(({ event }) => event),
      ["Exporting", "Completed export"],
    );
    const files = await filesOf(await bytes);
    const has = (name: keyof typeof PLATFORMS) =>
      layersOf(name).every((digest) => files.has(`blobs/${digest.replace(":", "/")}`));
    return { files, own: has(own), other: has(other) };
  };
  const plain = await exported({ mediaType: "application/vnd.oci.image.layer.v1.tar" });
  assert.deepEqual([plain.own, plain.other], [true, false]);
  const list = JSON.parse(plain.files.get("index.json")!.toString()) as { manifests: Descriptor[] };
  assert.equal(list.manifests[0]!.digest, sha256(index));
  // where it can be had, and what it was annotated with
  assert.deepEqual(list.manifests[0]!.annotations, {
    "containerd.io/distribution.source.localhost": "team/app",
    "io.containerd.image.name": "docker.io/team/app:1",
    "org.opencontainers.image.ref.name": "1",
  });
  const [entry] = JSON.parse(plain.files.get("manifest.json")!.toString()) as { RepoTags: string[]; Config: string }[];
  assert.deepEqual(entry!.RepoTags, ["team/app:1"]);
  assert.ok(entry!.Config.includes(images[own].manifest.config.digest.slice(7)));
  const foreign = await exported({ platforms: [PLATFORMS[other]], skipCompatibilityManifest: true });
  assert.deepEqual([foreign.own, foreign.other, foreign.files.has("manifest.json")], [false, true, false]);
  const several = await exported({ platforms: Object.values(PLATFORMS) });
  assert.deepEqual([several.own, several.other], [true, true]);
  const all = await exported({ allPlatforms: true });
  assert.deepEqual([all.own, all.other], [true, true]);
  const { id } = await one.client.receiver();
  const mips = { stream: id, platforms: [{ os: "linux", architecture: "mips64le" }] };
  await rejects(one.client.transfer(to("docker.io/team/app:1"), [ImageExportStream, mips]), "NotFound", /mips64le/);
});

test("layers that may not be handed on are left out of an export when asked", async () => {
  using one = fresh();
  const layer = randomBytes(100);
  const manifest = {
    ...images[own].manifest,
    layers: [{ mediaType: DOCKER.foreignGzip, digest: sha256(layer), size: layer.length }],
  };
  const text = Buffer.from(JSON.stringify(manifest));
  const config = images[own].blobs.get(manifest.config.digest)!;
  const lease = await one.store.leases.create({ id: "l" });
  const held = one.store.withLease(lease.id);
  for (const bytes of [layer, text, config]) {
    await using writer = await held.content.writer({ ref: sha256(bytes) });
    await writer.write(bytes);
    await writer.commit({ size: bytes.length, digest: sha256(bytes) });
  }
  await one.store.images.create({
    name: "x:1",
    target: { mediaType: OCI.manifest, digest: sha256(text), size: text.length },
  });
  const names = async (more: Init<ImageExportStream>) => {
    const { id, bytes } = await one.client.receiver();
    await one.client.transfer(to("x:1"), [ImageExportStream, { stream: id, ...more }]);
    return [...(await filesOf(await bytes)).keys()];
  };
  const path = `blobs/${sha256(layer).replace(":", "/")}`;
  // as long as the lease is there no collection takes what the manifest does not refer to by labels
  assert.ok((await names({})).includes(path));
  assert.ok(!(await names({ skipNonDistributable: true })).includes(path));
  await one.store.leases.delete(lease.id);
});

test("an artifact is pulled as it is: its blobs are there and kept, nothing is unpacked", async () => {
  const blobs = { config: "{}", text: "hello", weights: randomBytes(100_000).toString("hex") };
  for (const data of Object.values(blobs)) {
    const begun = await fetch(`http://${registry.host}/v2/team/model/blobs/uploads/`, { method: "POST" });
    const place = new URL(begun.headers.get("location")!, `http://${registry.host}`);
    place.searchParams.set("digest", sha256(data));
    assert.equal((await fetch(place, { method: "PUT", body: data })).status, 201);
  }
  const described = (data: string, mediaType: string) => ({ mediaType, digest: sha256(data), size: data.length });
  const text = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: OCI.manifest, artifactType: "application/x.model" },
    config: described(blobs.config, OCI.empty),
    // the same blob as the config among them, as the specification has it where there is nothing to hold
    layers: [described(blobs.text, "text/plain"), described(blobs.weights, "x/y"), described(blobs.config, OCI.empty)],
  });
  const put = { method: "PUT", headers: { "content-type": OCI.manifest }, body: text };
  assert.equal((await fetch(`http://${registry.host}/v2/team/model/manifests/1`, put)).status, 201);
  using one = fresh();
  const unpacks = [{ platform: PLATFORMS[own], snapshotter: "overlayfs" }, { snapshotter: "native" }];
  await one.client.transfer(from(`${registry.host}/team/model:1`), to("model", { unpacks }));
  const { target } = await one.store.images.get("model");
  assert.equal(target.digest, sha256(text));
  const lease = await one.store.leases.create();
  await one.store.leases.delete(lease.id, { sync: true });
  assert.deepEqual([...(await one.digests())].sort(), [text, ...Object.values(blobs)].map(sha256).sort());
  assert.deepEqual([await one.committed("overlayfs"), await one.committed("native")], [[], []]);
  await rejects(one.client.transfer(from(`${registry.host}/team/model:2`), to("none")), "NotFound");
});

test("an import takes a packed archive, names what it holds, unpacks it, and compresses docker's layers when asked", async () => {
  using one = fresh();
  const archive = join(directory.path, "docker.tar");
  await run("skopeo", ["copy", `oci:${images[own].layout}:latest`, `docker-archive:${archive}:team/box:7`]);
  const bytes = await readFile(archive);
  const load = async (stream: Init<ImageImportStream>, more: Init<ImageStore>) =>
    one.client.transfer([ImageImportStream, { stream: await one.client.sender(bytes), ...stream }], to("", more));
  const prefix = { name: "docker.io/team/box", isPrefix: true };
  const told = await load({ mediaType: "application/vnd.oci.image.layer.v1.tar" }, { extraReferences: [prefix] });
  assert.deepEqual(
    told.map(({ event }) => event),
    ["Importing", "saved", "Completed import"],
  );
  assert.deepEqual(await one.names(), ["docker.io/team/box:7"]);
  const manifest = async () => {
    const { target } = await one.store.images.get("docker.io/team/box:7");
    return JSON.parse(Buffer.from(await one.store.content.read(target)).toString()) as BuiltImage["manifest"];
  };
  const types = async () => (await manifest()).layers.map(({ mediaType }) => mediaType);
  assert.deepEqual(await types(), [DOCKER.layer, DOCKER.layer]);
  // to the letter what containerd makes of it, so that an image has the same digest on either
  const made = await manifest();
  const described = ({ digest, size }: { digest: string; size: number }, mediaType: string) =>
    `{"mediaType":"${mediaType}","digest":"${digest}","size":${size}`;
  const layers = made.layers.map((layer) => `${described(layer, DOCKER.layer)}}`).join(",");
  const text = `{"schemaVersion":2,"mediaType":"${DOCKER.manifest}","config":${described(made.config, DOCKER.config)}},"layers":[${layers}]}`;
  const { target } = await one.store.images.get("docker.io/team/box:7");
  assert.deepEqual([target.mediaType, target.digest], [DOCKER.manifest, sha256(text)]);
  await load({}, { name: "whole" });
  const annotations = `"annotations":{"io.containerd.image.name":"docker.io/team/box:7","org.opencontainers.image.ref.name":"7"}`;
  const platform = `"platform":{"architecture":"${PLATFORMS[own].architecture}","os":"linux"}`;
  const part = `${described(target, DOCKER.manifest)},${annotations},${platform}}`;
  const whole = await one.store.images.get("whole");
  assert.equal(whole.target.digest, sha256(`{"schemaVersion":2,"manifests":[${part}]}`));
  const unpacks = [{ platform: PLATFORMS[own], snapshotter: "native" }];
  await load({ forceCompress: true }, { extraReferences: [prefix], unpacks });
  assert.deepEqual(await types(), [DOCKER.layerGzip, DOCKER.layerGzip]);
  assert.equal((await one.committed("native")).length, 2);
  const elsewhere = { name: "docker.io/other", isPrefix: true };
  await rejects(load({}, { extraReferences: [elsewhere] }), "NotFound", /no image name/);
  await load({}, { extraReferences: [{ ...elsewhere, addDigest: true, skipNamedDigest: true }] });
  assert.ok((await one.names()).some((name) => name.startsWith("docker.io/other@sha256:")));
  await load({}, { extraReferences: [{ ...elsewhere, allowOverwrite: true }] });
});

test("several platforms of an index are pushed with it; one is pushed alone", async () => {
  using one = fresh();
  await one.client.transfer(from(`${registry.host}/team/app:multi`), to("x", { platforms: [] }));
  const pushed = async (platforms: object[]) => {
    const tag = `${registry.host}/team/some${++count}:1`;
    await one.client.transfer([ImageStore, { name: "x", platforms }], from(tag));
    const accept = { headers: { accept: `${OCI.index}, ${OCI.manifest}` } };
    return (await fetch(`http://${tag.replace("/", "/v2/").replace(/:1$/, "/manifests/1")}`, accept)).headers;
  };
  const digest = async (platforms: object[]) => (await pushed(platforms)).get("docker-content-digest");
  assert.equal(await digest(Object.values(PLATFORMS)), sha256(index));
  assert.equal(await digest([PLATFORMS[other]]), images[other].manifestDescriptor.digest);
});
