// When and where a process runs: process.scheduler (man 2 sched_setattr), process.ioPriority (man 2 ioprio_set) and
// process.execCPUAffinity (man 2 sched_setaffinity).
import { WharfError } from "../../common/errors.ts";
import type { CPUAffinity, LinuxIOPriority, Process, Scheduler } from "../../common/oci/runtime.ts";
import { sys } from "../sys/call.ts";
import { NR } from "../sys/nr.ts";
import { numberMask } from "../sys/number-list.ts";

const POLICY: Readonly<Record<Scheduler["policy"], number>> = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
};

const FLAG: Readonly<Record<NonNullable<Scheduler["flags"]>[number], number>> = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
};

const IO_CLASS: Readonly<Record<LinuxIOPriority["class"], number>> = {
  IOPRIO_CLASS_RT: 1,
  IOPRIO_CLASS_BE: 2,
  IOPRIO_CLASS_IDLE: 3,
};

/** With the utilization clamps, which some flags ask for. */
const SCHED_ATTR_SIZE = 56;
const IOPRIO_WHO_PROCESS = 1;
const IOPRIO_CLASS_SHIFT = 13;

function checkScheduler({ policy, nice = 0, priority = 0, runtime, deadline, period }: Scheduler, field: string): void {
  const fail = (name: string, what: string) =>
    new WharfError("InvalidArgument", `config.json: ${field}.${name}: ${what}`);
  if (policy === undefined) throw fail("policy", "is missing");
  if (nice < -20 || nice > 19) throw fail("nice", `${nice} is not between -20 and 19`);
  const realtime = policy === "SCHED_FIFO" || policy === "SCHED_RR";
  if (realtime && (priority < 1 || priority > 99)) throw fail("priority", `${priority} is not between 1 and 99`);
  if (!realtime && priority !== 0) throw fail("priority", `is for SCHED_FIFO and SCHED_RR, not for ${policy}`);
  if (policy !== "SCHED_DEADLINE" && (runtime || deadline || period)) {
    throw fail(runtime ? "runtime" : deadline ? "deadline" : "period", `is for SCHED_DEADLINE, not for ${policy}`);
  }
}

function checkList(text: string | undefined, field: string): void {
  if (!text) return;
  try {
    numberMask(text);
  } catch (cause) {
    throw new WharfError("InvalidArgument", `config.json: ${field}`, { cause, subject: field });
  }
}

/** Whether it can be carried out, as far as that can be told beforehand. `field` is what the process is called. */
export function checkScheduling({ scheduler, ioPriority, execCPUAffinity }: Process, field: string): void {
  if (scheduler) checkScheduler(scheduler, `${field}.scheduler`);
  if (ioPriority) {
    const { class: name, priority = 0 } = ioPriority;
    const fail = (what: string) => new WharfError("InvalidArgument", `config.json: ${field}.ioPriority${what}`);
    if (name === undefined) throw fail(".class: is missing");
    if (priority < 0 || priority > 7) throw fail(`.priority: ${priority} is not between 0 and 7`);
  }
  if (execCPUAffinity) {
    checkList(execCPUAffinity.initial, `${field}.execCPUAffinity.initial`);
    checkList(execCPUAffinity.final, `${field}.execCPUAffinity.final`);
  }
}

/** struct sched_attr. */
function schedulerAttributes(scheduler: Scheduler): Uint8Array {
  const { policy, nice = 0, priority = 0, flags = [], runtime = 0, deadline = 0, period = 0 } = scheduler;
  const bytes = new Uint8Array(SCHED_ATTR_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SCHED_ATTR_SIZE, true);
  view.setUint32(4, POLICY[policy], true);
  view.setUint32(
    8,
    flags.reduce((bits, name) => bits | FLAG[name], 0),
    true,
  );
  view.setInt32(16, nice, true);
  view.setUint32(20, priority, true);
  for (const [i, value] of [runtime, deadline, period].entries())
    view.setBigUint64(24 + 8 * i, BigInt.asUintN(64, BigInt(value)), true);
  return bytes;
}

/**
 * For this process, and what it starts.
 * @param cpus linux.resources.cpu.cpus, which goes not together with SCHED_DEADLINE
 */
export function setScheduler(scheduler: Scheduler, cpus?: string): void {
  try {
    sys("sched_setattr", scheduler.policy, NR.sched_setattr, 0, schedulerAttributes(scheduler), 0);
  } catch (cause) {
    const { errno } = WharfError.from(cause);
    const hints: Readonly<Record<string, string>> = {
      EPERM: "it needs CAP_SYS_NICE, and in a cgroup of v1 a realtime budget (linux.resources.cpu.realtimeRuntime)",
      EINVAL: "this kernel has no such policy (SCHED_ISO is in none), or the figures do not fit it",
      EBUSY: "the processors have no such time left for SCHED_DEADLINE",
      EOPNOTSUPP: "this kernel was built without utilization clamping",
    };
    const why = errno === "EPERM" && cpus ? ": process scheduler can't be used together with AllowedCPUs" : "";
    throw new WharfError("FailedPrecondition", `process.scheduler: cannot set ${scheduler.policy}${why}`, {
      cause,
      subject: "process.scheduler",
      hint: errno === undefined ? undefined : hints[errno],
    });
  }
}

export function setIoPriority({ class: name, priority = 0 }: LinuxIOPriority): void {
  const value = (IO_CLASS[name] << IOPRIO_CLASS_SHIFT) | priority;
  try {
    sys("ioprio_set", name, NR.ioprio_set, IOPRIO_WHO_PROCESS, 0, value);
  } catch (cause) {
    throw new WharfError("FailedPrecondition", `process.ioPriority: cannot set ${name} ${priority}`, {
      cause,
      subject: "process.ioPriority",
      hint: name === "IOPRIO_CLASS_RT" ? "IOPRIO_CLASS_RT needs CAP_SYS_NICE" : undefined,
    });
  }
}

/** Wide enough for every machine: the kernel takes of it what the cgroup's cpuset has. */
const EVERY_CPU = new Uint8Array(1024).fill(0xff);

/** A container does not inherit the affinity of who called the runtime. Where this is refused, nothing is lost. */
export function resetAffinity(): void {
  native.syscall(NR.sched_setaffinity, 0, EVERY_CPU.length, EVERY_CPU);
}

/** The processors this process may run on, as a hexadecimal mask. */
export function affinityMask(): string {
  const mask = new Uint8Array(EVERY_CPU.length);
  const length = sys("sched_getaffinity", undefined, NR.sched_getaffinity, 0, mask.length, mask);
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(mask[i]!);
  return `0x${value.toString(16)}`;
}

/** On this process. `which` names the moment: before it joins the cgroup, or after. */
export function setAffinity({ initial, final }: CPUAffinity, which: keyof CPUAffinity): void {
  const list = which === "initial" ? initial : final;
  if (!list) return;
  const mask = numberMask(list);
  try {
    sys("sched_setaffinity", list, NR.sched_setaffinity, 0, mask.length, mask);
  } catch (cause) {
    const field = `process.execCPUAffinity.${which}`;
    throw new WharfError("FailedPrecondition", `${field}: cannot run on ${JSON.stringify(list)}`, {
      cause,
      subject: field,
      hint: "none of these processors is there, or the cgroup's cpuset has them not",
    });
  }
}
