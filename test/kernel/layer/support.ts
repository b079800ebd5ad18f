// What the layer tests share: an agent, scratch folders, trees described in full, archives written by hand.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { type Agent, type AgentUnpacked, startAgent } from "../../../src/daemon/agent/client.ts";

let agent: Agent | undefined;
let scratch = "";

/** Starts an agent for the file's tests and gives them a folder; both go at the end. */
export function setUp(): void {
  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), "layer-"));
    mkdirSync(join(scratch, "state"));
    agent = await startAgent({ state: join(scratch, "state") });
  });
  after(async () => {
    await agent?.[Symbol.asyncDispose]();
    spawnSync("umount", ["-R", join(scratch, "mnt")], { stdio: "ignore" });
    rmSync(scratch, { recursive: true, force: true });
  });
}

export function theAgent(): Agent {
  assert(agent);
  return agent;
}

let count = 0;

/** A fresh empty folder, or just its path. */
export function folder(name = "d", make = true): string {
  const path = join(scratch, `${name}${count++}`);
  if (make) mkdirSync(path);
  return path;
}

export function sh(script: string, cwd = scratch): string {
  return execFileSync("bash", ["-euc", script], { cwd, encoding: "utf8", maxBuffer: 1 << 28 });
}

export interface UnpackOptions {
  expectedDiffId?: string;
  limits?: { size?: number; entries?: number };
  signal?: AbortSignal;
}

/** Unpacks a blob (its bytes, or a file's path) into a folder. */
export async function unpack(
  blob: Uint8Array | string,
  target = folder(),
  options: UnpackOptions = {},
): Promise<AgentUnpacked & { target: string }> {
  let source = blob;
  if (typeof source !== "string") {
    source = folder("blob", false);
    writeFileSync(source, blob);
  }
  const mounts = [{ type: "bind", source: target, target: "", options: ["rbind", "rw"] }];
  return { ...(await theAgent().unpack({ mounts, mediaType: "", source: source as string, ...options })), target };
}

const DESCRIBE = `
import hashlib, json, os, stat, sys
root = os.fsencode(sys.argv[1])
out, inodes = {}, {}
def hexed(b): return b.hex()
for top, dirs, files in os.walk(root):
    for name in sorted(dirs + files) + ([b""] if top == root else []):
        path = os.path.join(top, name) if name else top
        key = os.path.relpath(path, root).decode("utf-8", "backslashreplace")
        s = os.lstat(path)
        kind = stat.S_IFMT(s.st_mode)
        e = {"type": {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFCHR: "char", stat.S_IFBLK: "block", stat.S_IFIFO: "fifo"}.get(kind, "other"),
             "mode": oct(stat.S_IMODE(s.st_mode)), "uid": s.st_uid, "gid": s.st_gid}
        if kind != stat.S_IFDIR: e["mtime"] = str(s.st_mtime_ns)
        else: e["mtime"] = str(s.st_mtime_ns) if name else "root"
        if kind == stat.S_IFLNK: e["link"] = os.readlink(path).decode("utf-8", "backslashreplace")
        if kind == stat.S_IFREG:
            e["size"] = s.st_size
            if s.st_size < 1 << 28: e["sha256"] = hashlib.sha256(open(path, "rb").read()).hexdigest()
        if kind in (stat.S_IFCHR, stat.S_IFBLK): e["rdev"] = "%d:%d" % (os.major(s.st_rdev), os.minor(s.st_rdev))
        if kind != stat.S_IFDIR and s.st_nlink > 1: inodes.setdefault(s.st_ino, []).append(key)
        x = {}
        for n in os.listxattr(path, follow_symlinks=False):
            if n == "security.selinux": continue
            x[n] = hexed(os.getxattr(path, n, follow_symlinks=False))
        if x: e["xattrs"] = x
        out[key] = e
for names in inodes.values():
    for name in names: out[name]["inode"] = min(names)
json.dump(out, sys.stdout, sort_keys=True)
`;

export interface Described {
  type: string;
  mode: string;
  uid: number;
  gid: number;
  mtime: string;
  link?: string;
  size?: number;
  sha256?: string;
  rdev?: string;
  /** Where there are several names: the first one. */
  inode?: string;
  xattrs?: Record<string, string>;
}

/** Everything about every file of a tree, by path. */
export function describe(root: string): Record<string, Described> {
  const text = execFileSync("python3", ["-c", DESCRIBE, root], { encoding: "utf8", maxBuffer: 1 << 28 });
  return JSON.parse(text) as Record<string, Described>;
}

/** Paths of a tree, sorted, without the root. */
export function paths(root: string): string[] {
  return Object.keys(describe(root))
    .filter((path) => path !== ".")
    .sort();
}

export interface RawEntry {
  name: string;
  type?: string;
  data?: Uint8Array | string;
  /** Overrides what the header says of the data's length. */
  size?: number;
  link?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  pax?: Record<string, string | Uint8Array>;
  /** Changes the header block before its checksum is computed. */
  edit?: (block: Buffer) => void;
  major?: number;
  minor?: number;
}

const octal = (value: number, length: number) =>
  `${Math.max(0, value)
    .toString(8)
    .padStart(length - 1, "0")}\0`;

function block(entry: RawEntry, size: number): Buffer {
  const b = Buffer.alloc(512);
  b.write(entry.name, 0, 100, "latin1");
  b.write(octal(entry.mode ?? 0o644, 8), 100);
  b.write(octal(entry.uid ?? 0, 8), 108);
  b.write(octal(entry.gid ?? 0, 8), 116);
  b.write(octal(size, 12), 124);
  b.write(octal(entry.mtime ?? 1e9, 12), 136);
  b.write(entry.type ?? "0", 156);
  b.write(entry.link ?? "", 157, 100, "latin1");
  b.write("ustar\x0000", 257, "latin1");
  b.write(octal(entry.major ?? 0, 8), 329);
  b.write(octal(entry.minor ?? 0, 8), 337);
  entry.edit?.(b);
  b.fill(" ", 148, 156);
  b.write(
    `${b
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return b;
}

function padded(data: Uint8Array): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

export function paxRecords(records: Record<string, string | Uint8Array>): Buffer {
  const parts = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
    let length = rest.length + String(rest.length).length;
    if (String(length).length + rest.length !== length) length = rest.length + String(length).length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return Buffer.concat(parts);
}

/** One entry's bytes, its PAX header before it. */
export function entryBytes(entry: RawEntry): Buffer {
  const data = Buffer.from(entry.data ?? "");
  const parts: Buffer[] = [];
  if (entry.pax) {
    const records = paxRecords(entry.pax);
    parts.push(block({ name: "PaxHeaders.0/x", type: "x" }, records.length), padded(records));
  }
  parts.push(block(entry, entry.size ?? data.length), padded(data));
  return Buffer.concat(parts);
}

/** An archive made of entries, whatever they say. */
export function tar(...entries: RawEntry[]): Buffer {
  return Buffer.concat([...entries.map(entryBytes), Buffer.alloc(1024)]);
}

export const dir = (name: string, more: Partial<RawEntry> = {}): RawEntry => ({
  name,
  type: "5",
  mode: 0o755,
  ...more,
});
export const file = (name: string, data = "", more: Partial<RawEntry> = {}): RawEntry => ({ name, data, ...more });
export const symlink = (name: string, link: string): RawEntry => ({ name, type: "2", link, mode: 0o777 });
export const hardlink = (name: string, link: string): RawEntry => ({ name, type: "1", link });

/** Mounts an overlay of lower folders (nearest first) read-only, hands it to `look`, and unmounts it. */
export async function overlaid<T>(lowers: string[], look: (path: string) => T | Promise<T>): Promise<T> {
  const path = folder("overlay");
  const empty = folder("empty");
  sh(`mount -t overlay overlay -o ro,lowerdir=${[...lowers, empty].join(":")} ${path}`);
  try {
    return await look(path);
  } finally {
    sh(`umount ${path}`);
  }
}

/** Mounts a file system of a few bytes, hands it to `use`, and unmounts it. */
export async function onTmpfs<T>(options: string, use: (path: string) => T | Promise<T>): Promise<T> {
  const path = folder("tmpfs");
  sh(`mount -t tmpfs -o ${options} wharf-test ${path}`);
  try {
    return await use(path);
  } finally {
    sh(`umount ${path}`);
  }
}
