// A layer onto a list of mounts: finds the directory to write to, unpacks, and adds what the confined process may not set itself.
import type { AgentMount, UnpackAnswer, UnpackRequest } from "../../common/agent/protocol.ts";
import { WharfError } from "../../common/errors.ts";
import { sys } from "../sys/call.ts";
import { kernelError } from "../sys/errno.ts";
import { Fd, O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import type { Trace } from "../sys/trace.ts";
import { inherit } from "./inherit.ts";
import { type LateXattr, unhex } from "./metadata.ts";
import { type BlobSource, unpackBlob } from "./pipeline.ts";
import { cName } from "./tar/names.ts";
import type { UnpackResult } from "./unpack-types.ts";

const RESOLVE_NO_MAGICLINKS = 2;
const RESOLVE_IN_ROOT = 0x10;
const ENOTSUP = -95;

/** Where a list of mounts is written to, and what lies below it. */
export interface Writable {
  directory: string;
  /** Lower directories of an overlay, nearest first. */
  lowers: string[];
}

function option(mount: AgentMount, name: string): string | undefined {
  return mount.options.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Lower directories as overlayfs separates them: colons, which a backslash keeps literal. */
export function splitLowers(text: string): string[] {
  const dirs: string[] = [];
  let dir = "";
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\" && i + 1 < text.length) dir += text[++i];
    else if (text[i] === ":") {
      dirs.push(dir);
      dir = "";
    } else dir += text[i];
  }
  dirs.push(dir);
  return dirs.filter((each) => each !== "");
}

/**
 * The directory behind a list of mounts that can be written without mounting it: a bind mount's source, or an overlay's upper directory.
 * Undefined for other lists.
 */
export function writableOf(mounts: readonly AgentMount[]): Writable | undefined {
  const [mount, ...others] = mounts;
  if (!mount || others.length > 0 || mount.target) return undefined;
  if (mount.type === "overlay") {
    const upper = option(mount, "upperdir");
    if (!upper)
      throw new WharfError("FailedPrecondition", "cannot unpack into a read-only overlay: it has no upperdir");
    return { directory: upper, lowers: splitLowers(option(mount, "lowerdir") ?? "") };
  }
  if (mount.type === "bind" || mount.options.some((text) => text === "bind" || text === "rbind")) {
    if (mount.options.includes("ro"))
      throw new WharfError("FailedPrecondition", "cannot unpack into a read-only mount");
    return { directory: mount.source, lowers: [] };
  }
  return undefined;
}

/** Opens what is at `path` for the unpacker, whose root `root` was: its links lead nowhere else. */
function openInside(root: number, path: string, flags: number): Fd {
  const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const how = new BigUint64Array([BigInt(flags | O.RDONLY | O.NONBLOCK | O.CLOEXEC), 0n, BigInt(resolve)]);
  return new Fd(sys("open", path, NR.openat2, root, cName(path === "" ? "." : path), how, 24));
}

function setXattr(fd: Fd, path: string, name: string, value: Uint8Array): void {
  const answer = native.syscall(NR.fsetxattr, fd.value, cName(name), value, value.length, 0);
  if (answer < 0 && answer !== ENOTSUP) throw kernelError(`set xattr ${name} on`, path, -answer);
}

/** Opaque marks and administrators' xattrs. */
function finish(root: number, { opaque, lateXattrs }: UnpackResult): void {
  for (const path of opaque) {
    using fd = openInside(root, path, O.DIRECTORY);
    const answer = native.syscall(NR.fsetxattr, fd.value, "trusted.overlay.opaque", native.bytes("y"), 1, 0);
    if (answer < 0) throw kernelError("mark opaque", path, -answer);
  }
  for (const { path, name, value } of lateXattrs) setLate(root, { path, name, value });
}

function setLate(root: number, { path, name, value }: LateXattr): void {
  let fd: Fd;
  try {
    fd = openInside(root, path, O.NOFOLLOW);
  } catch {
    // links and devices cannot be opened; such attributes on them mean nothing
    return;
  }
  using _ = fd;
  setXattr(fd, path, name, unhex(value));
}

export interface ApplyOptions extends Omit<UnpackRequest, "mounts" | "blob" | "follow"> {
  source: BlobSource;
  progress?: ((bytes: number) => void) | undefined;
  trace?: Trace | undefined;
}

/** Unpacks a layer into `writable`. DataLoss when it is broken or not what it should be. */
export function applyLayer({ directory, lowers }: Writable, options: ApplyOptions): UnpackAnswer {
  const { source, progress, limits, whiteouts = "overlay", expectedDiffId, trace } = options;
  using target = new Fd(open(directory, O.RDONLY | O.DIRECTORY));
  const {
    unpacked,
    compression: _,
    ...hashes
  } = unpackBlob({
    target: target.value,
    source,
    whiteouts,
    maxSize: limits?.size,
    maxEntries: limits?.entries,
    progress,
    trace,
  });
  if (expectedDiffId !== undefined && hashes.diffId !== expectedDiffId) {
    throw new WharfError("DataLoss", `layer has diff id ${hashes.diffId}, expected ${expectedDiffId}`, {
      operation: "unpack",
      hint: "the image's config and its layers do not belong together: the registry's copy is broken",
    });
  }
  finish(target.value, unpacked);
  let missingParents = unpacked.missingParents;
  if (lowers.length > 0) {
    inherit(directory, lowers, missingParents);
    missingParents = [];
  }
  if (options.syncFs) sys("syncfs", directory, NR.syncfs, target.value);
  return { ...hashes, entries: unpacked.entries, usage: unpacked.usage, missingParents };
}
