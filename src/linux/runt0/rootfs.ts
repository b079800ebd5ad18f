// The container's root: its own mount, everything of config.json's mounts on it, then the switch to it.
import { WharfError } from "../../common/errors.ts";
import type { Spec } from "../../common/oci/runtime.ts";
import { sys } from "../sys/call.ts";
import { Fd, O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import type { CgroupPaths } from "./cgroup/cgroup.ts";
import { makeDevices } from "./devices.ts";
import { maskPaths } from "./masks.ts";
import { carryOutMounts } from "./mounts.ts";
import { fdPath } from "./sys/inroot.ts";
import { MNT_DETACH, MS, mount, propagationOf } from "./sys/mount.ts";

export interface RootfsContext {
  spec: Spec;
  bundle: string;
  rootfs: string;
  cgroup: CgroupPaths;
  ownCgroupNamespace: boolean;
  userNamespace: boolean;
  /** The host's /dev/null, opened and verified before anything of the container could change what the path means. */
  devNull: number;
}

/** Makes the mount namespace the container's own: what happens here stays here. Returns the root, open. */
export function prepareRoot({ spec, rootfs }: RootfsContext): Fd {
  const name = spec.linux?.rootfsPropagation || "rslave";
  const propagation = propagationOf(name);
  if (propagation === undefined)
    throw new WharfError("InvalidArgument", `linux.rootfsPropagation: unknown value ${JSON.stringify(name)}`);
  mount("none", "/", "", propagation);
  mount(rootfs, rootfs, "", MS.BIND | MS.REC);
  // pivot_root refuses a root whose parent mount is shared; the bind above is a mount of its own, made private
  mount("none", rootfs, "", MS.PRIVATE);
  return new Fd(open(rootfs, O.PATH | O.DIRECTORY));
}

/** Everything below the root, before it becomes "/": the host's /proc is still there to reach mounts by descriptor. */
export function populateRoot(context: RootfsContext, root: number): void {
  const { spec } = context;
  const finish = carryOutMounts(context, root);
  makeDevices(context, root);
  maskPaths(context, root);
  finish();
  if (spec.root?.readonly) remountRootReadonly(root, context.rootfs);
}

function remountRootReadonly(root: number, rootfs: string): void {
  const buffer = new BigInt64Array(15);
  sys("statfs", rootfs, NR.fstatfs, root, buffer);
  // ST_* flags of statfs(2) that are MS_* flags too: a remount must not drop what the mount has
  const kept = Number(buffer[10]) & (MS.NOSUID | MS.NODEV | MS.NOEXEC | MS.NOATIME | MS.NODIRATIME);
  mount("none", fdPath(root), "", MS.BIND | MS.REMOUNT | MS.RDONLY | kept, "", rootfs);
}

/** pivot_root(2) onto itself: the old root ends up above the new one and is let go. */
export function pivot(root: number): void {
  using old = new Fd(open("/", O.DIRECTORY | O.RDONLY));
  sys("enter the root", undefined, NR.fchdir, root);
  sys("pivot_root", undefined, NR.pivot_root, ".", ".");
  sys("return to the old root", undefined, NR.fchdir, old.value);
  // slave, so that letting go of it does not reach the host
  mount("none", ".", "", MS.SLAVE | MS.REC);
  sys("let go of the old root", undefined, NR.umount2, ".", MNT_DETACH);
  sys("change folder", "/", NR.chdir, "/");
}

/** Without pivot_root, for roots it cannot work on (an initial ramfs). */
export function moveRoot(root: number, rootfs: string): void {
  sys("enter the root", undefined, NR.fchdir, root);
  mount(rootfs, "/", "", MS.MOVE);
  sys("chroot", ".", NR.chroot, ".");
  sys("change folder", "/", NR.chdir, "/");
}
