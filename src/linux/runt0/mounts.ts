// config.json's mounts, one after the other, each on a target that is resolved inside the container's root.
import { WharfError } from "../../common/errors.ts";
import type { Mount } from "../../common/oci/runtime.ts";
import { close, Fd, fstat, O, open, S_IFDIR, S_IFMT, stat } from "../sys/fs.ts";
import { mountCgroups } from "./cgroup-mounts.ts";
import { copyUp } from "./copy-up.ts";
import type { RootfsContext } from "./rootfs.ts";
import { fdPath, openat2, openInRoot, openOrMake, RESOLVE } from "./sys/inroot.ts";
import {
  ATTR,
  type MountOptions,
  MS,
  mount,
  moveMount,
  openTree,
  parseMountOptions,
  setMountAttributes,
} from "./sys/mount.ts";

/** Carries them out; what it returns is to be called when devices and masks are in place: it makes read-only what must be. */
export function carryOutMounts(context: RootfsContext, root: number): () => void {
  const later: (() => void)[] = [];
  for (const [i, entry] of (context.spec.mounts ?? []).entries()) {
    try {
      carryOut(context, root, entry, later);
    } catch (cause) {
      const { type, source, destination } = entry;
      throw new WharfError(
        WharfError.from(cause).code,
        `mounts[${i}]: cannot mount ${type ?? "bind"} ${JSON.stringify(source ?? "")} on ${JSON.stringify(destination)}`,
        {
          cause,
          subject: destination,
        },
      );
    }
  }
  return () => {
    for (const work of later) work();
  };
}

function carryOut(context: RootfsContext, root: number, entry: Mount, later: (() => void)[]): void {
  const options = parseMountOptions(entry.options ?? []);
  if (entry.type === "cgroup" || entry.type === "cgroup2") {
    mountCgroups(context, root, entry, options);
    return;
  }
  if (options.flags & MS.BIND || entry.type === "bind") bind(context, root, entry, options);
  else fresh(root, entry, options, later);
}

const isPseudo = (type: string | undefined) => type === "proc" || type === "sysfs";

/** Opens the target, made where it is missing. proc and sysfs must not be led elsewhere by a symlink (CVE-2019-19921). */
function openTarget(root: number, entry: Mount, kind: "folder" | "file"): Fd {
  if (isPseudo(entry.type)) {
    const made = new Fd(openOrMake(root, entry.destination, "folder"));
    made[Symbol.dispose]();
    return new Fd(
      openat2(root, entry.destination.replace(/^\/+/, ""), O.PATH | O.DIRECTORY, RESOLVE.IN_ROOT | RESOLVE.NO_SYMLINKS),
    );
  }
  return new Fd(openOrMake(root, entry.destination, kind, kind === "file" ? 0o644 : 0o755));
}

/** A new file system, by mount(2) through the descriptor of its target: one call. */
function fresh(root: number, entry: Mount, options: MountOptions, later: (() => void)[]): void {
  const { destination, type = "", source = type } = entry;
  using target = openTarget(root, entry, "folder");
  let { flags, data } = options;
  const readonlyLater = type === "tmpfs" && (flags & MS.RDONLY) !== 0;
  if (readonlyLater) flags &= ~MS.RDONLY;
  const lower = options.tmpcopyup ? new Fd(openInRoot(root, destination, O.RDONLY | O.DIRECTORY)) : undefined;
  if (type === "tmpfs" && !/(^|,)mode=/.test(data)) {
    const mode = (fstat(target.value).mode & 0o7777).toString(8);
    data = data ? `${data},mode=${mode}` : `mode=${mode}`;
  }
  mount(source || "none", fdPath(target.value), type, flags, data, destination);
  if (lower) {
    using upper = new Fd(openInRoot(root, destination, O.RDONLY | O.DIRECTORY));
    copyUp(lower.value, upper.value);
    lower[Symbol.dispose]();
  }
  if (options.propagation.length > 0 || options.recursive) {
    using mounted = new Fd(openInRoot(root, destination));
    for (const propagation of options.propagation)
      mount("none", fdPath(mounted.value), "", propagation, "", destination);
    if (options.recursive) setMountAttributes(mounted.value, true, options.recursive, destination);
  }
  if (readonlyLater) {
    later.push(() => {
      using mounted = new Fd(openInRoot(root, destination));
      const keep = flags & (MS.NOSUID | MS.NODEV | MS.NOEXEC);
      mount("none", fdPath(mounted.value), "", MS.BIND | MS.REMOUNT | MS.RDONLY | keep, "", destination);
    });
  }
}

const ATTRIBUTE_OF: readonly (readonly [flag: number, attr: number])[] = [
  [MS.RDONLY, ATTR.RDONLY],
  [MS.NOSUID, ATTR.NOSUID],
  [MS.NODEV, ATTR.NODEV],
  [MS.NOEXEC, ATTR.NOEXEC],
  [MS.NODIRATIME, ATTR.NODIRATIME],
  [MS.NOSYMFOLLOW, ATTR.NOSYMFOLLOW],
];

/** Mount flags as attributes to set and to clear; what is not named stays as the source has it. */
function attributesOf(options: MountOptions): { set: number; clear: number } {
  let set = 0;
  let clear = 0;
  for (const [flag, attr] of ATTRIBUTE_OF) {
    if (options.flags & flag) set |= attr;
    if (options.cleared & flag) clear |= attr;
  }
  if (options.flags & (MS.NOATIME | MS.STRICTATIME | MS.RELATIME)) clear |= ATTR.ATIME;
  if (options.flags & MS.NOATIME) set |= ATTR.NOATIME;
  else if (options.flags & MS.STRICTATIME) set |= ATTR.STRICTATIME;
  return { set, clear };
}

/** A copy of a mounted tree, changed while nobody can see it, then attached. */
function bind(context: RootfsContext, root: number, entry: Mount, options: MountOptions): void {
  const { destination, source = "" } = entry;
  const path = source.startsWith("/") ? source : `${context.bundle}/${source}`;
  const kind = (stat(path).mode & S_IFMT) === S_IFDIR ? "folder" : "file";
  using tree = new Fd(openTree(path, (options.flags & MS.REC) !== 0));
  const { set, clear } = attributesOf(options);
  const [propagation = 0] = options.propagation;
  if (set || clear) setMountAttributes(tree.value, false, { set, clear }, destination);
  if (options.recursive) setMountAttributes(tree.value, true, options.recursive, destination);
  if (propagation)
    setMountAttributes(tree.value, (propagation & MS.REC) !== 0, { propagation: propagation & ~MS.REC }, destination);
  using target = openTarget(root, entry, kind);
  moveMount(tree.value, target.value, destination);
}

/** The host's device as the kernel knows it, not what somebody put at its path. To be opened in the mount namespace of its use. */
export function openVerifiedNull(): number {
  const fd = open("/dev/null", O.PATH | O.NOFOLLOW);
  const { rdevMajor, rdevMinor } = fstat(fd);
  if (rdevMajor !== 1 || rdevMinor !== 3) {
    close(fd);
    throw new WharfError("FailedPrecondition", "/dev/null of the host is not the null device");
  }
  return fd;
}
