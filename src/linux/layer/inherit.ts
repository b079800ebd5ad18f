// Directories that a layer needs but does not describe: they must look as the lower layers' directories of that name, as they would
// had the layer been unpacked on top of them.
import { sys } from "../sys/call.ts";
import { kernelError } from "../sys/errno.ts";
import { AT_EMPTY_PATH, close, Fd, fstat, O, open, S_IFDIR, S_IFMT, type Stat, stat } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { timespecs } from "./metadata.ts";
import { cName } from "./tar/names.ts";
import { xattrNames, xattrOf } from "./xattrs.ts";

const RESOLVE_NO_SYMLINKS = 4;
const RESOLVE_BENEATH = 8;
const ENOTSUP = -95;

/** Opens `path` below `root`, following nothing; undefined where nothing is or something else than asked. */
function beneath(root: number, path: string, flags: number): Fd | undefined {
  const how = new BigUint64Array([BigInt(flags | O.CLOEXEC), 0n, BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)]);
  const fd = native.syscall(NR.openat2, root, cName(path === "" ? "." : path), how, 24);
  return fd < 0 ? undefined : new Fd(fd);
}

function isOpaque(fd: number): boolean {
  return xattrOf(fd, "trusted.overlay.opaque")?.[0] === 0x79;
}

function copyAttributes(from: number, to: number, path: string): void {
  const { uid, gid, mode, mtime, mtimeNs } = fstat(from);
  sys("chown", path, NR.fchown, to, uid, gid);
  sys("chmod", path, NR.fchmod, to, mode & 0o7777);
  for (const name of xattrNames(from)) {
    if (name.startsWith("trusted.overlay.")) continue;
    const value = xattrOf(from, name);
    if (!value) continue;
    const answer = native.syscall(NR.fsetxattr, to, name, value, value.length, 0);
    if (answer < 0 && answer !== ENOTSUP) throw kernelError(`set xattr ${name} on`, path, -answer);
  }
  sys("set times of", path, NR.utimensat, to, 0, timespecs(mtime, mtimeNs), 0);
}

/** What the merged lower layers have at `path`: the nearest one's directory, unless something above hides it. */
function lowerDirectory(lowers: readonly number[], path: string): Fd | undefined {
  const parts = path.split("/");
  for (const lower of lowers) {
    const found = beneath(lower, path, O.RDONLY | O.DIRECTORY);
    if (found) return found;
    // an opaque or replaced directory on the way, or a whiteout, hides what lies below
    for (let i = 1; i <= parts.length; i++) {
      using above = beneath(lower, parts.slice(0, i).join("/"), O.PATH | O.NOFOLLOW);
      if (!above) break;
      const of: Stat = stat("", AT_EMPTY_PATH, above.value);
      if ((of.mode & S_IFMT) !== S_IFDIR) return undefined;
      using dir = beneath(lower, parts.slice(0, i).join("/"), O.RDONLY | O.DIRECTORY);
      if (dir && isOpaque(dir.value)) return undefined;
    }
  }
  return undefined;
}

/** Gives the directories `paths` of `upper` the attributes that the merged `lowers` (nearest first) have for them. */
export function inherit(upper: string, lowers: readonly string[], paths: readonly string[]): void {
  if (paths.length === 0) return;
  using top = new Fd(open(upper, O.RDONLY | O.DIRECTORY));
  const opened: number[] = [];
  try {
    for (const lower of lowers) opened.push(open(lower, O.RDONLY | O.DIRECTORY));
    // deepest first: nothing done to a child may touch a parent's times afterwards
    for (const path of [...paths].sort().reverse()) {
      using to = beneath(top.value, path, O.RDONLY | O.DIRECTORY);
      using from = to && lowerDirectory(opened, path);
      if (to && from) copyAttributes(from.value, to.value, path);
    }
  } finally {
    for (const fd of opened) close(fd);
  }
}
