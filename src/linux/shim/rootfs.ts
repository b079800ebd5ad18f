// Mounts the list that came with Create on <bundle>/rootfs, and takes it away again. Runs in a helper process: it changes the
// working directory.
import { WharfError } from "../../common/errors.ts";
import type { Mount } from "../../common/gen/containerd/types/mount.ts";
import { join } from "../../common/path.ts";
import { isErrno, sys } from "../sys/call.ts";
import { AT_FDCWD, mkdirs, O, readText } from "../sys/fs.ts";
import { MNT_DETACH, UMOUNT_NOFOLLOW } from "../sys/mount.ts";
import { NR } from "../sys/nr.ts";
import { sleepSync } from "../sys/time.ts";
import { bindMapped, lowersFolder, takeIdMaps, withMappedLowers } from "./idmapped.ts";

const MS_REMOUNT = 0x20;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
/** mount(2) takes a page of options. */
const MAX_DATA = 4095;

/** fstab's option names: what they set, or clear. */
const FLAGS: Record<string, readonly [flag: number, clear: boolean]> = {
  async: [0x10, true],
  atime: [0x400, true],
  bind: [MS_BIND, false],
  defaults: [0, false],
  dev: [4, true],
  diratime: [0x800, true],
  dirsync: [0x80, false],
  exec: [8, true],
  mand: [0x40, false],
  noatime: [0x400, false],
  nodev: [4, false],
  nodiratime: [0x800, false],
  noexec: [8, false],
  nomand: [0x40, true],
  norelatime: [0x200000, true],
  nostrictatime: [0x1000000, true],
  nosuid: [2, false],
  rbind: [MS_BIND | MS_REC, false],
  relatime: [0x200000, false],
  remount: [MS_REMOUNT, false],
  ro: [1, false],
  rw: [1, true],
  strictatime: [0x1000000, false],
  suid: [2, true],
  sync: [0x10, false],
};

const PROPAGATION: Record<string, number> = {
  private: 0x40000,
  rprivate: 0x44000,
  shared: 0x100000,
  rshared: 0x104000,
  slave: 0x80000,
  rslave: 0x84000,
  unbindable: 0x20000,
  runbindable: 0x24000,
};

interface Parsed {
  flags: number;
  propagation: number[];
  data: string[];
}

export function parseOptions(options: readonly string[]): Parsed {
  const parsed: Parsed = { flags: 0, propagation: [], data: [] };
  for (const option of options) {
    const flag = FLAGS[option];
    const propagation = PROPAGATION[option];
    if (flag) parsed.flags = flag[1] ? parsed.flags & ~flag[0] : parsed.flags | flag[0];
    else if (propagation !== undefined) parsed.propagation.push(propagation);
    else if (option === "loop") {
      throw new WharfError("Unimplemented", `mount option ${JSON.stringify(option)} of a root file system`);
    } else if (!option.startsWith("X-containerd.")) parsed.data.push(option);
  }
  return parsed;
}

/** The longest folder that all paths lie in; "" when there is none to speak of. */
export function commonFolder(paths: readonly string[]): string {
  let common = paths[0]!.slice(0, paths[0]!.lastIndexOf("/"));
  for (const path of paths) {
    while (common !== "" && !path.startsWith(`${common}/`)) common = common.slice(0, common.lastIndexOf("/"));
  }
  return common;
}

/** Overlay's options when they are too long: lower folders relative to where they all lie, which becomes the working directory. */
function shorten(data: readonly string[]): { data: string; folder: string } {
  const lower = data.find((option) => option.startsWith("lowerdir="))?.slice("lowerdir=".length);
  const paths = lower?.split(":") ?? [];
  const folder = paths.length > 0 && paths.every((path) => path.startsWith("/")) ? commonFolder(paths) : "";
  if (folder === "") throw new WharfError("InvalidArgument", `mount options of ${data.join(",").length} bytes`);
  const short = `lowerdir=${paths.map((path) => path.slice(folder.length + 1)).join(":")}`;
  return { data: data.map((option) => (option.startsWith("lowerdir=") ? short : option)).join(","), folder };
}

function mountOne(mount: Mount, target: string): void {
  const { maps, options } = takeIdMaps(mount.options);
  const parsed = parseOptions(options);
  if (maps && mount.type === "overlay") {
    withMappedLowers(parsed.data, target, maps, (data) => mountParsed(mount, target, { ...parsed, data }));
  } else if (maps) {
    bindMapped(mount.source, target, maps);
    setFlags(`${mount.type} ${mount.source} on ${target}`, target, parsed);
  } else mountParsed(mount, target, parsed);
}

function mountParsed(mount: Mount, target: string, parsed: Parsed): void {
  const { flags, data } = parsed;
  let text = data.join(",");
  if (text.length > MAX_DATA) {
    const short = shorten(data);
    if (short.data.length > MAX_DATA) throw new WharfError("InvalidArgument", `${target}: too many layers to mount`);
    sys("chdir", short.folder, NR.chdir, short.folder);
    text = short.data;
  }
  const subject = `${mount.type} ${mount.source} on ${target}`;
  sys("mount", subject, NR.mount, mount.source, target, mount.type, flags, text === "" ? 0 : text);
  setFlags(subject, target, parsed);
}

function setFlags(subject: string, target: string, { flags, propagation }: Parsed): void {
  // a bind mount takes its flags only when it is mounted again
  if (flags & MS_BIND && flags & ~(MS_BIND | MS_REC)) {
    sys("remount", subject, NR.mount, "", target, "", (flags & ~MS_REC) | MS_REMOUNT, 0);
  }
  for (const how of propagation) sys("mount propagation", target, NR.mount, "", target, "", how, 0);
}

/** Mounts all or nothing. */
export function mountAll(mounts: readonly Mount[], rootfs: string): void {
  try {
    for (const mount of mounts) {
      const target = mount.target ? join(rootfs, mount.target) : rootfs;
      mkdirs(target, 0o711);
      mountOne(mount, target);
    }
  } catch (error) {
    unmountAll(rootfs);
    throw error;
  }
}

function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Mount points on and below `path`, and what was left beside it, the last mounted first. */
function mountPoints(path: string): string[] {
  const points: string[] = [];
  const lowers = lowersFolder(path);
  for (const line of readText("/proc/self/mountinfo").split("\n")) {
    const point = unescaped(line.split(" ", 5)[4] ?? "");
    if (point === path || point.startsWith(`${path}/`) || point.startsWith(`${lowers}/`)) points.unshift(point);
  }
  return points;
}

/** Unmounts everything on and below `path`; what stays busy for a tenth of a second is detached. */
export function unmountAll(path: string): void {
  for (const point of mountPoints(path)) {
    for (let tries = 0; ; tries++) {
      try {
        sys("unmount", point, NR.umount2, point, UMOUNT_NOFOLLOW | (tries < 10 ? 0 : MNT_DETACH));
        break;
      } catch (error) {
        if (isErrno(error, "EINVAL", "ENOENT")) break;
        if (!isErrno(error, "EBUSY") || tries >= 10) throw error;
        sleepSync(10);
      }
    }
  }
}

/**
 * Takes everything on and below `path` away at once, for a process that ends soon: the last of an overlay to go writes its whole lower disk's
 * changes back (kernel: ovl_sync_fs), which takes milliseconds on an idle machine and any time on a busy one. By an open descriptor that last one is this
 * process's own end, which nobody waits for.
 */
export function detachAll(path: string): void {
  for (const point of mountPoints(path)) {
    // Where that fails, a moment is lost.
    native.syscall(NR.openat, AT_FDCWD, point, O.PATH | O.NOFOLLOW | O.CLOEXEC, 0);
    try {
      sys("unmount", point, NR.umount2, point, UMOUNT_NOFOLLOW | MNT_DETACH);
    } catch (error) {
      if (!isErrno(error, "EINVAL", "ENOENT")) throw error;
    }
  }
}
