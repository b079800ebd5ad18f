// Images made of any layers at all, good and bad, pushed to a registry: busybox ones, multi-platform ones, Debian by debootstrap.
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { ROOT } from "../../../tools/lib/native.ts";
import { run, sha256 } from "../registry/support.ts";

export interface LayerSpec {
  tar: Buffer;
  as?: "gzip" | "zstd" | "none";
  /** The blob itself, where it is not what packing the tar gives. */
  blob?: Buffer;
}

const PACKED = {
  gzip: { type: "application/vnd.oci.image.layer.v1.tar+gzip", pack: (tar: Buffer) => gzipSync(tar, { level: 1 }) },
  zstd: { type: "application/vnd.oci.image.layer.v1.tar+zstd", pack: (tar: Buffer) => zstdCompressSync(tar) },
  none: { type: "application/vnd.oci.image.layer.v1.tar", pack: (tar: Buffer) => tar },
};
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";

interface Entry {
  mediaType: string;
  digest: string;
  size: number;
  platform?: { os: string; architecture: string };
}

export interface ImageSpec {
  layers: LayerSpec[];
  /** Changes the configuration before it is written. */
  config?: Record<string, unknown>;
  architecture?: string;
}

/** An OCI layout with the tag `latest`; several images make an index of platforms. */
export function makeLayout(dir: string, ...images: ImageSpec[]): string {
  mkdirSync(join(dir, "blobs/sha256"), { recursive: true });
  const put = (bytes: Buffer, mediaType: string): Entry => {
    const digest = sha256(bytes);
    writeFileSync(join(dir, "blobs", digest.replace(":", "/")), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const entries = images.map(({ layers, config = {}, architecture = "amd64" }): Entry => {
    const described = layers.map(({ tar, as = "gzip", blob }) => put(blob ?? PACKED[as].pack(tar), PACKED[as].type));
    const rootfs = { type: "layers", diff_ids: layers.map(({ tar }) => sha256(tar)) };
    const base = { os: "linux", architecture, config: { Cmd: ["/bin/sh"], Env: ["PATH=/bin:/usr/bin"] }, rootfs };
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: put(json({ ...base, ...config }), CONFIG),
      layers: described,
    };
    return { ...put(json(manifest), MANIFEST), platform: { os: "linux", architecture } };
  });
  const top =
    entries.length === 1 ? entries[0]! : put(json({ schemaVersion: 2, mediaType: INDEX, manifests: entries }), INDEX);
  const named = { ...top, annotations: { "org.opencontainers.image.ref.name": "latest" } };
  writeFileSync(join(dir, "index.json"), json({ schemaVersion: 2, mediaType: INDEX, manifests: [named] }));
  writeFileSync(join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  return dir;
}

/** Pushes a layout with skopeo, all platforms, digests as they are. */
export async function push(layout: string, target: string): Promise<void> {
  const options = ["--all", "--preserve-digests", "--dest-tls-verify=false", "--insecure-policy", "-q"];
  await run("skopeo", ["copy", ...options, `oci:${layout}:latest`, `docker://${target}`]);
}

/** A tar of a folder's content, the same for the same content. */
export function tarOf(folder: string): Buffer {
  const fixed = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@1000000000"];
  return execFileSync("tar", ["-C", folder, ...fixed, "-cf", "-", "."], { maxBuffer: 1 << 30 });
}

/** A tar with busybox and its links, and files beside. */
export function busyboxTar(dir: string, files: Record<string, string> = {}): Buffer {
  mkdirSync(join(dir, "bin"), { recursive: true });
  copyFileSync("/usr/bin/busybox", join(dir, "bin/busybox"));
  for (const name of ["sh", "cat", "echo", "ls", "true", "sleep", "stat", "id", "find", "head", "wc"])
    if (!existsSync(join(dir, "bin", name))) symlinkSync("busybox", join(dir, "bin", name));
  return addFiles(dir, files);
}

export function addFiles(dir: string, files: Record<string, string>): Buffer {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(dir, name, ".."), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  const tar = tarOf(dir);
  rmSync(dir, { recursive: true });
  return tar;
}

/** The suite of the Debian that is made. */
export const DEBIAN = "bookworm";

/** A tar of a minimal Debian, made by debootstrap once and kept in build/. */
export function debianTar(scratch: string): Buffer {
  const kept = join(ROOT, `build/e2e/debian-${DEBIAN}.tar`);
  if (!existsSync(kept)) {
    const root = join(scratch, "debian");
    const options = ["--variant=minbase", "--include=busybox-static"];
    // a mirror may fail for a moment
    for (let tries = 0; ; tries++) {
      rmSync(root, { recursive: true, force: true });
      const made = spawnSync("debootstrap", [...options, DEBIAN, root, mirror()], { encoding: "utf8" });
      if (made.status === 0) break;
      if (tries === 3)
        throw new Error(`debootstrap ended with ${made.status}: ${made.stdout.slice(-2000)}${made.stderr}`);
    }
    for (const path of ["var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"])
      for (const name of readdirSync(join(root, path))) rmSync(join(root, path, name), { recursive: true });
    mkdirSync(join(kept, ".."), { recursive: true });
    // device nodes cannot be made everywhere, and a container has its own
    execFileSync("tar", ["-C", root, "--numeric-owner", "--exclude=./dev/*", "-cf", `${kept}.new`, "."]);
    rmSync(root, { recursive: true });
    renameSync(`${kept}.new`, kept);
  }
  return readFileSync(kept);
}

/** Where this machine's own packages come from. */
function mirror(): string {
  const targets = execFileSync("apt-get", ["indextargets", "--format", "$(SITE) $(ORIGIN)", "Created-By: Packages"], {
    encoding: "utf8",
  });
  const line = targets.split("\n").find((one) => one.endsWith(" Debian"));
  if (!line) throw new Error("apt knows no Debian mirror");
  return line.split(" ")[0]!;
}
