// The container's root file system: its own mount, everything that goes onto it, then the switch to it.
import { WharfError } from "../../common/errors.ts";
import type { Spec } from "../../common/oci/runtime.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { isErrno, sys } from "../sys/call.ts";
import { close, O, open } from "../sys/fs.ts";
import { attach, cloneTree, MNT_DETACH, MOUNT_ATTR, MS, mount, setAttributes } from "../sys/mount.ts";
import { readMounts } from "../sys/mount-info.ts";
import { NR } from "../sys/nr.ts";
import { type Missing, openInRoot, openOrMake } from "../sys/openat2.ts";
import { propagationFlags } from "./mount-options.ts";
import type { NamespacePlan } from "./namespaces.ts";

/** What the steps of the root file system share. Descriptors in here are closed all at once when the root is complete. */
export interface RootContext {
  spec: Spec;
  bundle: string;
  /** Absolute path of the root. */
  rootfs: string;
  cgroup: CgroupPaths;
  namespaces: NamespacePlan;
  /** Detached trees prepared with the host's rights, by index of mounts: for containers with a user namespace. */
  trees: ReadonlyMap<number, number>;
  /** User namespaces of mapped mounts whose sources are opened late, by index of mounts: made where processes have their numbers. */
  mappings: ReadonlyMap<number, number>;
  /** Where this process lacks the host's rights: the runtime copies a source that lies in the root. */
  treeByRuntime: ((index: number) => number) | undefined;
  /** The prepared root tree, for those too. */
  rootTree: number | undefined;
  /** O_PATH descriptor of the root, once it is a mount. */
  root: number;
  /** New tmpfs mounts of ours by path: nobody else can reach into them, so plain names below them are safe. */
  fresh: Map<string, number>;
  /** What makes read-only in the end what has to be written to before. */
  later: (() => void)[];
}

function plain(path: string): boolean {
  return !path.includes("/.") && !path.includes("//");
}

/** Strips slashes at the end. */
export function trimmed(path: string): string {
  let end = path.length;
  while (end > 1 && path.charCodeAt(end - 1) === 47) end--;
  return end === path.length ? path : path.slice(0, end);
}

/** O_PATH descriptor of a place in the container; made when it is not there. */
export function openTarget(context: RootContext, path: string, missing: Missing, mode = 0o755): number {
  const slash = path.lastIndexOf("/");
  const parent = context.fresh.get(path.slice(0, slash));
  if (parent === undefined || !plain(path)) return openOrMake(context.root, path, missing, mode);
  const name = path.slice(slash + 1);
  if (missing === "folder") native.syscall(NR.mkdirat, parent, name, mode);
  else {
    const made = native.syscall(NR.openat, parent, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW | O.CLOEXEC, mode);
    if (made >= 0) close(made);
  }
  return openInRoot(parent, name, O.PATH);
}

/** Notes that something has been mounted on `path`: `fresh` when it is a new tmpfs. */
export function mounted(context: RootContext, path: string, fresh: boolean): void {
  for (const known of context.fresh.keys()) {
    if (known === path || known.startsWith(`${path}/`)) context.fresh.delete(known);
  }
  if (fresh && plain(path)) context.fresh.set(path, openInRoot(context.root, path, O.PATH | O.DIRECTORY));
}

export function wantedPropagation(spec: Spec): number {
  const name = spec.linux?.rootfsPropagation || "rslave";
  const flags = propagationFlags(name);
  if (flags !== undefined) return flags;
  throw new WharfError("InvalidArgument", `linux.rootfsPropagation: unknown value ${JSON.stringify(name)}`);
}

/** Every mount of this namespace keeps what happens to it from the host. With other propagation some of them are still the host's peers. */
function isKept(propagation: number): boolean {
  return (propagation & MS.REC) !== 0 && (propagation & (MS.PRIVATE | MS.SLAVE)) !== 0;
}

/** What happens in this mount namespace stays in it, unless shared propagation is asked for. */
export function isolate(context: RootContext): void {
  const wanted = wantedPropagation(context.spec);
  // what cannot be bound cannot become the root either: that is for the container's root when it stands
  mount(null, "/", null, wanted & MS.UNBINDABLE ? MS.PRIVATE | MS.REC : wanted);
}

/** The root becomes a mount of its own. */
export function mountRoot(context: RootContext): void {
  const { rootfs, rootTree } = context;
  const passesOn = !isKept(wantedPropagation(context.spec));
  // before anything is mounted on it: the host would get that mount too
  if (passesOn) makeParentPrivate(rootfs);
  try {
    if (rootTree !== undefined) {
      const place = open(rootfs, O.PATH | O.DIRECTORY);
      attach(rootTree, place);
      close(place);
      context.root = rootTree;
    } else {
      mount(rootfs, rootfs, null, MS.BIND | MS.REC);
      context.root = open(rootfs, O.PATH | O.DIRECTORY);
    }
  } catch (cause) {
    if (isErrno(cause, "EACCES") && context.namespaces.own.has("user")) {
      throw new WharfError("PermissionDenied", `root.path: ${JSON.stringify(rootfs)} cannot be reached`, {
        subject: rootfs,
        hint: "root of the user namespace must be allowed to search each folder of that path: chmod o+x",
        cause,
      });
    }
    if (!isErrno(cause, "ENOENT", "ENOTDIR")) throw cause;
    throw new WharfError("NotFound", `root.path: no folder at ${JSON.stringify(rootfs)}`, {
      subject: rootfs,
      hint: "the bundle's root file system is missing: unpack an image there first",
      cause,
    });
  }
  // pivot_root refuses a root that passes its mounts on
  if (passesOn) setAttributes(context.root, { propagation: MS.PRIVATE }, false);
}

/** The mount on which the root lies must not be shared either: found by walking up to it. */
function makeParentPrivate(rootfs: string): void {
  for (let path = rootfs; ; path = path.slice(0, path.lastIndexOf("/")) || "/") {
    const answer = native.syscall(NR.mount, null, path, null, MS.PRIVATE, null);
    if (answer === 0 || path === "/") return;
  }
}

/** The root as a detached tree, opened with the host's rights for a process that will not have them. */
export function prepareRootTree(rootfs: string, spec: Spec): number {
  const tree = cloneTree(rootfs, true);
  keepHere(tree, wantedPropagation(spec));
  return tree;
}

/** A copy of the host's mounts is their peer: it gets the propagation that copies within the container's namespace have. */
export function keepHere(tree: number, propagation: number): void {
  setAttributes(tree, { propagation: propagation & ~MS.REC }, true);
}

/** While the root can still be written to. Where that is not to be, or not to be seen, who enters the folder says so. */
export function makeFolder(context: RootContext, path: string): void {
  try {
    close(openTarget(context, trimmed(path), "folder"));
  } catch (error) {
    if (!(error instanceof WharfError)) throw error;
  }
}

export function makeReadonly(context: RootContext): void {
  setAttributes(context.root, { set: MOUNT_ATTR.RDONLY }, false);
}

/** pivot_root(2) onto itself: the old root ends up on top of the new one and is let go. */
export function pivot(context: RootContext): void {
  const propagation = wantedPropagation(context.spec);
  const old = isKept(propagation) ? undefined : open("/", O.PATH | O.DIRECTORY);
  sys("enter the root", undefined, NR.fchdir, context.root);
  sys("pivot_root", undefined, NR.pivot_root, ".", ".");
  if (old !== undefined) {
    // letting go of the old root takes all below it along: where those mounts are the host's peers, it would lose its own
    sys("go to the old root", undefined, NR.fchdir, old);
    mount(null, ".", null, MS.SLAVE | MS.REC);
    close(old);
  }
  sys("let go of the old root", undefined, NR.umount2, ".", MNT_DETACH);
  sys("change folder", "/", NR.chdir, "/");
  if (context.spec.linux?.rootfsPropagation) mount(null, "/", null, propagation);
}

/**
 * After chroot the host's /proc and /sys stay in the mount namespace, out of reach; but the kernel lets a process make new
 * ones, without our masks, as long as there are whole ones. So none of them stays.
 */
function hideKernelTrees(rootfs: string): void {
  for (const { root, mountpoint, type } of readMounts()) {
    if (root !== "/" || (type !== "proc" && type !== "sysfs")) continue;
    if (mountpoint === rootfs || mountpoint.startsWith(`${rootfs}/`)) continue;
    // not there any more: something above it has gone, and taken it along
    if (native.syscall(NR.mount, null, mountpoint, null, MS.SLAVE | MS.REC, null) < 0) continue;
    const answer = native.syscall(NR.umount2, mountpoint, MNT_DETACH);
    // not ours to take away (a user namespace): covered then
    if (answer < 0) mount("tmpfs", mountpoint, "tmpfs", MS.RDONLY);
  }
}

/** Without pivot_root, for roots it cannot work on (an initial ramfs). */
export function moveRoot(context: RootContext): void {
  const propagation = wantedPropagation(context.spec);
  // what is taken away here stays where it is on the host; nor can a mount be moved off a shared one
  if (!isKept(propagation)) mount(null, "/", null, MS.SLAVE | MS.REC);
  hideKernelTrees(context.rootfs);
  sys("enter the root", undefined, NR.fchdir, context.root);
  mount(context.rootfs, "/", null, MS.MOVE);
  sys("chroot", ".", NR.chroot, ".");
  sys("change folder", "/", NR.chdir, "/");
  if (context.spec.linux?.rootfsPropagation) mount(null, "/", null, propagation);
}
