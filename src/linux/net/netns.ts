// Network namespaces that outlive their maker: a file that holds one open by a bind mount, as ip-netns(8) has them.
import { isErrno, sys } from "../sys/call.ts";
import { close, Fd, O, open, statIfThere, unlink } from "../sys/fs.ts";
import { MNT_DETACH } from "../sys/mount.ts";
import { NR } from "../sys/nr.ts";
import { CLONE } from "../sys/process.ts";
import { openProcLink } from "../sys/procfs.ts";

const MS_BIND = 4096;

/** Runs `work` with this process inside the namespace, and comes back whatever happens. */
export function inNamespace<T>(namespace: number, work: () => T): T {
  using home = new Fd(openProcLink("self/ns/net"));
  sys("enter network namespace", undefined, NR.setns, namespace, CLONE.NEWNET);
  try {
    return work();
  } finally {
    sys("return to network namespace", undefined, NR.setns, home.value, CLONE.NEWNET);
  }
}

/** Makes a namespace and binds it to `path`, which must not exist. */
export function createNamespace(path: string): void {
  close(open(path, O.RDONLY | O.CREAT | O.EXCL, 0o444));
  using home = new Fd(openProcLink("self/ns/net"));
  try {
    sys("new network namespace", undefined, NR.unshare, CLONE.NEWNET);
    try {
      sys("bind network namespace", path, NR.mount, "/proc/self/ns/net", path, 0, MS_BIND, 0);
    } finally {
      sys("return to network namespace", undefined, NR.setns, home.value, CLONE.NEWNET);
    }
  } catch (error) {
    unlink(path);
    throw error;
  }
}

/** Lets the namespace go; one that is gone already is no error. */
export function removeNamespace(path: string): void {
  if (!statIfThere(path)) return;
  try {
    sys("unmount network namespace", path, NR.umount2, path, MNT_DETACH);
  } catch (error) {
    if (!isErrno(error, "EINVAL", "ENOENT")) throw error;
  }
  unlink(path);
}
