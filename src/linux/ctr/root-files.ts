// Files of a container's root file system, read through mounts that nobody else sees and that end with their descriptors.
import type { Mount } from "../../common/gen/containerd/types/mount.ts";
import type { UserFiles } from "../../common/oci/user.ts";
import { join } from "../../common/path.ts";
import { commonFolder } from "../shim/rootfs.ts";
import { sys } from "../sys/call.ts";
import { close, Fd, O, open, readAll } from "../sys/fs.ts";
import { cloneTree, MOUNT_ATTR, newFileSystem } from "../sys/mount.ts";
import { NR } from "../sys/nr.ts";
import { openInRootIfThere } from "../sys/openat2.ts";

/** An open root folder; the mount goes with the descriptor. */
function openRoot(mounts: readonly Mount[]): number {
  const mount = mounts[0];
  if (!mount) return open("/var/empty", O.PATH | O.DIRECTORY);
  if (mount.type === "overlay") {
    const options: Record<string, string> = {};
    for (const option of mount.options) {
      const [key = "", value = ""] = option.split(/=(.*)/s);
      // what is only read needs no place to write to
      if (key === "lowerdir" || key === "upperdir") options[key] = value;
    }
    const layers = [options.upperdir, ...(options.lowerdir?.split(":") ?? [])].filter((path) => path !== undefined);
    return layers.length > 1 ? overlay(layers) : open(layers[0]!, O.PATH | O.DIRECTORY);
  }
  return cloneTree(mount.source, mount.options.includes("rbind"));
}

/** fsconfig(2) takes 255 bytes of a value. */
const MAX_VALUE = 255;

/** A read-only overlay of the layers, the uppermost first; their names as short as they can be. */
function overlay(layers: readonly string[]): number {
  const folder = commonFolder(layers) || "/";
  const start = folder === "/" ? 1 : folder.length + 1;
  const short = layers.map((path) => path.slice(start));
  const joined = short.join(":");
  // Beyond that it takes Linux 6.8.
  const lower: Record<string, string | readonly string[]> =
    joined.length > MAX_VALUE ? { "lowerdir+": short } : { lowerdir: joined };
  using here = new Fd(open(".", O.PATH | O.DIRECTORY));
  sys("chdir", folder, NR.chdir, folder);
  try {
    return newFileSystem("overlay", { source: "overlay", ...lower }, MOUNT_ATTR.RDONLY);
  } finally {
    sys("fchdir", here.value, NR.fchdir, here.value);
  }
}

function textOf(root: number, path: string): string {
  const fd = openInRootIfThere(root, path, O.RDONLY);
  if (fd === undefined) return "";
  using file = new Fd(fd);
  return native.utf8(readAll(file.value));
}

/** /etc/passwd and /etc/group below the mounts of a snapshot, or in a folder. */
export function userFiles(root: readonly Mount[] | string): UserFiles {
  const fd = typeof root === "string" ? open(join(root, "."), O.PATH | O.DIRECTORY) : openRoot(root);
  try {
    return { passwd: textOf(fd, "etc/passwd"), group: textOf(fd, "etc/group") };
  } finally {
    close(fd);
  }
}
