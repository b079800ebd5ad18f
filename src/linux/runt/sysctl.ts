// linux.sysctl: written through the host's /proc by a process of the container's namespaces, which is whom it concerns. A parameter
// that no namespace has for itself would be the host's: it is refused.
import { WharfError } from "../../common/errors.ts";
import type { LinuxNamespaceType } from "../../common/oci/runtime.ts";
import { Fd, fstat, isSameFile, stat } from "../sys/fs.ts";
import { openProcLink, writeProc } from "../sys/procfs.ts";

/** In the order of /proc/sys. */
const IPC = new Set([
  "kernel/msgmax",
  "kernel/msgmnb",
  "kernel/msgmni",
  "kernel/sem",
  "kernel/shmall",
  "kernel/shmmax",
  "kernel/shmmni",
  "kernel/shm_rmid_forced",
]);

type Namespaces = ReadonlyMap<LinuxNamespaceType, string | undefined>;

function refused(name: string, why: string, hint?: string): WharfError {
  return new WharfError("InvalidArgument", `config.json: linux.sysctl: ${JSON.stringify(name)} ${why}`, {
    subject: name,
    hint,
  });
}

/** "net.ipv4.conf.eth0/1.x" as a path: the first separator found tells which one the name uses (sysctl(8)). */
function sysctlPath(name: string): string {
  const dot = name.indexOf(".");
  const slash = name.indexOf("/");
  const dots = dot >= 0 && (slash < 0 || dot < slash);
  let path = name;
  if (dots) path = slash < 0 ? name.replaceAll(".", "/") : name.replaceAll(/[./]/g, (c) => (c === "." ? "/" : "."));
  if (/(^|\/)\.{0,2}(\/|$)/.test(path)) throw refused(name, "is no name of a kernel parameter");
  return path;
}

/** The network namespace to be joined is the one this process is in. */
function isOwnNetwork(path: string): boolean {
  using own = new Fd(openProcLink("self/ns/net"));
  const [theirs, ours] = [stat(path), fstat(own.value)];
  return isSameFile(theirs, ours);
}

/** Which namespace a parameter belongs to; undefined for what is the whole machine's. */
function ownerOf(path: string): LinuxNamespaceType | undefined {
  if (path.startsWith("net/")) return "network";
  if (IPC.has(path) || path.startsWith("fs/mqueue/")) return "ipc";
  if (path === "kernel/domainname" || path === "kernel/hostname") return "uts";
  return path.startsWith("user/") ? "user" : undefined;
}

/** Throws for what would reach beyond the container. */
export function checkSysctls(sysctls: Readonly<Record<string, string>>, own: Namespaces): void {
  for (const name in sysctls) {
    const path = sysctlPath(name);
    const owner = ownerOf(path);
    if (owner === undefined) throw refused(name, "is the whole machine's: no namespace has it for itself");
    if (path === "kernel/hostname") throw refused(name, "is set by the field hostname");
    if (!own.has(owner)) throw refused(name, `is the host's: the container has no ${owner} namespace of its own`);
    const joined = own.get(owner);
    if (owner === "network" && joined !== undefined && isOwnNetwork(joined))
      throw refused(name, "is the host's: linux.namespaces joins the host's network namespace");
  }
}

export function applySysctls(sysctls: Readonly<Record<string, string>>): void {
  for (const name in sysctls) {
    const value = sysctls[name]!;
    try {
      writeProc(`sys/${sysctlPath(name)}`, value);
    } catch (cause) {
      throw new WharfError("FailedPrecondition", `linux.sysctl: cannot set ${name} to ${JSON.stringify(value)}`, {
        cause,
        subject: name,
      });
    }
  }
}
