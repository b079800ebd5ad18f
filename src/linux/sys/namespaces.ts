// Namespaces: their names, flags, joining and leaving.
import type { LinuxNamespaceType } from "../../common/oci/runtime.ts";
import { sys } from "./call.ts";
import { NR } from "./nr.ts";
import { CLONE } from "./process.ts";

/** The clone flag of each type (clone(2)). */
export const NAMESPACE_FLAG: Readonly<Record<LinuxNamespaceType, number>> = {
  user: CLONE.NEWUSER,
  pid: CLONE.NEWPID,
  network: CLONE.NEWNET,
  mount: CLONE.NEWNS,
  ipc: CLONE.NEWIPC,
  uts: CLONE.NEWUTS,
  cgroup: CLONE.NEWCGROUP,
  time: CLONE.NEWTIME,
};

/** The name of each type in /proc/<pid>/ns. */
export const NAMESPACE_FILE: Readonly<Record<LinuxNamespaceType, string>> = {
  user: "user",
  pid: "pid",
  network: "net",
  mount: "mnt",
  ipc: "ipc",
  uts: "uts",
  cgroup: "cgroup",
  time: "time",
};

/** Joins the namespace of a descriptor of /proc/<pid>/ns, or with a pidfd all those named by `flags`. */
export function setns(fd: number, flags: number, subject?: string): void {
  sys("setns", subject ?? fd, NR.setns, fd, flags);
}

export function unshare(flags: number): void {
  sys("unshare", flags, NR.unshare, flags);
}
