// linux.maskedPaths and linux.readonlyPaths.
import { isErrno } from "../sys/call.ts";
import { Fd } from "../sys/fs.ts";
import type { RootfsContext } from "./rootfs.ts";
import { fdPath, isFolderFd, openInRootIfThere } from "./sys/inroot.ts";
import { ATTR, MS, mount, moveMount, openTree, setMountAttributes } from "./sys/mount.ts";

/** A masked file shows the null device, a masked folder an empty one. What the container does not have is passed over. */
export function maskPaths(context: RootfsContext, root: number): void {
  const { maskedPaths = [], readonlyPaths = [] } = context.spec.linux ?? {};
  for (const path of readonlyPaths) {
    const there = openInRootIfThere(root, path);
    if (there === undefined) continue;
    using target = new Fd(there);
    using tree = new Fd(openTree("", true, target.value));
    setMountAttributes(tree.value, true, { set: ATTR.RDONLY }, path);
    moveMount(tree.value, target.value, path);
  }
  for (const path of maskedPaths) {
    const there = openInRootIfThere(root, path);
    if (there === undefined) continue;
    using target = new Fd(there);
    if (isFolderFd(target.value))
      mount("tmpfs", fdPath(target.value), "tmpfs", MS.RDONLY, "nr_blocks=1,nr_inodes=1", path);
    else {
      try {
        mount(fdPath(context.devNull), fdPath(target.value), "", MS.BIND, "", path);
      } catch (error) {
        if (!isErrno(error, "ENOTDIR")) throw error;
      }
    }
  }
}
