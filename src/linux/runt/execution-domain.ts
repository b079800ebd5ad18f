// What kind of machine the container's programs see and where their memory lies: linux.personality (man 2 personality) and
// linux.memoryPolicy (man 2 set_mempolicy). Both are inherited, so each process that enters the container takes them on.
import { WharfError } from "../../common/errors.ts";
import type { Linux, LinuxMemoryPolicy } from "../../common/oci/runtime.ts";
import { sys } from "../sys/call.ts";
import { NR } from "../sys/nr.ts";
import { numberMask } from "../sys/number-list.ts";

/** What the record keeps for processes that come later. */
export type ExecutionDomain = Pick<Linux, "personality" | "memoryPolicy">;

export function executionDomainOf({ personality, memoryPolicy }: Linux): ExecutionDomain | undefined {
  return personality || memoryPolicy ? { personality, memoryPolicy } : undefined;
}

const DOMAIN = { LINUX: 0, LINUX32: 8 } as const;

export const MEMORY_POLICY_MODES: Readonly<Record<LinuxMemoryPolicy["mode"], number>> = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
};

export const MEMORY_POLICY_FLAGS: Readonly<Record<NonNullable<LinuxMemoryPolicy["flags"]>[number], number>> = {
  MPOL_F_NUMA_BALANCING: 1 << 13,
  MPOL_F_RELATIVE_NODES: 1 << 14,
  MPOL_F_STATIC_NODES: 1 << 15,
};

const WITHOUT_NODES: ReadonlySet<string> = new Set(["MPOL_DEFAULT", "MPOL_LOCAL"]);

function bad(field: string, what: string, cause?: unknown): WharfError {
  return new WharfError("InvalidArgument", `config.json: ${field}: ${what}`, { subject: field, cause });
}

export function checkExecutionDomain({ personality, memoryPolicy }: ExecutionDomain): void {
  if (personality) {
    if (personality.domain === undefined) throw bad("linux.personality.domain", "is missing");
    const [flag] = personality.flags ?? [];
    if (flag !== undefined)
      throw bad("linux.personality.flags", `unknown flag ${JSON.stringify(flag)}; there are none`);
  }
  if (!memoryPolicy) return;
  const { mode, nodes } = memoryPolicy;
  if (mode === undefined) throw bad("linux.memoryPolicy.mode", "invalid memory policy mode: is missing");
  if (!nodes) {
    if (WITHOUT_NODES.has(mode) || mode === "MPOL_PREFERRED") return;
    throw bad("linux.memoryPolicy.nodes", `${mode} needs at least one node`);
  }
  let count = 0;
  try {
    for (let byte of numberMask(nodes)) for (; byte > 0; byte &= byte - 1) count++;
  } catch (cause) {
    throw bad("linux.memoryPolicy.nodes", "invalid memory policy node list", cause);
  }
  if (!WITHOUT_NODES.has(mode)) return;
  throw bad("linux.memoryPolicy.nodes", `${mode} takes no nodes: mode requires 0 nodes but got ${count}`);
}

function setMemoryPolicy({ mode, nodes, flags = [] }: LinuxMemoryPolicy): void {
  const mask = nodes ? numberMask(nodes) : undefined;
  const value = flags.reduce((bits, flag) => bits | MEMORY_POLICY_FLAGS[flag], MEMORY_POLICY_MODES[mode]);
  try {
    // the kernel takes one bit less than it is told of
    const bits = mask === undefined ? 0 : mask.length * 8 + 1;
    sys("set_mempolicy", mode, NR.set_mempolicy, value, mask ?? 0, bits);
  } catch (cause) {
    throw new WharfError(
      "FailedPrecondition",
      `linux.memoryPolicy: cannot set ${mode} on nodes ${JSON.stringify(nodes ?? "")}`,
      {
        cause,
        subject: "linux.memoryPolicy",
        hint: "see /sys/devices/system/node/online for the nodes there are, and cpuset.mems for those the cgroup may use",
      },
    );
  }
}

/** On this process. */
export function enterExecutionDomain({ personality, memoryPolicy }: ExecutionDomain): void {
  if (personality) sys("set linux.personality to", personality.domain, NR.personality, DOMAIN[personality.domain]);
  if (memoryPolicy) setMemoryPolicy(memoryPolicy);
}
