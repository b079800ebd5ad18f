/** --security-opt: seccomp profiles, no-new-privileges, system paths. */

import { WharfError } from "../../../common/errors.ts";
import type { LinuxSeccomp, LinuxSyscall } from "../../../common/oci/runtime.ts";
import { defaultSeccomp } from "../../../common/oci/seccomp-default.ts";

export interface SecurityOptions {
  noNewPrivileges: boolean;
  /** Absent: unconfined. */
  seccomp: LinuxSeccomp | undefined;
  /** systempaths=unconfined: nothing masked or read-only. */
  openSystemPaths: boolean;
}

/** InvalidArgument for an option that is unknown or asks for what this host has not. */
export function securityOf(
  options: readonly string[] | null,
  privileged: boolean,
  capabilities: readonly string[],
): SecurityOptions {
  const result: SecurityOptions = { noNewPrivileges: false, seccomp: undefined, openSystemPaths: privileged };
  let seccomp: string | undefined;
  for (const option of options ?? []) {
    const match = /^([\w-]+)(?:[=:](.*))?$/s.exec(option);
    const [name, value] = [match?.[1], match?.[2]];
    if (name === "no-new-privileges" && (value === undefined || value === "true")) result.noNewPrivileges = true;
    else if (name === "no-new-privileges" && value === "false") result.noNewPrivileges = false;
    else if (name === "seccomp" && value !== undefined) seccomp = value;
    else if (name === "systempaths" && value === "unconfined") result.openSystemPaths = true;
    else if ((name === "apparmor" || name === "label") && (value === "unconfined" || value === "disable")) continue;
    else throw invalid(option);
  }
  if (privileged && (seccomp === undefined || seccomp === "")) return result;
  if (seccomp === undefined || seccomp === "builtin") result.seccomp = defaultSeccomp(capabilities, process.arch);
  else if (seccomp !== "unconfined") result.seccomp = readProfile(seccomp, capabilities);
  return result;
}

interface ConditionalRule extends Omit<LinuxSyscall, "names"> {
  names?: string[];
  name?: string;
  includes?: { caps?: string[]; arches?: string[]; minKernel?: string };
  excludes?: { caps?: string[]; arches?: string[]; minKernel?: string };
}

const ARCH_NAMES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", riscv64: "riscv64" };

/** A profile in Docker's form (with conditions), which the CLI has read from a file. */
function readProfile(json: string, capabilities: readonly string[]): LinuxSeccomp {
  let profile: LinuxSeccomp & { archMap?: { architecture: string; subArchitectures?: string[] | null }[] };
  try {
    profile = JSON.parse(json);
    if (typeof profile !== "object" || typeof profile?.defaultAction !== "string") throw new Error("no defaultAction");
  } catch (cause) {
    throw new WharfError("InvalidArgument", "the seccomp profile cannot be read", {
      operation: "create container",
      cause,
      hint: "it is a JSON document with defaultAction and syscalls",
    });
  }
  const arch = ARCH_NAMES[process.arch] ?? process.arch;
  const holds = (condition: ConditionalRule["includes"], all: boolean): boolean => {
    const tests: boolean[] = [];
    if (condition?.arches?.length) tests.push(condition.arches.includes(arch));
    for (const cap of condition?.caps ?? []) tests.push(capabilities.includes(cap));
    return all ? tests.every(Boolean) : tests.some(Boolean);
  };
  const { archMap, syscalls, ...rest } = profile;
  const machine = archMap?.find(({ architecture }) => architecture === MACHINES[process.arch]);
  return {
    ...rest,
    ...(machine
      ? {
          architectures: [machine.architecture, ...(machine.subArchitectures ?? [])] as NonNullable<
            LinuxSeccomp["architectures"]
          >,
        }
      : {}),
    syscalls: ((syscalls ?? []) as ConditionalRule[])
      .filter((rule) => holds(rule.includes, true) && !holds(rule.excludes, false))
      .map(({ names, name, action, errnoRet, args }) => ({
        names: names ?? (name === undefined ? [] : [name]),
        action,
        ...(errnoRet === undefined ? {} : { errnoRet }),
        ...(args?.length ? { args } : {}),
      })),
  };
}

const MACHINES: Readonly<Record<string, string>> = {
  x64: "SCMP_ARCH_X86_64",
  arm64: "SCMP_ARCH_AARCH64",
  riscv64: "SCMP_ARCH_RISCV64",
};

function invalid(option: string): WharfError {
  return new WharfError("InvalidArgument", `invalid --security-opt: ${JSON.stringify(option)}`, {
    operation: "create container",
    subject: option,
    hint: "known are no-new-privileges, seccomp=unconfined|builtin|PROFILE and systempaths=unconfined; this host runs without AppArmor and SELinux",
  });
}
