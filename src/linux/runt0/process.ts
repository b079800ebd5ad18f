// What becomes of a process just before it executes the container's program: limits, identity, capabilities, seccomp.
import { WharfError } from "../../common/errors.ts";
import type { Process, Spec } from "../../common/oci/runtime.ts";
import { isErrno, sys } from "../sys/call.ts";
import { fstat, mkdirs, writeFile } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { PR, prctl } from "../sys/process.ts";
import { loadSeccomp } from "./seccomp/load.ts";
import {
  type CapabilityMasks,
  capabilityMasks,
  limitBounding,
  setAmbient,
  setCapabilities,
} from "./sys/capabilities.ts";
import { setRlimit } from "./sys/rlimit.ts";

export interface SeccompPlan {
  program: Uint8Array;
  flags: readonly string[];
  /** A filter with SCMP_ACT_NOTIFY: its listener goes to linux.seccomp.listenerPath. */
  listener: boolean;
}

export type Warn = (text: string) => void;

/** While the host's /proc is still there: oom_score_adj and resource limits. A host that may not raise them is warned of. */
export function applyLimits(process: Process, warn: Warn): void {
  if (process.oomScoreAdj !== undefined && process.oomScoreAdj !== null) {
    try {
      writeFile("/proc/self/oom_score_adj", String(process.oomScoreAdj));
    } catch (error) {
      if (!isErrno(error, "EACCES", "EPERM")) throw error;
      warn(`process.oomScoreAdj: ${process.oomScoreAdj} needs CAP_SYS_RESOURCE, which is missing here; left as it is`);
    }
  }
}

export function applyRlimits(process: Process, warn: Warn): void {
  for (const { type, soft, hard } of process.rlimits ?? []) {
    try {
      setRlimit(type, soft, hard);
    } catch (error) {
      if (!isErrno(error, "EPERM"))
        throw new WharfError("InvalidArgument", `process.rlimits: cannot set ${type}`, { cause: error });
      warn(
        `process.rlimits: raising ${type} to ${soft}:${hard} needs CAP_SYS_RESOURCE, which is missing here; left as it is`,
      );
    }
  }
}

/** Standard streams that are pipes or files of ours become the container user's, so that it may reopen them. */
function ownStdio(uid: number): void {
  for (const fd of [0, 1, 2]) {
    let owner: ReturnType<typeof fstat>;
    try {
      owner = fstat(fd);
    } catch {
      continue;
    }
    const isNull = owner.rdevMajor === 1 && owner.rdevMinor === 3;
    if (owner.uid !== uid && !isNull) native.syscall(NR.fchown, fd, uid, owner.gid);
  }
}

function changeUser(process: Process): void {
  const { uid, gid, additionalGids = [], umask } = process.user;
  if (umask !== undefined) native.syscall(NR.umask, umask);
  const groups = new Uint32Array(additionalGids);
  const answer = native.syscall(NR.setgroups, groups.length, groups);
  // a user namespace without privilege may not change groups at all: only having asked for some is an error
  if (answer < 0 && groups.length > 0)
    sys("set process.user.additionalGids", undefined, NR.setgroups, groups.length, groups);
  sys(`set process.user.gid to`, gid, NR.setresgid, gid, gid, gid);
  sys(`set process.user.uid to`, uid, NR.setresuid, uid, uid, uid);
}

function changeFolder(cwd: string): void {
  const path = cwd || "/";
  try {
    sys("change to process.cwd", path, NR.chdir, path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    mkdirs(path);
    sys("change to process.cwd", path, NR.chdir, path);
  }
  // a working folder outside of this root is a way out of the container (CVE-2024-21626)
  const buffer = new Uint8Array(4096);
  const length = sys("get current folder", undefined, NR.getcwd, buffer, buffer.length);
  if (length < 1 || buffer[0] !== 47)
    throw new WharfError("PermissionDenied", "process.cwd is outside of the container's root");
}

function planned(process: Process): CapabilityMasks | undefined {
  return process.capabilities ? capabilityMasks(process.capabilities) : undefined;
}

/** Identity, capabilities and seccomp, in the order the kernel asks for. `sendListener` takes the seccomp listener. */
export function applyIdentity(
  process: Process,
  seccomp: SeccompPlan | undefined,
  warn: Warn,
  sendListener: (fd: number) => void,
): void {
  const masks = planned(process);
  if (masks && masks.unknown.length > 0) warn(`process.capabilities: ignoring unknown ${masks.unknown.join(", ")}`);
  const loadFilter = () => {
    if (!seccomp) return;
    const listener = loadSeccomp(seccomp.program, seccomp.flags, seccomp.listener);
    if (listener !== undefined) sendListener(listener);
  };
  if (masks) limitBounding(masks.bounding);
  ownStdio(process.user.uid);
  prctl(PR.SET_KEEPCAPS, 1);
  // with new privileges still possible the filter needs CAP_SYS_ADMIN, which is about to go
  if (!process.noNewPrivileges) loadFilter();
  changeUser(process);
  prctl(PR.SET_KEEPCAPS, 0);
  changeFolder(process.cwd);
  if (masks) {
    setCapabilities(masks.effective, masks.permitted, masks.inheritable);
    setAmbient(masks.ambient);
  } else if (process.user.uid !== 0) setCapabilities(0n, 0n, 0n);
  if (process.noNewPrivileges) {
    prctl(PR.SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    loadFilter();
  }
}

/** linux.sysctl: written through the host's /proc by a process of the container's namespaces, which is whom it concerns. */
export function applySysctls(spec: Spec): void {
  for (const [name, value] of Object.entries(spec.linux?.sysctl ?? {})) {
    // "net.ipv4.conf.eth0/1.x": the first separator found tells which one the name uses (sysctl(8))
    const dots = name.indexOf(".") >= 0 && (name.indexOf("/") < 0 || name.indexOf(".") < name.indexOf("/"));
    const path = dots ? name.replaceAll(/[./]/g, (c) => (c === "." ? "/" : ".")) : name;
    if (path.split("/").includes(".."))
      throw new WharfError("InvalidArgument", `linux.sysctl: invalid name ${JSON.stringify(name)}`);
    try {
      writeFile(`/proc/sys/${path}`, value);
    } catch (cause) {
      throw new WharfError("FailedPrecondition", `linux.sysctl: cannot set ${name} to ${JSON.stringify(value)}`, {
        cause,
        subject: name,
      });
    }
  }
}
