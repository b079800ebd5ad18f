// Layers unpacked side by side and stacked by overlayfs, against umoci, which applies them one after the other to one directory.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  type Described,
  describe,
  dir,
  file,
  folder,
  overlaid,
  type RawEntry,
  setUp,
  sh,
  symlink,
  tar,
  theAgent,
  unpack,
} from "../../kernel/layer/support.ts";

setUp();

const PEERS = join(import.meta.dirname, "../../../tools/peers");

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x100000000) * below);
  };
}

/** What the image holds after some layers: a directory is a map, anything else a string. */
type Node = Map<string, Node> | string;

interface Walk {
  path: string;
  parent: Map<string, Node>;
  name: string;
  node: Node;
}

function all(node: Map<string, Node>, prefix = ""): Walk[] {
  return [...node].flatMap(([name, child]) => {
    const walk = { path: prefix + name, parent: node, name, node: child };
    return typeof child === "string" ? [walk] : [walk, ...all(child, `${prefix}${name}/`)];
  });
}

/** A random layer over `tree`, which it changes: new and replaced files, whiteouts, opaque directories, parents left out now and then. */
function layer(tree: Map<string, Node>, next: (below: number) => number, number: number): RawEntry[] {
  const entries = new Map<string, RawEntry>();
  const mtime = () => 1e9 + next(1000000);
  const dirs = () => [{ path: "", node: tree as Node }, ...all(tree).filter(({ node }) => typeof node !== "string")];
  const pick = <T>(list: T[]): T => list[next(list.length)]!;
  const below = (path: string, name: string) => (path ? `${path}/${name}` : name);
  /** A directory's own entry, which most writers of layers put before what is in it. */
  const describeDir = (path: string) => {
    if (path && next(3) > 0 && !entries.has(path))
      entries.set(path, dir(path, { mode: 0o700 + next(64), uid: next(5), mtime: mtime() }));
  };
  for (let i = 0; i < 12; i++) {
    const { path, node } = pick(dirs());
    const children = node as Map<string, Node>;
    const name = `${pick(["a", "b", "c", "d", "long-name"])}${next(4)}`;
    const at = below(path, name);
    // one layer says one thing about a path, and nothing about what it has removed
    const touched = [...entries.keys()].some(
      (known) => known === at || known.startsWith(`${at}/`) || at.startsWith(`${known}/.wh.`),
    );
    const parts = path.split("/");
    const hidden = parts.some((part, n) => entries.has(below(parts.slice(0, n).join("/"), `.wh.${part}`)));
    if (touched || hidden || entries.has(below(path, `.wh.${name}`)) || entries.has(below(path, ".wh..wh..opq")))
      continue;
    const old = children.get(name);
    const kind = next(6);
    if (kind < 2 && !(old instanceof Map)) {
      describeDir(path);
      entries.set(at, file(at, `layer ${number} entry ${i}`, { mode: 0o600 + next(64), gid: next(9), mtime: mtime() }));
      children.set(name, "file");
    } else if (kind === 2 && (old === undefined || old instanceof Map)) {
      describeDir(path);
      entries.set(at, dir(at, { mode: 0o1700 + next(64), uid: next(9), mtime: mtime() }));
      if (!old) children.set(name, new Map());
    } else if (kind === 3 && old === undefined) {
      describeDir(path);
      entries.set(at, symlink(at, pick(["nowhere", "../..", "/etc/passwd"])));
      children.set(name, "link");
    } else if (kind === 4 && old !== undefined) {
      describeDir(path);
      entries.set(below(path, `.wh.${name}`), file(below(path, `.wh.${name}`)));
      children.delete(name);
    } else if (kind === 5 && old instanceof Map && ![...entries.keys()].some((known) => known.startsWith(at))) {
      entries.set(at, dir(at, { mode: 0o711, mtime: mtime() }));
      entries.set(`${at}/.wh..wh..opq`, file(`${at}/.wh..wh..opq`));
      entries.set(`${at}/kept`, file(`${at}/kept`, `after ${number}`, { mtime: mtime() }));
      children.set(name, new Map([["kept", "file"]]));
    }
  }
  return [...entries.values()];
}

/** An OCI image layout of the layers, and umoci's unpacked root file system of it. */
function byUmoci(layers: Buffer[]): string {
  const top = folder("umoci");
  const image = join(top, "image");
  mkdirSync(join(image, "blobs/sha256"), { recursive: true });
  const put = (bytes: Uint8Array, mediaType: string) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(image, "blobs/sha256", hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: unknown, mediaType: string) => put(Buffer.from(JSON.stringify(value)), mediaType);
  const diffIds = layers.map((bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`);
  const config = { architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: diffIds } };
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: json(config, "application/vnd.oci.image.config.v1+json"),
    layers: layers.map((bytes) => put(gzipSync(bytes), "application/vnd.oci.image.layer.v1.tar+gzip")),
  };
  const described = json(manifest, "application/vnd.oci.image.manifest.v1+json");
  const annotations = { "org.opencontainers.image.ref.name": "test" };
  writeFileSync(
    join(image, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...described, annotations }] }),
  );
  writeFileSync(join(image, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  sh(`${PEERS} enter --bind ${top} umoci unpack --image ${image}:test ${top}/bundle`);
  return join(top, "bundle/rootfs");
}

/** Times of directories are compared only where a layer says them: what is written into one later changes it in one place, not in the other. */
function comparable(described: Record<string, Described>): Record<string, Described> {
  for (const entry of Object.values(described)) {
    if (entry.type === "dir") entry.mtime = "";
    for (const name of Object.keys(entry.xattrs ?? {}))
      if (name.startsWith("trusted.overlay.")) delete entry.xattrs![name];
    if (Object.keys(entry.xattrs ?? {}).length === 0) delete entry.xattrs;
  }
  delete described["."];
  return described;
}

test("layers unpacked side by side look as umoci's, which are applied in turn", async () => {
  sh(`${PEERS} setup`);
  for (let seed = 1; seed <= 12; seed++) {
    const next = random(seed * 7919);
    const tree = new Map<string, Node>();
    const layers = Array.from({ length: 5 }, (_, i) => tar(...layer(tree, next, i)));
    const ours = await Promise.all(layers.map((bytes) => unpack(gzipSync(bytes))));
    for (let i = 1; i < ours.length; i++) {
      const lowers = ours.slice(0, i).map(({ target }) => target);
      await theAgent().inherit(ours[i]!.target, lowers.reverse(), ours[i]!.missingParents);
    }
    const theirs = comparable(describe(byUmoci(layers)));
    assert.deepEqual(
      Object.keys(theirs).sort(),
      all(tree)
        .map(({ path }) => path)
        .sort(),
      `seed ${seed}: the model is wrong`,
    );
    await overlaid(ours.map(({ target }) => target).reverse(), (view) => {
      assert.deepEqual(comparable(describe(view)), theirs, `seed ${seed}`);
    });
  }
});
