// A mount of type cgroup: the container's own part of each hierarchy, by a cgroup namespace or by bind mounts.
import type { Mount } from "../../common/oci/runtime.ts";
import { dirname } from "../../common/path.ts";
import { isErrno } from "../sys/call.ts";
import { Fd, symlink } from "../sys/fs.ts";
import type { RootfsContext } from "./rootfs.ts";
import { fdPath, openInRoot, openOrMake } from "./sys/inroot.ts";
import { ATTR, type MountOptions, MS, mount, moveMount, openTree, setMountAttributes } from "./sys/mount.ts";

const PROTECTION = ATTR.NOSUID | ATTR.NODEV | ATTR.NOEXEC;

function bindFolder(root: number, folder: string, destination: string, readonly: boolean): void {
  using tree = new Fd(openTree(folder, false));
  setMountAttributes(tree.value, false, { set: PROTECTION | (readonly ? ATTR.RDONLY : 0) }, destination);
  using target = new Fd(openOrMake(root, destination, "folder"));
  moveMount(tree.value, target.value, destination);
}

function mountUnified(context: RootfsContext, root: number, destination: string, options: MountOptions): void {
  const folder = context.cgroup.paths[""]!;
  if (context.ownCgroupNamespace) {
    using target = new Fd(openOrMake(root, destination, "folder"));
    try {
      mount("cgroup", fdPath(target.value), "cgroup2", options.flags, options.data, destination);
      return;
    } catch (error) {
      // a user namespace that does not own the network namespace may not mount sysfs-like file systems anew
      if (!isErrno(error, "EPERM", "EBUSY")) throw error;
    }
  }
  bindFolder(root, folder, destination, (options.flags & MS.RDONLY) !== 0);
}

export function mountCgroups(context: RootfsContext, root: number, entry: Mount, options: MountOptions): void {
  const { destination } = entry;
  if (context.cgroup.mode === "v2") {
    mountUnified(context, root, destination, options);
    return;
  }
  const readonly = (options.flags & MS.RDONLY) !== 0;
  {
    using target = new Fd(openOrMake(root, destination, "folder"));
    mount("tmpfs", fdPath(target.value), "tmpfs", options.flags & ~MS.RDONLY, "mode=755", destination);
  }
  for (const [controllers, folder] of Object.entries(context.cgroup.paths)) {
    const name = controllers === "" ? "unified" : controllers.replace(/^name=/, "");
    if (controllers === "") {
      mountUnified(context, root, `${destination}/${name}`, options);
      continue;
    }
    if (context.ownCgroupNamespace && !context.userNamespace) {
      using target = new Fd(openOrMake(root, `${destination}/${name}`, "folder"));
      mount("cgroup", fdPath(target.value), "cgroup", options.flags, controllers, `${destination}/${name}`);
    } else bindFolder(root, folder, `${destination}/${name}`, readonly);
    if (!name.includes(",")) continue;
    using parent = new Fd(openInRoot(root, dirname(`${destination}/${name}`)));
    for (const one of name.split(",")) symlink(name, one, parent.value);
  }
  if (readonly) {
    using mounted = new Fd(openInRoot(root, destination));
    mount("none", fdPath(mounted.value), "", MS.BIND | MS.REMOUNT | (options.flags & ~MS.REC), "", destination);
  }
}
