// linux.namespaces as clone flags and namespaces to join.
import { WharfError } from "../../common/errors.ts";
import type { LinuxIDMapping, LinuxNamespace, LinuxNamespaceType, LinuxTimeOffset } from "../../common/oci/runtime.ts";
import { isErrno, sys } from "../sys/call.ts";
import { O, open } from "../sys/fs.ts";
import { NAMESPACE_FLAG } from "../sys/namespaces.ts";
import { NR } from "../sys/nr.ts";
import { CLONE } from "../sys/process.ts";
import { writeProc } from "../sys/procfs.ts";

export interface NamespacePlan {
  /** New ones, as clone flags; without the cgroup namespace, which is made after joining the cgroup, and the time namespace. */
  flags: number;
  newCgroup: boolean;
  newTime: boolean;
  newUser: boolean;
  /** Open namespaces, in the order in which they are to be entered: the user namespace last, it takes the rights for the others. */
  join: { type: LinuxNamespaceType; fd: number; path: string }[];
  /** Types that are new or joined: where not listed, the container shares the host's. */
  own: Set<LinuxNamespaceType>;
}

const JOIN_ORDER: LinuxNamespaceType[] = ["ipc", "uts", "network", "pid", "cgroup", "time", "mount", "user"];

export function planNamespaces(namespaces: readonly LinuxNamespace[]): NamespacePlan {
  const plan: NamespacePlan = { flags: 0, newCgroup: false, newTime: false, newUser: false, join: [], own: new Set() };
  for (const { type, path } of namespaces) {
    const flag = NAMESPACE_FLAG[type];
    if (flag === undefined) {
      throw new WharfError("InvalidArgument", `linux.namespaces: unknown type ${JSON.stringify(type)}`);
    }
    if (plan.own.has(type)) throw new WharfError("InvalidArgument", `linux.namespaces: ${type} is given twice`);
    plan.own.add(type);
    if (path) plan.join.push({ type, path, fd: openNamespace(type, path) });
    else if (type === "cgroup") plan.newCgroup = true;
    else if (type === "time") plan.newTime = true;
    else {
      plan.flags |= flag;
      if (type === "user") plan.newUser = true;
    }
  }
  if (plan.join.length > 1) plan.join.sort((a, b) => JOIN_ORDER.indexOf(a.type) - JOIN_ORDER.indexOf(b.type));
  return plan;
}

function openNamespace(type: LinuxNamespaceType, path: string): number {
  try {
    return open(path, O.RDONLY);
  } catch (cause) {
    const code = isErrno(cause, "ENOENT") ? "NotFound" : "Unknown";
    const hint = code === "NotFound" ? "a namespace goes with its last process, unless a mount holds it" : undefined;
    throw new WharfError(code, `linux.namespaces: cannot open the ${type} namespace`, { cause, subject: path, hint });
  }
}

export function enter(type: LinuxNamespaceType, fd: number, path: string): void {
  sys(`enter the ${type} namespace`, path, NR.setns, fd, NAMESPACE_FLAG[type]);
}

/** A new time namespace takes in children only, and its clocks can be set until the first of them is there. */
export function newTimeNamespace(offsets: Readonly<Record<string, LinuxTimeOffset>> | undefined): void {
  sys("new time namespace", undefined, NR.unshare, CLONE.NEWTIME);
  for (const clock in offsets) {
    const { secs = 0, nanosecs = 0 } = offsets[clock]!;
    writeProc("self/timens_offsets", `${clock} ${secs} ${nanosecs}\n`);
  }
}

export function mapText(mappings: readonly LinuxIDMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}
