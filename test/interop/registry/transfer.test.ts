// Push, pull and their concurrency against the real registry.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isCode } from "../../../src/common/errors.ts";
import { chainIds, type Descriptor } from "../../../src/common/oci/image.ts";
import { DOCKER, OCI } from "../../../src/common/oci/media-types.ts";
import { RemoteSnapshotter } from "../../../src/daemon/containerd/conformance/remote-snapshotter.ts";
import { GrpcConnection } from "../../../src/daemon/grpc/client/connection.ts";
import { RemoteContainerd } from "../../../src/daemon/grpc/client/containerd.ts";
import { serveContainerd } from "../../../src/daemon/grpc/serve.ts";
import { Pusher } from "../../../src/daemon/transfer/push.ts";
import { registryTransferer } from "../../../src/daemon/transfer/transferer.ts";
import { until } from "../../support/until.ts";
import { fakeAgent } from "./fake-agent.ts";
import { startFaultyProxy } from "./faulty.ts";
import { openStore, type Store } from "./store.ts";
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
} from "./support.ts";

let directory: Directory;
let server: RegistryProcess;
let images: Record<string, BuiltImage>;
let index: Descriptor;

before(async () => {
  directory = await scratch();
  server = await startRegistry();
  const base = { files: { "bin/sh": await readFile("/bin/busybox"), "etc/name": "base" } };
  images = {
    amd64: await buildImage(directory.path, [
      base,
      { files: { "etc/name": "amd64", big: randomBytes(2 << 20) }, compression: "zstd" },
    ]),
    arm64: await buildImage(directory.path, [base, { files: { "etc/name": "arm64" }, compression: "none" }], {
      os: "linux",
      architecture: "arm64",
    }),
  };
  for (const [name, image] of Object.entries(images)) await skopeoPush(image, `${server.host}/team/app:${name}`);
  // An index of both, put by hand.
  const manifests = Object.entries(images).map(([architecture, image]) => ({
    ...image.manifestDescriptor,
    platform: { os: "linux", architecture },
  }));
  const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI.index, manifests });
  const response = await fetch(`http://${server.host}/v2/team/app/manifests/multi`, {
    method: "PUT",
    headers: { "content-type": OCI.index },
    body,
  });
  assert.equal(response.status, 201);
  index = { mediaType: OCI.index, digest: sha256(body), size: body.length };
});

after(async () => {
  await server[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** Content of a file of an unpacked image, through the layers. */
async function fileOf(store: Store, chainId: string, path: string): Promise<string> {
  const mounts = await store.client.snapshots().view(`look-${Math.random()}`, chainId);
  const mount = mounts[0]!;
  const lower = mount.options.find((one) => one.startsWith("lowerdir="))?.slice("lowerdir=".length);
  for (const layer of lower?.split(":") ?? [mount.source]) {
    try {
      return await readFile(join(layer, path), "utf8");
    } catch {
      // Further down.
    }
  }
  return assert.fail(`there is no ${path}`);
}

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };

test("pull of an index takes the platform that was asked for, with gzip, zstd and plain layers", async () => {
  await using store = await openStore();
  for (const [name, platform] of Object.entries({ amd64, arm64 })) {
    const pulled = await store.pull(`${server.host}/team/app:multi`, { platform });
    assert.deepEqual(pulled.target, index);
    assert.equal(pulled.manifest.digest, images[name]!.manifestDescriptor.digest);
    assert.equal(await fileOf(store, pulled.chainId, "etc/name"), name);
  }
  const { content, images: names } = await store.holdings();
  assert.equal(content.length, 1 + 2 + 2 + 3);
  assert.deepEqual(names, [`${server.host}/team/app:multi`]);
});

test("pull of a single image for another platform than asked for is refused", async () => {
  await using store = await openStore();
  await assert.rejects(store.pull(`${server.host}/team/app:arm64`, { platform: amd64 }), {
    code: "NotFound",
    message: "the image is for linux/arm64, not for linux/amd64",
  });
});

test("of an image whose lower layers a remote snapshotter has, only the upper ones are fetched", async () => {
  await using folder = await scratch();
  await using proxy = await startFaultyProxy(server.port);
  const name = `${proxy.host}/team/app:amd64`;
  const remote = new RemoteSnapshotter(join(folder.path, "layers"));
  await using store = await openStore({}, fakeAgent, { remote: () => remote });
  const { layers } = images.amd64!.manifest;
  const chain = chainIds(images.amd64!.config.rootfs.diff_ids, sha256);
  remote.offers.add(chain[0]!);
  const fetched = () => layers.map(({ digest }) => proxy.count(new RegExp(`GET .*/blobs/${digest}`)));
  const pulled = await store.pull(name, { snapshotter: "remote" });
  assert.equal(pulled.chainId, chain[1]);
  assert.deepEqual(fetched(), [0, 1]);
  const label = (key: string) => `containerd.io/snapshot/cri.${key}`;
  assert.deepEqual(remote.snapshots.get("own-1")!.labels, {
    "containerd.io/snapshot.ref": chain[0],
    [label("image-ref")]: name,
    [label("manifest-digest")]: images.amd64!.manifestDescriptor.digest,
    [label("layer-digest")]: layers[0]!.digest,
    [label("image-layers")]: layers.map(({ digest }) => digest).join(","),
  });
  const top = [...remote.snapshots.values()].at(-1)!;
  assert.deepEqual([top.kind, top.parent], ["committed", "own-1"]);
  // Again, and all is there: nothing is fetched for it.
  assert.equal((await store.pull(name, { snapshotter: "remote" })).changed, false);
  assert.deepEqual(fetched(), [0, 1]);
});

test("containerd's own snapshotter is not asked whether it has layers by itself", async () => {
  await using store = await openStore();
  await using folder = await scratch();
  const socket = join(folder.path, "containerd.sock");
  await using _server = await serveContainerd(socket, store.core, () => {});
  await using connection = new GrpcConnection(socket);
  const client = new RemoteContainerd(connection, "test");
  const events = store.client.events.subscribe([`topic~="^/snapshot/"`])[Symbol.asyncIterator]();
  await store.pull(`${server.host}/team/app:amd64`, { client });
  const topics: string[] = [];
  while (topics.filter((topic) => topic === "/snapshot/commit").length < 2)
    topics.push((await events.next()).value!.topic);
  assert.deepEqual(
    topics.sort(),
    ["commit", "commit", "prepare", "prepare"].map((what) => `/snapshot/${what}`),
  );
});

test("an image that is there is recognised by one HEAD; by digest without asking", async () => {
  await using proxy = await startFaultyProxy(server.port);
  await using store = await openStore();
  const name = `${proxy.host}/team/app:amd64`;
  assert.equal((await store.pull(name)).changed, true);
  proxy.seen.length = 0;
  const again = await store.pull(name);
  assert.equal(again.changed, false);
  assert.deepEqual(
    proxy.seen.map((one) => one.method),
    ["HEAD"],
  );
  proxy.seen.length = 0;
  const byDigest = await store.pull(`${proxy.host}/team/app@${images.amd64!.manifestDescriptor.digest}`);
  assert.equal(byDigest.chainId, again.chainId);
  assert.equal(proxy.seen.length, 0);
});

test("pulls at the same time fetch and unpack what they share once, and one may leave", async () => {
  await using proxy = await startFaultyProxy(server.port);
  await using store = await openStore();
  // a layer of 2 MB takes a second or so
  proxy.faults.push({ match: /^GET .*blobs/, slow: 30 });
  const leaving = new AbortController();
  const pulls = [
    store.pull(`${proxy.host}/team/app:amd64`, { signal: leaving.signal }),
    store.pull(`${proxy.host}/team/app:amd64`),
    store.pull(`${proxy.host}/team/app:multi`, { platform: amd64 }),
  ];
  const settled = Promise.allSettled(pulls);
  await until("a layer", () => proxy.count(/^GET .*blobs/) > 0);
  setTimeout(() => leaving.abort(), 100);
  const [first, second, third] = await settled;
  assert.ok(first?.status === "rejected" && isCode(first.reason, "Canceled"));
  for (const one of [second, third]) if (one?.status !== "fulfilled") throw one?.reason;
  const layers = images.amd64!.manifest.layers;
  for (const { digest } of layers) assert.equal(proxy.count(new RegExp(`^GET .*blobs/${digest}`)), 1);
  const held = await store.holdings();
  assert.equal(held.snapshots.length, 2);
  assert.deepEqual({ ingests: held.ingests, leases: held.leases }, { ingests: [], leases: [] });
});

test("mirrors are asked first, in order, and the registry when they fail", async () => {
  await using dead = await startFaultyProxy(server.port);
  await using wrong = await startFaultyProxy(server.port);
  dead.faults.push({ match: /./, status: 500 });
  wrong.faults.push({ match: /^GET .*blobs/, corruptAt: 20 });
  await using origin = await startFaultyProxy(server.port);
  const mirrors = { [origin.host]: [`http://${dead.host}`, `http://${wrong.host}`] };
  await using store = await openStore({ config: { mirrors } });
  const pulled = await store.pull(`${origin.host}/team/app:amd64`);
  assert.equal(pulled.target.digest, images.amd64!.manifestDescriptor.digest);
  assert.ok(dead.count(/manifests/) > 0);
  assert.ok(wrong.seen.every((one) => one.url.includes(`ns=${encodeURIComponent(origin.host)}`)));
  // What the second mirror got wrong came from the registry itself.
  assert.ok(origin.count(/^GET .*blobs/) >= 1);
  assert.equal(origin.count(/manifests/), 0);
});

test("hosts with settings of their own: capabilities, headers, path, no origin", async () => {
  await using mirror = await startFaultyProxy(server.port);
  const config = {
    registries: {
      "registry.example": {
        server: "",
        host: {
          [`http://${mirror.host}/v2`]: {
            capabilities: ["pull", "resolve"] as const,
            header: { "x-test": "yes" },
            override_path: true,
          },
        },
      },
    },
  };
  await using store = await openStore({ config: structuredClone(config) as never });
  const pulled = await store.pull("registry.example/team/app:amd64");
  assert.equal(pulled.name, "registry.example/team/app:amd64");
  assert.ok(mirror.seen.every((one) => one.headers["x-test"] === "yes"));
  const pusher = new Pusher({ registry: store.registry });
  await assert.rejects(pusher.push("registry.example/team/app:amd64", { client: store.client }), {
    code: "FailedPrecondition",
    message: /no host of registry.example is configured to push/,
  });
});

test("https: unknown authority, given authority, insecure host, https on the loopback", async () => {
  const certificate = join(directory.path, "tls.crt");
  const key = join(directory.path, "tls.key");
  await run("openssl", [
    ...[
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ],
    ...["-keyout", key, "-out", certificate],
  ]);
  await using secure = await startRegistry({ tls: { certificate, key } });
  await skopeoPush(images.amd64!, `${secure.host}/app:v1`);
  const name = `${secure.host}/app:v1`;
  const pull = async (options: Parameters<typeof openStore>[0]): Promise<string> => {
    await using store = await openStore(options);
    return (await store.pull(name)).target.digest;
  };
  const { digest } = images.amd64!.manifestDescriptor;
  // The loopback needs no certificate that is known, and http is tried first.
  assert.equal(await pull({}), digest);
  const registries = (settings: object) => ({
    config: { registries: { [secure.host]: { server: `https://${secure.host}`, ...settings } } },
  });
  assert.equal(await pull(registries({ ca: certificate })), digest);
  assert.equal(await pull(registries({ skip_verify: true })), digest);
  await assert.rejects(pull(registries({})), { code: "FailedPrecondition", hint: /certificate as "ca"/ });
  await assert.rejects(pull(registries({ ca: "/nonexistent.pem" })), {
    code: "InvalidArgument",
    message: /cannot read \/nonexistent.pem/,
  });
});

test("push: skopeo reads back what we pushed; nothing is sent twice", async () => {
  await using proxy = await startFaultyProxy(server.port);
  await using store = await openStore();
  const pusher = new Pusher({ registry: store.registry });
  await store.pull(`${server.host}/team/app:multi`, { platform: amd64, also: "all" });
  const { client } = store;
  const { target } = await client.images.get(`${server.host}/team/app:multi`);
  const name = `${proxy.host}/other/copy:v1`;
  await client.images.create({ name, target });
  const pushed = await pusher.push(name, { client, noteSource: true });
  assert.deepEqual(pushed, { name, descriptor: target, partial: false });
  const seen = await run("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${server.host}/other/copy:v1`]);
  assert.equal(sha256(seen.stdout), index.digest);
  for (const architecture of ["amd64", "arm64"]) {
    const layout = join(directory.path, `copy-${architecture}`);
    const source = `docker://${server.host}/other/copy:v1`;
    await run("skopeo", [
      "--override-arch",
      architecture,
      "copy",
      "--src-tls-verify=false",
      source,
      `oci:${layout}:v1`,
    ]);
  }
  proxy.seen.length = 0;
  await pusher.push(name, { client, noteSource: true });
  assert.equal(proxy.count(/^(POST|PATCH)/), 0);
  // Blobs known to be in another repository of this registry are mounted.
  const second = `${proxy.host}/other/second:v1`;
  await client.images.create({ name: second, target });
  proxy.seen.length = 0;
  await pusher.push(second, { client, noteSource: true });
  assert.ok(proxy.count(/^POST .*mount=/) >= 5);
  assert.equal(proxy.count(/^(PATCH|PUT .*uploads)/), 0);
});

test("push of an index whose other platforms are not in the store pushes what there is", async () => {
  await using store = await openStore();
  const pusher = new Pusher({ registry: store.registry });
  const { target } = await store.pull(`${server.host}/team/app:multi`, { platform: amd64 });
  const name = `${server.host}/partial:v1`;
  await store.client.images.create({ name, target });
  const pushed = await pusher.push(name, { client: store.client });
  assert.equal(pushed.partial, true);
  assert.equal(pushed.descriptor.digest, images.amd64!.manifestDescriptor.digest);
});

test("push survives broken connections and busy answers, and refuses what it cannot do", async () => {
  await using proxy = await startFaultyProxy(server.port);
  await using store = await openStore();
  const pusher = new Pusher({ registry: store.registry });
  const { target } = await store.pull(`${server.host}/team/app:amd64`);
  const { client } = store;
  for (const [at, faults] of [
    [{ match: /^PUT .*uploads/, reset: true, times: 3 }],
    [{ match: /^PUT .*uploads/, status: 503, times: 2 }],
    [{ match: /^POST .*uploads/, status: 429, headers: { "retry-after": "0" }, times: 2 }],
    [{ match: /^PUT .*manifests/, status: 502, times: 2 }],
  ].entries()) {
    const name = `${proxy.host}/faulty/copy-${at}:v1`;
    await client.images.create({ name, target });
    proxy.faults.push(...faults);
    await pusher.push(name, { client });
    const seen = await run("skopeo", [
      "inspect",
      "--raw",
      "--tls-verify=false",
      `docker://${server.host}/faulty/copy-${at}:v1`,
    ]);
    assert.equal(sha256(seen.stdout), target.digest);
    proxy.faults.length = 0;
  }
  const name = `${proxy.host}/faulty/denied:v1`;
  await client.images.create({ name, target });
  proxy.faults.push({
    match: /^POST .*uploads/,
    status: 403,
    body: '{"errors":[{"code":"DENIED","message":"read only"}]}',
  });
  await assert.rejects(pusher.push(name, { client }), {
    code: "PermissionDenied",
    message: /answered 403 \(DENIED: read only\)/,
    operation: "push image",
  });
  await assert.rejects(pusher.push(`${proxy.host}/no/such:v1`, { client }), { code: "NotFound" });
  await assert.rejects(pusher.push(`busybox@${target.digest}`, { client }), {
    code: "InvalidArgument",
    hint: "give a tag instead",
  });
});

test("transfer: containerd's transfer service pulls and pushes", async () => {
  await using store = await openStore();
  store.core.addTransferer(registryTransferer(store.puller, new Pusher({ registry: store.registry }), () => {}));
  const { transfer } = store.client;
  const events: string[] = [];
  const source = { type: "registry", reference: `${server.host}/team/app:amd64` } as const;
  await transfer.transfer(
    source,
    { type: "image-store", name: "mine", unpacks: [{ snapshotter: "overlayfs" }] },
    { progress: ({ event }) => events.push(event) },
  );
  assert.equal((await store.client.images.get("mine")).target.digest, images.amd64!.manifestDescriptor.digest);
  assert.equal((await store.holdings()).snapshots.length, 2);
  assert.ok(events.includes("saved") && events.includes("complete") && events.includes("extracted"));
  await transfer.transfer(
    { type: "image-store", name: "mine" },
    { type: "registry", reference: `${server.host}/transferred:v1` },
  );
  const seen = await run("skopeo", [
    "inspect",
    "--raw",
    "--tls-verify=false",
    `docker://${server.host}/transferred:v1`,
  ]);
  assert.equal(sha256(seen.stdout), images.amd64!.manifestDescriptor.digest);
});

test("Docker's schema 2 types, an artifact, and an encrypted layer", async () => {
  await using store = await openStore();
  await skopeoPush(images.amd64!, `${server.host}/docker:v1`, ["--format=v2s2", "--preserve-digests=false"]).catch(
    async () => {
      // Layers of zstd have no place in schema 2: gzip ones have.
      const gzip = await buildImage(directory.path, [{ files: { "etc/name": "docker" } }]);
      await run("skopeo", [
        "copy",
        "--format=v2s2",
        "--dest-tls-verify=false",
        `oci:${gzip.layout}:latest`,
        `docker://${server.host}/docker:v1`,
      ]);
    },
  );
  const pulled = await store.pull(`${server.host}/docker:v1`);
  assert.equal(pulled.manifest.mediaType, DOCKER.manifest);
  const put = async (name: string, manifest: object): Promise<void> => {
    const response = await fetch(`http://${server.host}/v2/team/app/manifests/${name}`, {
      method: "PUT",
      headers: { "content-type": OCI.manifest },
      body: JSON.stringify(manifest),
    });
    assert.equal(response.status, 201, await response.text());
  };
  const { manifest } = images.arm64!;
  await put("chart", {
    ...manifest,
    config: { ...manifest.config, mediaType: "application/vnd.cncf.helm.config.v1+json" },
  });
  await assert.rejects(store.pull(`${server.host}/team/app:chart`), {
    code: "FailedPrecondition",
    message: /an artifact of type "application\/vnd.cncf.helm/,
  });
  await put("locked", {
    ...manifest,
    layers: manifest.layers.map((one) => ({ ...one, mediaType: `${OCI.layerGzip}+encrypted` })),
  });
  await assert.rejects(store.pull(`${server.host}/team/app:locked`, { platform: arm64 }), {
    code: "FailedPrecondition",
    hint: "encrypted images are not supported",
  });
});
