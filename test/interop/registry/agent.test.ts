// Pull with the real agent: layers unpacked side by side come out as if each had been laid upon the one below.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, chown, link, lstat, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { ImageConfig, Manifest } from "../../../src/common/oci/image.ts";
import { OCI } from "../../../src/common/oci/media-types.ts";
import { type Agent, startAgent } from "../../../src/daemon/agent/client.ts";
import { settles } from "../../support/until.ts";
import { startFaultyProxy } from "./faulty.ts";
import { openStore, type Store } from "./store.ts";
import {
  type BuiltImage,
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
let agent: Agent;
let name: string;
let image: BuiltImage;
const NOISE = randomBytes(4 << 20);

/** A tar of exactly the named entries: no folder that is not named. */
async function tar(root: string, entries: string[]): Promise<Buffer> {
  const options = ["-C", root, "--no-recursion", "--numeric-owner", "--xattrs", "--mtime=@1", "-cf", "-", ...entries];
  return (await run("tar", options, { encoding: "buffer", maxBuffer: 1 << 28 })).stdout;
}

async function layout(tars: Buffer[]): Promise<BuiltImage> {
  const blobs = new Map<string, Buffer>();
  const put = (bytes: Buffer, mediaType: string) => {
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const pack = (one: Buffer, at: number) =>
    at % 2 ? put(zstdCompressSync(one), OCI.layerZstd) : put(gzipSync(one), OCI.layerGzip);
  const config: ImageConfig = {
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: tars.map((one) => sha256(one)) },
  };
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: put(Buffer.from(JSON.stringify(config)), OCI.config),
    layers: tars.map(pack),
  };
  const manifestBytes = Buffer.from(JSON.stringify(manifest));
  const manifestDescriptor = put(manifestBytes, OCI.manifest);
  const path = join(directory.path, "layout");
  await mkdir(join(path, "blobs/sha256"), { recursive: true });
  for (const [digest, bytes] of blobs) await writeFile(join(path, "blobs", digest.replace(":", "/")), bytes);
  await writeFile(join(path, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const entry = { ...manifestDescriptor, annotations: { "org.opencontainers.image.ref.name": "latest" } };
  await writeFile(join(path, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  return { layout: path, manifest, manifestBytes, manifestDescriptor, config, blobs };
}

before(async () => {
  directory = await scratch();
  server = await startRegistry();
  await mkdir(join(directory.path, "state"));
  agent = await startAgent({ state: join(directory.path, "state") });

  const lower = join(directory.path, "lower");
  await mkdir(join(lower, "private/deep"), { recursive: true });
  await chmod(join(lower, "private"), 0o750);
  await chown(join(lower, "private"), 123, 456);
  await mkdir(join(lower, "gone"));
  await writeFile(join(lower, "gone/file"), "x");
  await writeFile(join(lower, "removed"), "x");
  await writeFile(join(lower, "kept"), "kept");
  await writeFile(join(lower, "noise"), NOISE);
  await link(join(lower, "kept"), join(lower, "also-kept"));
  await symlink("kept", join(lower, "link"));
  const base = await tar(lower, [
    "private",
    "private/deep",
    "gone",
    "gone/file",
    "removed",
    "kept",
    "noise",
    "also-kept",
    "link",
  ]);

  const upper = join(directory.path, "upper");
  await mkdir(join(upper, "private/deep"), { recursive: true });
  await mkdir(join(upper, "gone"));
  await writeFile(join(upper, "private/deep/added"), "added");
  await writeFile(join(upper, ".wh.removed"), "");
  await writeFile(join(upper, "gone/.wh..wh..opq"), "");
  await writeFile(join(upper, "gone/new"), "new");
  // The folder above "added" is not in the layer: its owner and mode are the lower layer's.
  const top = await tar(upper, ["private/deep/added", ".wh.removed", "gone", "gone/.wh..wh..opq", "gone/new"]);

  image = await layout([base, top]);
  name = `${server.host}/tree:v1`;
  await skopeoPush(image, name);
});

after(async () => {
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** Shows the image's tree as a container would see it. */
async function look(store: Store, chainId: string, see: (root: string) => Promise<void>): Promise<void> {
  const key = `look-${randomBytes(4).toString("hex")}`;
  const mounts = await store.client.snapshots().view(key, chainId);
  const root = join(store.root, key);
  await mkdir(root);
  await agent.mount(mounts, root);
  try {
    // The agent mounts in the host's namespace: what containers' shims do for themselves.
    await see(root);
  } finally {
    await agent.unmount(root, { recursive: true });
    await store.client.snapshots().remove(key);
  }
}

async function check(root: string): Promise<void> {
  const mode = async (path: string): Promise<string> => {
    const { uid, gid, mode } = await lstat(join(root, path));
    return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
  };
  assert.equal(await mode("private"), "123:456 750");
  assert.equal(await readFile(join(root, "private/deep/added"), "utf8"), "added");
  assert.equal(await readFile(join(root, "gone/new"), "utf8"), "new");
  await assert.rejects(lstat(join(root, "gone/file")), { code: "ENOENT" });
  await assert.rejects(lstat(join(root, "removed")), { code: "ENOENT" });
  assert.deepEqual(await readFile(join(root, "noise")), NOISE);
  assert.equal((await lstat(join(root, "kept"))).ino, (await lstat(join(root, "also-kept"))).ino);
  assert.ok((await lstat(join(root, "link"))).isSymbolicLink());
}

test("a pulled tree has whiteouts, opaque folders, links, and the lower layers' owners where a layer is silent", async () => {
  await using store = await openStore({}, agent);
  const { chainId } = await store.pull(name);
  await look(store, chainId, check);
});

test("unpacking follows a download that breaks, and starts anew when the bytes were wrong", async () => {
  for (const fault of [{ dropAfter: 1 << 20 }, { corruptAt: 2_000_000 }]) {
    await using proxy = await startFaultyProxy(server.port);
    await using store = await openStore({}, agent);
    proxy.faults.push({ match: new RegExp(`^GET .*${image.manifest.layers[0]!.digest}`), times: 1, ...fault });
    const { chainId } = await store.pull(`${proxy.host}/tree:v1`);
    await look(store, chainId, check);
    assert.equal((await store.holdings()).snapshots.length, 2);
  }
});

test("a cancelled pull leaves no snapshot and no process of the agent's behind", async () => {
  await using proxy = await startFaultyProxy(server.port);
  await using store = await openStore({}, agent);
  proxy.faults.push({ match: /^GET .*blobs/, slow: 10 });
  const controller = new AbortController();
  const pulling = store.pull(`${proxy.host}/tree:v1`, { signal: controller.signal });
  setTimeout(() => controller.abort(), 300);
  await assert.rejects(pulling, { code: "Canceled" });
  assert.deepEqual((await store.holdings()).snapshots, []);
  const children = async (): Promise<string> =>
    (await readFile(`/proc/${agent.pid}/task/${agent.pid}/children`, "utf8")).trim();
  await settles(children, (seen) => assert.equal(seen, ""));
});
