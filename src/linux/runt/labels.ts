// What a security module is told of the container: process.apparmorProfile, process.selinuxLabel, linux.mountLabel. The label of the
// program is left with the kernel before the root is changed, while the host's /proc is there; it counts from the next exec on.
import { WharfError } from "../../common/errors.ts";
import type { Process, Spec } from "../../common/oci/runtime.ts";
import { isErrno, sys } from "../sys/call.ts";
import { exists, Fd, O, readText } from "../sys/fs.ts";
import { fdPath } from "../sys/mount.ts";
import { NR } from "../sys/nr.ts";
import { hasProc, openProc } from "../sys/procfs.ts";
import type { Step } from "./plan.ts";

const SELINUX_XATTR = "security.selinux";

function hasAppArmor(): boolean {
  try {
    return readText("/sys/module/apparmor/parameters/enabled").startsWith("Y");
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES")) return false;
    throw error;
  }
}

function hasSelinux(): boolean {
  return exists("/sys/fs/selinux/enforce");
}

function absent(field: string, module: string): WharfError {
  return new WharfError("FailedPrecondition", `config.json: ${field}: ${module} is not enabled in this kernel`, {
    subject: field,
    hint: `leave the field out, or boot with ${module} (it would stand in /sys/kernel/security/lsm)`,
  });
}

/** Throws for a label that nothing here could carry out. */
export function checkLabels(process: Process | undefined, mountLabel: string | undefined): void {
  const { apparmorProfile, selinuxLabel } = process ?? {};
  // without AppArmor everything is unconfined
  if (apparmorProfile && apparmorProfile !== "unconfined" && !hasAppArmor())
    throw absent("process.apparmorProfile", "AppArmor");
  if (selinuxLabel && !hasSelinux()) throw absent("process.selinuxLabel", "SELinux");
  if (mountLabel && !hasSelinux()) throw absent("linux.mountLabel", "SELinux");
}

function tell(file: string, text: string): void {
  using fd = new Fd(openProc(file, O.WRONLY));
  const bytes = native.bytes(text);
  sys("write", file, NR.write, fd.value, bytes, bytes.length);
}

function setAppArmorProfile(profile: string): void {
  try {
    // beside others AppArmor has a folder of its own (Linux 5.8)
    const own = hasProc("self/attr/apparmor/exec");
    tell(own ? "self/attr/apparmor/exec" : "self/attr/exec", `exec ${profile}`);
  } catch (cause) {
    throw new WharfError("FailedPrecondition", `process.apparmorProfile: cannot use ${JSON.stringify(profile)}`, {
      cause,
      subject: profile,
      hint: isErrno(cause, "ENOENT") ? "the profile is not loaded: apparmor_parser -r FILE loads it" : undefined,
    });
  }
}

/** For the next program (`exec`), or for keys (`keycreate`). */
function setSelinuxLabel(file: "exec" | "keycreate", label: string): void {
  try {
    tell(`self/attr/${file}`, label);
  } catch (cause) {
    throw new WharfError("FailedPrecondition", `process.selinuxLabel: cannot use ${JSON.stringify(label)}`, {
      cause,
      subject: label,
      hint: "the policy of this host does not know it, or does not allow it",
    });
  }
}

/** For the next exec of this process. */
export function labelSteps({ apparmorProfile, selinuxLabel }: Process): Step[] {
  const steps: Step[] = [];
  if (apparmorProfile && (apparmorProfile !== "unconfined" || hasAppArmor())) {
    const run = () => setAppArmorProfile(apparmorProfile);
    steps.push({
      field: "process.apparmorProfile",
      name: `confine the program by ${JSON.stringify(apparmorProfile)}`,
      run,
    });
  }
  if (selinuxLabel) {
    const run = () => setSelinuxLabel("exec", selinuxLabel);
    steps.push({ field: "process.selinuxLabel", name: `label the program ${JSON.stringify(selinuxLabel)}`, run });
  }
  return steps;
}

/** Runs `work` so that keys made in it get the label. */
export function withKeyLabel(label: string | undefined, work: () => void): void {
  if (label) setSelinuxLabel("keycreate", label);
  work();
  if (label) tell("self/attr/keycreate", "\0");
}

/** File systems whose label is the kernel's business. */
const UNLABELLED = new Set(["proc", "sysfs", "mqueue", "cgroup", "cgroup2"]);

/** The options of a new file system with linux.mountLabel as its context, which may hold commas. */
export function withMountLabel(spec: Spec, type: string, data: string): string {
  const label = spec.linux?.mountLabel;
  if (!label || UNLABELLED.has(type)) return data;
  const context = `context="${label}"`;
  return data === "" ? context : `${data},${context}`;
}

/** mqueue takes no context, but its root a label. */
export function labelMqueue(spec: Spec, type: string, root: number): void {
  const label = spec.linux?.mountLabel;
  if (!label || type !== "mqueue") return;
  const value = native.bytes(label);
  sys("label", type, NR.setxattr, fdPath(root), SELINUX_XATTR, value, value.length, 0);
}
