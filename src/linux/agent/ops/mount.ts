// Operations `mount` and `unmount`: in the daemon's own mount namespace, for the daemon's tasks.
import type { RequestOf } from "../../../common/agent/protocol.ts";
import { dirname } from "../../../common/path.ts";
import { Removal } from "../../layer/remove.ts";
import { mountAll } from "../../shim/rootfs.ts";
import { isErrno, sys } from "../../sys/call.ts";
import { close, Fd, fstat, mkdirs, O, open, readText, S_IFDIR, S_IFMT } from "../../sys/fs.ts";
import { MNT_DETACH, UMOUNT_NOFOLLOW } from "../../sys/mount.ts";
import { NR } from "../../sys/nr.ts";
import { getpid } from "../../sys/process.ts";
import { openInTree } from "../tree.ts";

export function mount({ mounts, target }: RequestOf<"mount">): Record<never, never> {
  try {
    mountAll(
      mounts.map(({ type, source, target: below, options }) => ({
        type,
        source,
        target: below ?? "",
        options: [...options],
      })),
      target,
    );
  } finally {
    // mounting many layers changes it
    native.syscall(NR.chdir, "/");
  }
  return {};
}

/** Whether an overlay on directories of this file system can show them with other owners. Tried: it takes Linux 5.19 and the file system's consent. */
export function idmaps({ path }: RequestOf<"idmaps">): { supported: boolean } {
  const folder = `${path}/idmaps-${getpid()}`;
  const [lower, upper, work, target] = [`${folder}/l`, `${folder}/u`, `${folder}/w`, `${folder}/m`];
  try {
    for (const one of [lower, upper, work, target]) mkdirs(one, 0o700);
    const options = ["uidmap=0:1:1", "gidmap=0:1:1", `lowerdir=${lower}`, `upperdir=${upper}`, `workdir=${work}`];
    mountAll([{ type: "overlay", source: "overlay", target: "", options }], target);
    unmount({ target, detach: true });
    return { supported: true };
  } catch {
    return { supported: false };
  } finally {
    new Removal(() => {}).path(folder);
  }
}

const MS_BIND_REC = 0x5000;

export function mountBelow({ root, path, target }: RequestOf<"mountBelow">): Record<never, never> {
  using base = new Fd(open(root, O.PATH | O.DIRECTORY));
  using found = openInTree(base.value, path, O.PATH);
  const here = `/proc/self/fd/${found.value}`;
  if (isDirectory(found.value)) mkdirs(target);
  else {
    mkdirs(dirname(target));
    close(open(target, O.WRONLY | O.CREAT | O.NOFOLLOW, 0o600));
  }
  sys("bind", `${path} on ${target}`, NR.mount, here, target, "", MS_BIND_REC, 0);
  return {};
}

function isDirectory(fd: number): boolean {
  return (fstat(fd).mode & S_IFMT) === S_IFDIR;
}

function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Mount points at, and when asked below, `path`; the last mounted first. */
function mountPoints(path: string, recursive: boolean): string[] {
  const points: string[] = [];
  const text = readText("/proc/self/mountinfo");
  // most often there is none
  if (!text.includes(path.replaceAll(" ", "\\040"))) return points;
  for (const line of text.split("\n")) {
    const point = unescaped(line.split(" ", 5)[4] ?? "");
    if (point === path || (recursive && point.startsWith(`${path}/`))) points.unshift(point);
  }
  return points;
}

export function unmount({ target, recursive = false, detach = false }: RequestOf<"unmount">): Record<never, never> {
  for (const point of mountPoints(target, recursive)) {
    try {
      sys("unmount", point, NR.umount2, point, UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0));
    } catch (error) {
      if (!isErrno(error, "EINVAL", "ENOENT")) throw error;
    }
  }
  return {};
}
