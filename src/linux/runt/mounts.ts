// config.json's mounts, one step each, on targets that are resolved inside the container's root.
import { WharfError } from "../../common/errors.ts";
import type { Linux, Mount } from "../../common/oci/runtime.ts";
import { normalize } from "../../common/path.ts";
import { isErrno, sys } from "../sys/call.ts";
import { close, Fd, fileSystemOf, fstat, O, open, S_IFDIR, S_IFMT } from "../sys/fs.ts";
import { attach, cloneTree, fdPath, MOUNT_ATTR, MS, mount, setAttributes } from "../sys/mount.ts";
import { NR } from "../sys/nr.ts";
import { openInRoot, openInRootIfThere, openOrMake, RESOLVE } from "../sys/openat2.ts";
import { PROC_SUPER_MAGIC } from "../sys/procfs.ts";
import { mountCgroups } from "./cgroup-mounts.ts";
import { copyUp } from "./copy-up.ts";
import { isMapped, userNamespaceFor } from "./idmap.ts";
import { labelMqueue, withMountLabel } from "./labels.ts";
import { attributesOf, attributesOfStatfs, type MountOptions, parseMountOptions } from "./mount-options.ts";
import type { Step } from "./plan.ts";
import { keepHere, mounted, openTarget, type RootContext, trimmed } from "./root.ts";

export function isBind(entry: Mount): boolean {
  const { type, options } = entry;
  return type === "bind" || (options !== undefined && (options.includes("bind") || options.includes("rbind")));
}

export function mountSteps(context: RootContext): Step[] {
  return (context.spec.mounts ?? []).map((entry, i) => ({
    field: `mounts[${i}]`,
    name: `mount ${entry.type || "bind"} ${JSON.stringify(entry.source ?? "")} on ${JSON.stringify(entry.destination)}`,
    run: () => carryOut(context, entry, i),
  }));
}

/** Inside the root. A path that names the root as the host sees it means the same place: runc takes both. */
function destinationOf({ rootfs }: RootContext, { destination }: Mount): string {
  const path = destination.startsWith(`${rootfs}/`) ? destination.slice(rootfs.length) : destination;
  return trimmed(path.startsWith("/") ? path : `/${path}`);
}

/** What may be covered of /proc: figures of the machine, as lxcfs shows them, and what every image may set for itself. */
const PROC_FILES = new Set(
  "cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo sys/kernel/ns_last_pid sys/crypto/fips_enabled".split(
    " ",
  ),
);

/** The image, or a volume of it, must not give the container a /proc of its own making (CVE-2019-16884). */
function checkProc(entry: Mount, path: string): void {
  const clean = normalize(path);
  if (clean !== "/proc" && !clean.startsWith("/proc/")) return;
  const inside = clean.slice("/proc/".length);
  if (inside === "" ? entry.type === "proc" || isBind(entry) : PROC_FILES.has(inside)) return;
  const why = inside === "" ? "it is not of type proc" : "it is inside /proc";
  throw new WharfError("PermissionDenied", `${JSON.stringify(clean)} cannot be mounted because ${why}`, {
    hint: "linux.maskedPaths and linux.readonlyPaths hide and protect what lies there",
  });
}

/** A bind mount on /proc must show a procfs. */
function checkProcTree(tree: number, path: string): void {
  if (normalize(path) !== "/proc") return;
  if (fileSystemOf(tree) === PROC_SUPER_MAGIC) return;
  throw new WharfError("PermissionDenied", `"/proc" cannot be mounted because it is not of type proc`);
}

function carryOut(context: RootContext, entry: Mount, index: number): void {
  const options = parseMountOptions(entry.options ?? []);
  const path = destinationOf(context, entry);
  checkProc(entry, path);
  if (entry.type === "cgroup" || entry.type === "cgroup2") mountCgroups(context, path, options);
  else if (options.flags & MS.BIND || entry.type === "bind") bind(context, entry, path, index);
  else fresh(context, entry, path, options);
}

/** proc and sysfs must not be led elsewhere by a symlink (CVE-2019-19921). */
function openPseudo(root: number, path: string): number {
  try {
    return openOrMake(root, path, "folder", 0o755, RESOLVE.NO_SYMLINKS);
  } catch (cause) {
    if (!isErrno(cause, "ELOOP", "ENOTDIR")) throw cause;
    throw new WharfError(
      "FailedPrecondition",
      `${JSON.stringify(path)} must be mounted on ordinary directory, not on a symlink of the image`,
      {
        cause,
      },
    );
  }
}

function isThere(root: number, path: string): boolean {
  const fd = openInRootIfThere(root, path);
  if (fd !== undefined) close(fd);
  return fd !== undefined;
}

/** A new file system, by mount(2) through the descriptor of its target: one call. */
function fresh(context: RootContext, entry: Mount, path: string, options: MountOptions): void {
  const type = entry.type ?? "";
  const source = entry.source || type || "none";
  const pseudo = type === "proc" || type === "sysfs";
  const tmpfs = type === "tmpfs";
  // as the folder that it hides; where there is none, as open to all as a tmpfs is by default
  const inherits = tmpfs && !options.data.includes("mode=") && isThere(context.root, path);
  const target = pseudo ? openPseudo(context.root, path) : openTarget(context, path, "folder");
  let { flags, data } = options;
  const readonlyLater = tmpfs && (flags & MS.RDONLY) !== 0;
  if (readonlyLater) flags &= ~MS.RDONLY;
  const lower = options.tmpcopyup ? new Fd(openInRoot(context.root, path, O.RDONLY | O.DIRECTORY)) : undefined;
  if (inherits) {
    const mode = `mode=${(fstat(target).mode & 0o7777).toString(8)}`;
    data = data ? `${data},${mode}` : mode;
  }
  try {
    mountFresh(type, source, target, flags, withMountLabel(context.spec, type, data));
  } catch (cause) {
    throw refusedMount(type, path, cause, context.spec.linux?.mountLabel);
  }
  close(target);
  mounted(context, path, tmpfs);
  if (lower) {
    using upper = new Fd(openInRoot(context.root, path, O.RDONLY | O.DIRECTORY));
    copyUp(lower.value, upper.value);
    lower[Symbol.dispose]();
  }
  if (context.spec.linux?.mountLabel) {
    using there = new Fd(openInRoot(context.root, path));
    labelMqueue(context.spec, type, there.value);
  }
  if (options.propagation.length > 0 || options.recursive) {
    using there = new Fd(openInRoot(context.root, path));
    for (const flag of options.propagation) mount(null, fdPath(there.value), null, flag);
    if (options.recursive) setAttributes(there.value, options.recursive, true);
  }
  if (readonlyLater) {
    context.later.push(() => {
      using there = new Fd(openInRoot(context.root, path));
      setAttributes(there.value, { set: MOUNT_ATTR.RDONLY }, false);
    });
  }
}

/** By the path that the configuration has, not by the descriptor it is done with, and with what can be the matter. */
function refusedMount(type: string, path: string, cause: unknown, label: string | undefined): WharfError {
  const { code, errno, message } = WharfError.from(cause);
  const hints: Readonly<Record<string, string>> = {
    ENODEV: `this kernel has no file system ${JSON.stringify(type)}: /proc/filesystems lists those it has`,
    EINVAL: `an option is unknown to the file system, or does not fit${label ? ", or the policy of this host does not know linux.mountLabel" : ""}: dmesg says which`,
    ENOENT: "something that the source or an option names is not there",
    EPERM: "it needs a right that the user namespace does not have, or a whole /proc or /sys to be visible",
    ENOTBLK: "the source is no block device",
  };
  const text = message.replace(/"\/proc\/self\/fd\/\d+"/, JSON.stringify(path));
  return new WharfError(code, text, { errno, subject: path, hint: errno === undefined ? undefined : hints[errno] });
}

function mountFresh(type: string, source: string, target: number, flags: number, data: string): void {
  try {
    mount(source, fdPath(target), type, flags, data || null);
  } catch (error) {
    // mqueue and others refuse what a user namespace does not own: nothing that the options could mend
    if (type !== "mqueue" || !isErrno(error, "EINVAL")) throw error;
    mount(source, fdPath(target), type, flags);
  }
}

/** Where a source inside of the container's root lies in it. What is there is known only when the mounts before it are made. */
export function placeInRoot(entry: Mount, rootfs: string): string | undefined {
  return entry.source?.startsWith(`${rootfs}/`) ? entry.source.slice(rootfs.length) : undefined;
}

export interface BindPlace {
  bundle: string;
  linux: Linux | undefined;
  /** For a copy that is made outside of the container's mount namespace: the propagation of those made inside. */
  keptHere?: number;
  /** The source, where it is a path below an open root: what the image holds must not lead out of it. */
  inside?: { root: number; path: string } | undefined;
  /** The mapping, where it has been made already. */
  userns?: number | undefined;
}

function copyOutside(source: string, recursive: boolean): number {
  try {
    return cloneTree(source, recursive);
  } catch (cause) {
    if (!isErrno(cause, "ENOENT")) throw cause;
    const { code, errno, message } = WharfError.from(cause);
    throw new WharfError(code, message, {
      errno,
      subject: source,
      hint: "make what is to be bound, or name another source",
    });
  }
}

/** A copy of the source's tree with everything the options ask for, in sight of nobody yet. */
export function prepareBind(entry: Mount, { bundle, linux, keptHere, inside, userns }: BindPlace): number {
  const options = parseMountOptions(entry.options ?? []);
  const source = entry.source ?? "";
  const recursive = (options.flags & MS.REC) !== 0;
  const tree = new Fd(
    inside
      ? copyInside(inside, recursive)
      : copyOutside(source.startsWith("/") ? source : `${bundle}/${source}`, recursive),
  );
  try {
    if (keptHere !== undefined) keepHere(tree.value, keptHere);
    const { set, clear } = attributesOf(options, isLocked(linux) ? attributesAt(tree.value) : undefined);
    const propagation = options.propagation.at(-1) ?? 0;
    const deep = recursive && (propagation & MS.REC) !== 0;
    const change = { set, clear, propagation: deep ? 0 : propagation & ~MS.REC };
    if (set || clear || change.propagation) setAttributes(tree.value, change, false);
    if (deep) setAttributes(tree.value, { propagation: propagation & ~MS.REC }, true);
    if (options.recursive) setAttributes(tree.value, options.recursive, true);
    if (isMapped(entry)) {
      using mapping = new Fd(userns ?? userNamespaceFor(entry, linux));
      setAttributes(tree.value, { set: MOUNT_ATTR.IDMAP, userns: mapping.value }, options.idmap === "ridmap");
    }
    return tree.release();
  } finally {
    tree[Symbol.dispose]();
  }
}

function bind(context: RootContext, entry: Mount, path: string, index: number): void {
  const tree = context.trees.get(index) ?? sourceOf(context, entry, index);
  checkProcTree(tree, path);
  const folder = (fstat(tree).mode & S_IFMT) === S_IFDIR;
  const target = openTarget(context, path, folder ? "folder" : "file", folder ? 0o755 : 0o644);
  try {
    attach(tree, target);
  } catch (cause) {
    const onFolder = (fstat(target).mode & S_IFMT) === S_IFDIR;
    if (onFolder === folder) throw cause;
    const kind = (yes: boolean) => (yes ? "a folder" : "a file");
    throw new WharfError(
      "FailedPrecondition",
      `${kind(folder)} cannot be mounted on ${kind(onFolder)}: not a directory`,
      {
        subject: path,
        cause,
      },
    );
  }
  mounted(context, path, false);
  close(target);
  close(tree);
}

/** For who lives in a user namespace the flags of the host's mounts are not to be taken away. */
function isLocked(linux: Linux | undefined): boolean {
  return linux?.namespaces?.some(({ type }) => type === "user") ?? false;
}

function attributesAt(fd: number): number {
  const buffer = new BigInt64Array(15);
  sys("fstatfs", fd, NR.fstatfs, fd, buffer);
  return attributesOfStatfs(Number(buffer[10]));
}

function copyInside({ root, path }: { root: number; path: string }, recursive: boolean): number {
  using source = new Fd(openInRoot(root, path));
  return cloneTree("", recursive, source.value);
}

function sourceOf(context: RootContext, entry: Mount, index: number): number {
  const { bundle, rootfs, root } = context;
  const path = placeInRoot(entry, rootfs);
  if (path !== undefined && context.treeByRuntime) return context.treeByRuntime(index);
  const inside = path === undefined ? undefined : { root, path };
  return prepareBind(entry, { bundle, linux: context.spec.linux, inside, userns: context.mappings.get(index) });
}

/** The host's device as the kernel knows it, not what somebody put at its path. */
export function openVerifiedNull(): number {
  const fd = open("/dev/null", O.PATH | O.NOFOLLOW);
  const { rdevMajor, rdevMinor } = fstat(fd);
  if (rdevMajor === 1 && rdevMinor === 3) return fd;
  close(fd);
  throw new WharfError("FailedPrecondition", "/dev/null of the host is not the null device");
}
