// A mount of type cgroup: the container's own part of each hierarchy, by a cgroup namespace or by bind mounts.
import { CGROUP_ROOT } from "../cgroup/layout.ts";
import { isErrno } from "../sys/call.ts";
import { close, mkdir, symlink } from "../sys/fs.ts";
import { attach, cloneTree, fdPath, MOUNT_ATTR, MS, mount, setAttributes } from "../sys/mount.ts";
import { openInRoot } from "../sys/openat2.ts";
import type { MountOptions } from "./mount-options.ts";
import { mounted, openTarget, type RootContext } from "./root.ts";

const PROTECTION = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;

/** A folder of the host's hierarchy. */
function bindFolder(folder: string, target: number, readonly: boolean): void {
  const tree = cloneTree(folder, false);
  setAttributes(tree, { set: PROTECTION | (readonly ? MOUNT_ATTR.RDONLY : 0) }, false);
  attach(tree, target);
  close(tree);
}

/**
 * With a cgroup namespace its root is the container's own. Without one the container sees the tree as its runtime does, for /proc/self/cgroup
 * names its place in that; bound, for a mount of its own would set the tree's options (nsdelegate) anew for all of the host.
 */
function mountUnified(context: RootContext, target: number, options: MountOptions): void {
  const own = context.namespaces.own.has("cgroup");
  if (own) {
    try {
      mount("cgroup", fdPath(target), "cgroup2", options.flags, options.data || null);
      return;
    } catch (error) {
      // a user namespace may be refused a mount of its own: the container's folder does as well
      if (!isErrno(error, "EPERM", "EBUSY")) throw error;
    }
  }
  const folder = own ? context.cgroup.paths[""] : undefined;
  bindFolder(folder ?? CGROUP_ROOT, target, (options.flags & MS.RDONLY) !== 0);
}

export function mountCgroups(context: RootContext, path: string, options: MountOptions): void {
  const target = openTarget(context, path, "folder");
  if (context.cgroup.mode === "v2") mountUnified(context, target, options);
  else mountV1(context, path, target, options);
  close(target);
  mounted(context, path, false);
}

/**
 * A small tmpfs with a folder for each hierarchy. Nobody else reaches into it while it is made: plain names are safe. What
 * protects the mounts in it is set at once for all of them.
 */
function mountV1(context: RootContext, path: string, target: number, options: MountOptions): void {
  const readonly = (options.flags & MS.RDONLY) !== 0;
  mount("tmpfs", fdPath(target), "tmpfs", options.flags & ~(MS.RDONLY | MS.RELATIME), "mode=755");
  const folder = openInRoot(context.root, path);
  const below = `${fdPath(folder)}/`;
  const own = context.namespaces.own.has("cgroup") && !context.namespaces.own.has("user");
  for (const controllers in context.cgroup.paths) {
    const name = controllers.startsWith("name=") ? controllers.slice(5) : controllers;
    mkdir(name, 0o755, folder);
    if (own) mount("cgroup", below + name, "cgroup", options.flags, controllers);
    else mount(context.cgroup.paths[controllers]!, below + name, null, MS.BIND);
    if (name.includes(",")) for (const one of name.split(",")) symlink(name, one, folder);
  }
  if (!own || readonly) setAttributes(folder, { set: PROTECTION | (readonly ? MOUNT_ATTR.RDONLY : 0) }, true);
  close(folder);
}
