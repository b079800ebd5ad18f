// A mount of type cgroup: the container's own part of each hierarchy, by a cgroup namespace or by bind mounts.
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

function mountUnified(context: RootContext, target: number, options: MountOptions): void {
  if (context.namespaces.own.has("cgroup")) {
    try {
      mount("cgroup", fdPath(target), "cgroup2", options.flags, options.data || null);
      return;
    } catch (error) {
      // a user namespace may be refused a mount of its own: the container's folder does as well
      if (!isErrno(error, "EPERM", "EBUSY")) throw error;
    }
  }
  bindFolder(context.cgroup.paths[""]!, target, (options.flags & MS.RDONLY) !== 0);
}

export function mountCgroups(context: RootContext, path: string, options: MountOptions): void {
  const target = openTarget(context, path, "folder");
  if (context.cgroup.mode === "v2") mountUnified(context, target, options);
  else mountV1(context, path, target, options);
  close(target);
  mounted(context, path, false);
}

/** A small tmpfs with a folder for each hierarchy; what lies in it is ours alone while we make it. */
function mountV1(context: RootContext, path: string, target: number, options: MountOptions): void {
  const readonly = (options.flags & MS.RDONLY) !== 0;
  mount("tmpfs", fdPath(target), "tmpfs", options.flags & ~(MS.RDONLY | MS.RELATIME), "mode=755");
  const folder = openInRoot(context.root, path);
  const own = context.namespaces.own.has("cgroup") && !context.namespaces.own.has("user");
  for (const controllers in context.cgroup.paths) {
    const name = controllers === "" ? "unified" : controllers.replace(/^name=/, "");
    mkdir(name, 0o755, folder);
    const place = `${fdPath(folder)}/${name}`;
    if (own) mount("cgroup", place, controllers === "" ? "cgroup2" : "cgroup", options.flags, controllers || null);
    else {
      const at = openInRoot(folder, name);
      bindFolder(context.cgroup.paths[controllers]!, at, readonly);
      close(at);
    }
    if (name.includes(",")) for (const one of name.split(",")) symlink(name, one, folder);
  }
  if (readonly) setAttributes(folder, { set: MOUNT_ATTR.RDONLY }, false);
  close(folder);
}
