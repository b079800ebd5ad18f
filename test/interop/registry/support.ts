/** Real parts for the registry tests: Debian's docker-registry on a free loopback port, images made of busybox, skopeo. */

import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Digest } from "../../../src/common/digest.ts";
import type { Descriptor, ImageConfig, Manifest } from "../../../src/common/oci/image.ts";
import { OCI } from "../../../src/common/oci/media-types.ts";
import { until } from "../../support/until.ts";

export const run = promisify(execFile);

export interface Directory extends AsyncDisposable {
  path: string;
}

/** A directory that goes with the test. */
export async function scratch(): Promise<Directory> {
  const path = await mkdtemp(join(tmpdir(), "wharf-registry-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export interface RegistryProcess extends AsyncDisposable {
  /** `localhost:<port>`. */
  host: string;
  port: number;
  /** Standard error so far, its log. */
  log(): string;
}

/** user:secret, with bcrypt as docker-registry demands. */
const HTPASSWD = "user:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

export interface RegistrySettings {
  /** Demands user "user" with password "secret". */
  basic?: boolean;
  /** Bearer tokens from this server, signed with the certificate's key. */
  token?: { realm: string; service: string; issuer: string; certificate: string };
  /** `clients`: the authority of the certificates that clients must have. */
  tls?: { certificate: string; key: string; clients?: string };
}

/** Starts Debian's docker-registry. */
export async function startRegistry(settings: RegistrySettings = {}): Promise<RegistryProcess> {
  const directory = await scratch();
  await writeFile(join(directory.path, "htpasswd"), HTPASSWD);
  const auth = settings.basic
    ? { htpasswd: { realm: "test", path: join(directory.path, "htpasswd") } }
    : settings.token
      ? {
          token: {
            realm: settings.token.realm,
            service: settings.token.service,
            issuer: settings.token.issuer,
            rootcertbundle: settings.token.certificate,
          },
        }
      : undefined;
  const { tls } = settings;
  const clientcas = tls?.clients === undefined ? {} : { clientcas: [tls.clients] };
  const config = {
    version: 0.1,
    log: { level: "info", accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: join(directory.path, "data") }, delete: { enabled: true } },
    http: {
      addr: "127.0.0.1:0",
      ...(tls ? { tls: { certificate: tls.certificate, key: tls.key, ...clientcas } } : {}),
    },
    ...(auth ? { auth } : {}),
  };
  // JSON is YAML.
  await writeFile(join(directory.path, "config.yml"), JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", join(directory.path, "config.yml")], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      log += chunk.toString();
    });
  }
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
    await directory[Symbol.asyncDispose]();
  };
  let port = 0;
  try {
    await until("docker-registry's port", () => {
      if (child.exitCode !== null) throw new Error("it has ended");
      port = Number(/listening on 127\.0\.0\.1:(\d+)\D/.exec(log)?.[1] ?? 0);
      return port > 0;
    });
  } catch (cause) {
    await stop();
    throw new Error(`docker-registry did not start: ${log}`, { cause });
  }
  return { host: `localhost:${port}`, port, log: () => log, [Symbol.asyncDispose]: stop };
}

export function sha256(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export interface LayerSpec {
  /** Path to content; a path that ends in "/" is a directory. */
  files: Record<string, string | Uint8Array>;
  compression?: "gzip" | "zstd" | "none";
}

export interface BuiltImage {
  /** OCI layout directory, tag `latest`. */
  layout: string;
  manifest: Manifest;
  manifestBytes: Buffer;
  manifestDescriptor: Descriptor;
  config: ImageConfig;
  /** Every blob by digest. */
  blobs: Map<string, Buffer>;
}

const PACK = {
  gzip: { type: OCI.layerGzip, pack: (tar: Buffer) => gzipSync(tar, { level: 1 }) },
  zstd: { type: OCI.layerZstd, pack: (tar: Buffer) => zstdCompressSync(tar) },
  none: { type: OCI.layer, pack: (tar: Buffer) => tar },
};

/** Builds an image in an OCI layout below `directory`. */
export async function buildImage(
  directory: string,
  layers: LayerSpec[],
  platform = { os: "linux", architecture: "amd64" },
): Promise<BuiltImage> {
  const blobs = new Map<string, Buffer>();
  const put = (bytes: Buffer, mediaType: string): Descriptor => {
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const diffIds: Digest[] = [];
  const descriptors: Descriptor[] = [];
  for (const [at, layer] of layers.entries()) {
    const root = join(directory, `layer-${at}-${Math.random().toString(36).slice(2)}`);
    for (const [name, content] of Object.entries(layer.files)) {
      const path = join(root, name);
      await mkdir(name.endsWith("/") ? path : join(path, ".."), { recursive: true });
      if (!name.endsWith("/")) await writeFile(path, content, { mode: 0o755 });
    }
    const tar = (
      await run(
        "tar",
        ["-C", root, "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "-cf", "-", "."],
        {
          encoding: "buffer",
          maxBuffer: 1 << 30,
        },
      )
    ).stdout;
    diffIds.push(sha256(tar));
    const { type, pack } = PACK[layer.compression ?? "gzip"];
    descriptors.push(put(pack(tar), type));
  }
  const config: ImageConfig = {
    ...platform,
    config: { Cmd: ["/bin/sh"] },
    rootfs: { type: "layers", diff_ids: diffIds },
  };
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config: put(Buffer.from(JSON.stringify(config)), OCI.config),
    layers: descriptors,
  };
  const manifestBytes = Buffer.from(JSON.stringify(manifest));
  const manifestDescriptor = put(manifestBytes, OCI.manifest);
  const layout = join(directory, `layout-${Math.random().toString(36).slice(2)}`);
  await mkdir(join(layout, "blobs/sha256"), { recursive: true });
  for (const [digest, bytes] of blobs) await writeFile(join(layout, "blobs", digest.replace(":", "/")), bytes);
  await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const entry = { ...manifestDescriptor, platform, annotations: { "org.opencontainers.image.ref.name": "latest" } };
  await writeFile(
    join(layout, "index.json"),
    JSON.stringify({ schemaVersion: 2, mediaType: OCI.index, manifests: [entry] }),
  );
  return { layout, manifest, manifestBytes, manifestDescriptor, config, blobs };
}

/** Pushes an image with skopeo. */
export async function skopeoPush(image: BuiltImage, target: string, options: string[] = []): Promise<void> {
  await run("skopeo", [
    "copy",
    "--preserve-digests",
    "--dest-tls-verify=false",
    ...options,
    `oci:${image.layout}:latest`,
    `docker://${target}`,
  ]);
}

/** A sink in memory. */
export function memorySink(): {
  offset: number;
  write(chunk: Uint8Array): Promise<void>;
  bytes(): Buffer;
  clear(): void;
} {
  let parts: Buffer[] = [];
  return {
    offset: 0,
    async write(chunk) {
      parts.push(Buffer.from(chunk));
      this.offset += chunk.byteLength;
    },
    bytes: () => Buffer.concat(parts),
    clear() {
      parts = [];
      this.offset = 0;
    },
  };
}
