// Who the program is: user, groups, capabilities, no_new_privs, seccomp, working folder; the last things before exec.
import { WharfError } from "../../common/errors.ts";
import type { Process } from "../../common/oci/runtime.ts";
import { sys } from "../sys/call.ts";
import {
  capabilityMask,
  capabilityNames,
  clearAmbient,
  getCapabilities,
  limitBoundingSet,
  raiseAmbient,
  setCapabilities,
} from "../sys/capabilities.ts";
import { E } from "../sys/errno.ts";
import { fstat, mkdirs, type Stat } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { PR, prctl } from "../sys/process.ts";
import type { Warn } from "./limits.ts";
import type { Part, Step } from "./plan.ts";

/** Standard streams that are pipes or files of ours become the container user's, so that it may reopen them. */
function ownStdio(uid: number): void {
  for (const fd of [0, 1, 2]) {
    let owner: Stat;
    try {
      owner = fstat(fd);
    } catch {
      continue;
    }
    const isNull = owner.rdevMajor === 1 && owner.rdevMinor === 3;
    // a stream on a read-only file system, or of a foreign user namespace, stays as it is
    if (owner.uid !== uid && !isNull) native.syscall(NR.fchown, fd, uid, -1);
  }
}

function changeUser({ uid, gid, additionalGids = [], umask }: Process["user"]): void {
  if (umask !== undefined) native.syscall(NR.umask, umask);
  const groups = new Uint32Array(additionalGids);
  const answer = native.syscall(NR.setgroups, groups.length, groups);
  // a user namespace without privilege may not change groups at all: only having asked for some is an error
  if (answer < 0 && groups.length > 0) {
    sys("set process.user.additionalGids", undefined, NR.setgroups, groups.length, groups);
  }
  sys("set process.user.gid to", gid, NR.setresgid, gid, gid, gid);
  sys("set process.user.uid to", uid, NR.setresuid, uid, uid, uid);
}

function userParts({ uid, gid, umask, additionalGids = [] }: Process["user"]): Part[] {
  const parts: Part[] = [];
  if (umask !== undefined) parts.push(["process.user.umask", `set the umask to ${umask.toString(8).padStart(4, "0")}`]);
  parts.push(["process.user.additionalGids", `set the groups ${additionalGids.join(", ") || "to none"}`]);
  parts.push(["process.user.gid", `become group ${gid}`], ["process.user.uid", `become user ${uid}`]);
  return parts;
}

/** False where it may not be entered. A missing folder is made with `make`. */
function enterFolder(path: string, make: boolean): boolean {
  const answer = native.syscall(NR.chdir, path);
  if (answer === 0) return true;
  if (answer === -E.EACCES) return false;
  if (answer === -E.ENOENT && make) mkdirs(path);
  sys("change to process.cwd", path, NR.chdir, path);
  return true;
}

function checkFolder(path: string): void {
  // a working folder outside of this root is a way out of the container (CVE-2024-21626)
  const buffer = new Uint8Array(4096);
  const length = sys("get current folder", undefined, NR.getcwd, buffer, buffer.length);
  if (length < 1 || buffer[0] !== 47) {
    throw new WharfError("PermissionDenied", `process.cwd ${JSON.stringify(path)} is outside of the container's root`);
  }
}

interface Masks {
  bounding: bigint;
  effective: bigint;
  permitted: bigint;
  inheritable: bigint;
  ambient: bigint;
}

/** What the configuration asks for, as far as it can be had: unknown and unavailable ones are told, and left out. */
function plannedCapabilities(process: Process, warn: Warn): Masks | undefined {
  const { capabilities } = process;
  if (!capabilities) return undefined;
  const unknown = new Set<string>();
  const mask = (names: readonly string[] | undefined) => capabilityMask(names, (name) => void unknown.add(name));
  const have = getCapabilities().permitted;
  const wanted = mask(capabilities.permitted) | mask(capabilities.effective);
  if (wanted & ~have) warn(`process.capabilities: not available here: ${capabilityNames(wanted & ~have).join(", ")}`);
  const masks = {
    bounding: mask(capabilities.bounding),
    effective: mask(capabilities.effective) & have,
    permitted: mask(capabilities.permitted) & have,
    inheritable: mask(capabilities.inheritable) & have,
    ambient: mask(capabilities.ambient) & have,
  };
  if (unknown.size > 0) warn(`process.capabilities: ignoring unknown ${[...unknown].join(", ")}`);
  return masks;
}

function giveUpCapabilities(masks: Masks | undefined, uid: number, warn: Warn): void {
  if (!masks) {
    if (uid !== 0) setCapabilities({ effective: 0n, permitted: 0n, inheritable: 0n });
    return;
  }
  setCapabilities(masks);
  clearAmbient();
  if (!masks.ambient) return;
  raiseAmbient(masks.ambient, (name, errno) =>
    // in runc's words, for those who look for them
    warn(
      `process.capabilities.ambient: can't raise ambient capability ${name}: ${errno}: is it permitted and inheritable?`,
    ),
  );
}

/**
 * Takes on the identity, in the order the kernel asks for. `loadFilter` puts the seccomp filter on: with new privileges
 * still possible that needs CAP_SYS_ADMIN, so it happens before the capabilities go; else it is the very last thing. `makeFolder`: a
 * missing working folder is made, as the first process's is; that of a further one has to be there.
 */
export function identitySteps(
  process: Process,
  loadFilter: (() => void) | undefined,
  warn: Warn,
  makeFolder = true,
): Step[] {
  const { user, cwd, capabilities, noNewPrivileges } = process;
  const steps: Step[] = [];
  const add = (field: string, name: string, work: () => void) => void steps.push({ field, name, run: work });
  const filter = () => {
    if (loadFilter) add("linux.seccomp", "load the seccomp filter", loadFilter);
  };
  const sets = (...names: (keyof NonNullable<typeof capabilities>)[]): Part[] =>
    names
      .filter((name) => capabilities?.[name])
      .map((name) => [`process.capabilities.${name}`, `keep ${capabilities![name]!.join(", ") || "none"}`]);
  let masks: Masks | undefined;
  let entered = true;
  if (capabilities) {
    const work = () => {
      masks = plannedCapabilities(process, warn);
      limitBoundingSet(masks!.bounding);
    };
    steps.push({
      field: "process.capabilities.bounding",
      name: "limit the bounding set",
      run: work,
      parts: () => sets("bounding"),
    });
  }
  if (user.uid !== 0) add("process.user.uid", "hand over the streams", () => ownStdio(user.uid));
  if (!noNewPrivileges) filter();
  add("process.cwd", `enter ${JSON.stringify(cwd)}`, () => {
    // with the runtime's rights, or else (a network file system that root is nobody on) with the user's
    entered = enterFolder(cwd, makeFolder);
  });
  steps.push({
    field: "process.user",
    name: `become user ${user.uid}, group ${user.gid}`,
    run() {
      prctl(PR.SET_KEEPCAPS, 1);
      changeUser(user);
      prctl(PR.SET_KEEPCAPS, 0);
    },
    parts: () => userParts(user),
  });
  add("process.cwd", "see that it is inside of the root", () => {
    if (!entered) sys("change to process.cwd", cwd, NR.chdir, cwd);
    checkFolder(cwd);
  });
  if (capabilities || user.uid !== 0) {
    steps.push({
      field: "process.capabilities",
      name: "give up capabilities",
      run: () => giveUpCapabilities(masks, user.uid, warn),
      parts: () => sets("permitted", "effective", "inheritable", "ambient"),
    });
  }
  if (noNewPrivileges) {
    add("process.noNewPrivileges", "refuse new privileges", () => void prctl(PR.SET_NO_NEW_PRIVS, 1));
    filter();
  }
  return steps;
}
