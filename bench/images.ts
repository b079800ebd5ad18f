// The images the benchmarks pull, made of the peers root's own files: a small one, and 94 MB of gzip in one layer and in eight.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { cp, lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { createGzip, createZstdCompress } from "node:zlib";
import { type Context, command, which } from "./context.ts";
import { REGISTRY, registry } from "./daemons.ts";

const TARGET = 94e6;
type Compression = "gzip" | "zstd";
const LAYER = "application/vnd.oci.image.layer.v1.tar";

/** The images by name; those that end with "zstd" hold the same files. */
const NAMES = ["busybox", "one", "eight", "one-zstd", "eight-zstd"] as const;
export type ImageName = (typeof NAMES)[number];

/** In the cache: an ext4 file system with nothing in it, which is copied for each pull. */
export const EMPTY_DISK = "empty.ext4";

/** Made on the host, whose mkfs.ext4 is there on every Debian; the peers root has none. */
export function makeEmptyDisk(cache: string): void {
  const file = join(cache, EMPTY_DISK);
  if (existsSync(file)) return;
  const [size, inodes] = ["4g", "65536"];
  // inode tables are written now, not by a kernel thread during the measurement
  const options = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-N", inodes];
  execFileSync("mkfs.ext4", [...options, `${file}.new`, size], { stdio: "inherit" });
  renameSync(`${file}.new`, file);
}

interface Blob {
  digest: string;
  size: number;
}

interface Layer extends Blob {
  diffId: string;
}

function putJson(layout: string, value: unknown): Blob {
  const text = JSON.stringify(value);
  const hash = createHash("sha256").update(text).digest("hex");
  writeFileSync(join(layout, "blobs/sha256", hash), text);
  return { digest: `sha256:${hash}`, size: Buffer.byteLength(text) };
}

/** Packs the named files below `from` into a layer of the layout. */
async function putLayer(
  layout: string,
  from: string,
  files: readonly string[],
  compression: Compression = "gzip",
): Promise<Layer> {
  const list = join(layout, "list");
  writeFileSync(list, files.map((file) => `${file}\0`).join(""));
  const fixed = ["--sort=none", "--no-recursion", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
  const tar = spawn("tar", ["-C", from, ...fixed, "--null", "-T", list, "-cf", "-"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [raw, packed] = [createHash("sha256"), createHash("sha256")];
  const packer = compression === "gzip" ? createGzip({ level: 6 }) : createZstdCompress();
  const tmp = join(layout, "layer");
  const out = createWriteStream(tmp);
  let size = 0;
  tar.stdout.on("data", (chunk: Buffer) => raw.update(chunk));
  packer.on("data", (chunk: Buffer) => {
    size += chunk.length;
    packed.update(chunk);
  });
  tar.stdout.pipe(packer).pipe(out);
  const code = new Promise<number | null>((resolve) => tar.on("close", resolve));
  await finished(out);
  if ((await code) !== 0) throw new Error(`tar ended with ${await code}`);
  const digest = packed.digest("hex");
  renameSync(tmp, join(layout, "blobs/sha256", digest));
  rmSync(list);
  return { digest: `sha256:${digest}`, size, diffId: `sha256:${raw.digest("hex")}` };
}

function finishLayout(layout: string, layers: readonly Layer[], compression: Compression): void {
  const config = putJson(layout, {
    architecture: "amd64",
    os: "linux",
    config: { Env: ["PATH=/bin:/usr/bin"], Cmd: ["sh"] },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  });
  const manifest = putJson(layout, {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: layers.map(({ digest, size }) => ({ mediaType: `${LAYER}+${compression}`, digest, size })),
  });
  const entry = { mediaType: "application/vnd.oci.image.manifest.v1+json", ...manifest };
  const named = { ...entry, annotations: { "org.opencontainers.image.ref.name": "latest" } };
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

/** Makes a layout in passing, so that one that is there is whole. Answers with the sum of its layers' sizes. */
async function makeLayout(
  dir: string,
  layers: (layout: string) => Promise<Layer[]>,
  compression: Compression = "gzip",
): Promise<number> {
  const tmp = `${dir}.new`;
  rmSync(tmp, { recursive: true, force: true });
  mkdirSync(join(tmp, "blobs/sha256"), { recursive: true });
  const made = await layers(tmp);
  finishLayout(tmp, made, compression);
  rmSync(dir, { recursive: true, force: true });
  renameSync(tmp, dir);
  return made.reduce((sum, { size }) => sum + size, 0);
}

/** What the rows' names say is so, within 2 %. */
const isTarget = (size: number) => Math.abs(size / TARGET - 1) < 0.02;

/** Bytes of all blobs of a layout. */
function blobBytes(layout: string): number {
  const dir = join(layout, "blobs/sha256");
  return readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
}

interface SomeFile {
  path: string;
  /** Bytes; 0 for folders. */
  size: number;
}

/** Files and folders of the peers root's /usr, in order, until they have `limit` bytes. */
async function someFiles(limit: number): Promise<SomeFile[]> {
  const found: SomeFile[] = [];
  let sum = 0;
  const visit = async (dir: string): Promise<void> => {
    const names: string[] = [];
    for await (const entry of await opendir(join("/", dir))) names.push(entry.name);
    found.push({ path: dir, size: 0 });
    for (const name of names.sort()) {
      if (sum >= limit) return;
      const path = join(dir, name);
      const status = await lstat(join("/", path));
      if (status.isDirectory()) await visit(path);
      else if (status.isFile() || status.isSymbolicLink()) {
        sum += status.size;
        found.push({ path, size: status.size });
      }
    }
  };
  for (const dir of [
    "usr/share",
    "usr/lib/python3.13",
    "usr/lib/python3.14",
    "usr/lib/git-core",
    "usr/lib/x86_64-linux-gnu",
    "usr/bin",
  ])
    if (sum < limit && existsSync(join("/", dir))) await visit(dir);
  return found;
}

/** In order, what fits into `limit` bytes: the largest files come last, and one that does not fit is left out. */
export function fitting(files: readonly SomeFile[], limit: number): SomeFile[] {
  let sum = 0;
  return files.filter(({ size }) => {
    if (sum + size > limit) return false;
    sum += size;
    return true;
  });
}

/** In order, in `count` parts of about the same number of bytes. */
export function split(files: readonly SomeFile[], count: number): SomeFile[][] {
  const parts: SomeFile[][] = Array.from({ length: count }, () => []);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let sum = 0;
  for (const file of files) {
    const middle = sum + file.size / 2;
    parts[Math.min(count - 1, Math.floor((middle / total) * count))]!.push(file);
    sum += file.size;
  }
  return parts;
}

export const APPLETS = [
  "sh",
  "true",
  "false",
  "echo",
  "cat",
  "sleep",
  "ls",
  "ps",
  "hostname",
  "id",
  "env",
  "kill",
  "mount",
];

/** A root file system of busybox alone. */
export async function busyboxRoot(dir: string): Promise<void> {
  mkdirSync(join(dir, "bin"), { recursive: true });
  for (const name of ["proc", "sys", "dev", "etc", "tmp", "root"]) mkdirSync(join(dir, name), { recursive: true });
  await cp(which("busybox"), join(dir, "bin/busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(dir, "bin", applet));
}

/** Makes what is not there yet, and answers with the layouts' folders. */
async function layouts(context: Context): Promise<Record<ImageName, string>> {
  const { cache, work } = context.settings;
  const dirs = Object.fromEntries(NAMES.map((name) => [name, join(cache, name)])) as Record<ImageName, string>;
  if (!existsSync(dirs.busybox)) {
    const root = join(work, "busybox-root");
    await busyboxRoot(root);
    const files = ["bin/busybox", ...APPLETS.map((name) => `bin/${name}`)];
    const folders = ["bin", "proc", "sys", "dev", "etc", "tmp", "root"];
    await makeLayout(dirs.busybox, async (layout) => [await putLayer(layout, root, [...folders, ...files])]);
  }
  if (!NAMES.every((name) => existsSync(dirs[name])) || !isTarget(blobBytes(dirs.one))) {
    context.say("making the images to pull, once");
    const all = await someFiles(TARGET * 4);
    // packed first all together, which tells how well they pack, then until it is as large as it should be
    let limit = Number.POSITIVE_INFINITY;
    let files: string[] = [];
    let parts: string[][] = [];
    let size = 0;
    for (let tries = 0; !isTarget(size) && tries < 6; tries++) {
      const chosen = fitting(all, limit);
      files = chosen.map(({ path }) => path);
      parts = split(chosen, 8).map((part) => part.map(({ path }) => path));
      size = await makeLayout(dirs.one, async (layout) => [await putLayer(layout, "/", files)]);
      limit = (chosen.reduce((sum, one) => sum + one.size, 0) * TARGET) / size;
    }
    if (!isTarget(size))
      throw new Error(`the peers root's files make an image of ${Math.round(size / 1e6)} MB, not of ${TARGET / 1e6}`);
    const packed = (all: readonly string[][], compression: Compression) => async (layout: string) => {
      const layers: Layer[] = [];
      for (const part of all) layers.push(await putLayer(layout, "/", part, compression));
      return layers;
    };
    await makeLayout(dirs.eight, packed(parts, "gzip"));
    await makeLayout(dirs["one-zstd"], packed([files], "zstd"), "zstd");
    await makeLayout(dirs["eight-zstd"], packed(parts, "zstd"), "zstd");
  }
  return dirs;
}

/** The images' names in the local registry, where they now are. */
export function pushedImages(context: Context): Promise<Record<ImageName, string>> {
  return context.once("images", async () => {
    const dirs = await layouts(context);
    await registry(context);
    const names = Object.fromEntries(NAMES.map((name) => [name, `${REGISTRY}/${name}:latest`]));
    for (const name of NAMES)
      await command(
        which("skopeo"),
        ...["copy", "-q", "--dest-tls-verify=false", "--insecure-policy"],
        `oci:${dirs[name]}:latest`,
        `docker://${names[name]}`,
      );
    return names as Record<ImageName, string>;
  });
}
