// Mounts of a root file system whose files show other owners than they have: `uidmap=` and `gidmap=` among the options, as containerd's
// overlay snapshotter gives them for containers in a user namespace (containerd, core/mount).
import { WharfError } from "../../common/errors.ts";
import type { LinuxIDMapping } from "../../common/oci/runtime.ts";
import { makeUserNamespace } from "../runt/idmap.ts";
import { sys } from "../sys/call.ts";
import { close, Fd, mkdirs, O, open } from "../sys/fs.ts";
import { attach, cloneTree, MNT_DETACH, MOUNT_ATTR, setAttributes, UMOUNT_NOFOLLOW } from "../sys/mount.ts";
import { NR } from "../sys/nr.ts";

export interface IdMaps {
  uid: LinuxIDMapping[];
  gid: LinuxIDMapping[];
}

/** Takes the mapping out of a mount's options; undefined when it has none. InvalidArgument when it has half of one. */
export function takeIdMaps(options: readonly string[]): { maps: IdMaps | undefined; options: readonly string[] } {
  const value = (name: string) => options.find((option) => option.startsWith(name))?.slice(name.length);
  const [uid, gid] = [value("uidmap="), value("gidmap=")];
  if (uid === undefined && gid === undefined) return { maps: undefined, options };
  const rest = options.filter((option) => !/^[ug]idmap=/.test(option));
  return { maps: { uid: parseMap("uidmap", uid ?? ""), gid: parseMap("gidmap", gid ?? "") }, options: rest };
}

/** `container:host:size`, several joined by commas. */
function parseMap(name: string, text: string): LinuxIDMapping[] {
  return text.split(",").map((part) => {
    const [, containerID, hostID, size] = /^(\d+):(\d+):(\d+)$/.exec(part) ?? [];
    if (size === undefined) throw new WharfError("InvalidArgument", `bad mount option ${name}=${text}`);
    return { containerID: Number(containerID), hostID: Number(hostID), size: Number(size) };
  });
}

/** A copy of the mount at `path` with the mapping and the attributes `attr`, attached at `target`. */
function mountMapped(path: string, target: string, userns: number, attr: number): void {
  const tree = cloneTree(path, false);
  try {
    setAttributes(tree, { set: MOUNT_ATTR.IDMAP | attr, userns }, false);
    using there = new Fd(open(target, O.PATH | O.DIRECTORY));
    attach(tree, there.value);
  } finally {
    close(tree);
  }
}

/** Binds the directory `source` at `target` with the mapping. */
export function bindMapped(source: string, target: string, { uid, gid }: IdMaps): void {
  using userns = new Fd(makeUserNamespace(uid, gid));
  mountMapped(source, target, userns.value, 0);
}

/** Where the lower directories of the overlay at `target` are mounted for a moment; a process that is killed then leaves them there. */
export function lowersFolder(target: string): string {
  return `${target}.lower`;
}

/**
 * Calls `body` with the overlay's options, whose lower directories show the mapping. They are mounted beside `target` for as long as that takes:
 * the overlay has copies of its own.
 */
export function withMappedLowers(
  data: readonly string[],
  target: string,
  { uid, gid }: IdMaps,
  body: (data: string[]) => void,
): void {
  const PREFIX = "lowerdir=";
  const lowers = data
    .find((option) => option.startsWith(PREFIX))
    ?.slice(PREFIX.length)
    .split(":");
  if (!lowers) throw new WharfError("InvalidArgument", `overlay on ${target}: no lowerdir to be mapped`);
  using userns = new Fd(makeUserNamespace(uid, gid));
  const folder = lowersFolder(target);
  const places = lowers.map((_, at) => `${folder}/${at}`);
  let mounted = 0;
  try {
    for (const [at, lower] of lowers.entries()) {
      mkdirs(places[at]!, 0o700);
      // read-only: who removes a bundle in which they were left must not get at a layer's files
      mountMapped(lower, places[at]!, userns.value, MOUNT_ATTR.RDONLY);
      mounted++;
    }
    body(data.map((option) => (option.startsWith(PREFIX) ? PREFIX + places.join(":") : option)));
  } finally {
    for (const place of places.slice(0, mounted)) {
      sys("unmount", place, NR.umount2, place, UMOUNT_NOFOLLOW | MNT_DETACH);
    }
    for (const place of [...places, folder]) native.syscall(NR.rmdir, place);
  }
}
