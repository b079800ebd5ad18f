// The words and figures of linux.seccomp. Looked at when a filter is compiled: one out of the cache has been looked at before.
import { WharfError } from "../../common/errors.ts";
import type { LinuxSeccomp, LinuxSyscall } from "../../common/oci/runtime.ts";
import { SECCOMP_SHAPE } from "../../common/oci/runtime-shape.ts";
import { checker } from "../sys/shape.ts";
import { ACTIONS, OPERATORS, SECCOMP_ARCHITECTURES } from "./names.ts";

const faultOf = checker(SECCOMP_SHAPE);

/** What comes with a number: of an errno, or of a message to the tracer. */
export const TAKES_ERRNO: ReadonlySet<string> = new Set(["SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"]);
const KNOWN_ARCHITECTURES: ReadonlySet<string> = new Set(SECCOMP_ARCHITECTURES);

function bad(field: string, what: string): WharfError {
  const name = `linux.seccomp${field}`;
  return new WharfError("InvalidArgument", `config.json: ${name}: ${what}`, { subject: name });
}

function checkAction(
  action: string | undefined,
  errnoRet: number | undefined,
  field: string,
  errnoField: string,
): void {
  if (action === undefined) throw bad(field, "is missing");
  if (ACTIONS[action] === undefined) throw bad(field, `unknown action ${JSON.stringify(action)}`);
  if (errnoRet !== undefined && errnoRet !== null && !TAKES_ERRNO.has(action))
    throw bad(errnoField, `is for ${[...TAKES_ERRNO].join(" and ")}, not for ${action}`);
}

function checkRule({ names, action, errnoRet, args }: LinuxSyscall, field: string): void {
  if (!names?.length) throw bad(`${field}.names`, "must name a system call");
  checkAction(action, errnoRet, `${field}.action`, `${field}.errnoRet`);
  if (action === "SCMP_ACT_NOTIFY" && names.includes("write"))
    throw bad(
      `${field}.names`,
      "SCMP_ACT_NOTIFY cannot be used for the write syscall, by which the runtime hands over the listener",
    );
  for (const [i, { index, op }] of (args ?? []).entries()) {
    if (!(index <= 5)) throw bad(`${field}.args[${i}].index`, `${index} is not between 0 and 5`);
    if (OPERATORS[op] === undefined) throw bad(`${field}.args[${i}].op`, `unknown operator ${JSON.stringify(op)}`);
  }
}

export function checkSeccomp(seccomp: LinuxSeccomp): void {
  const fault = faultOf(seccomp);
  if (fault) throw bad(fault.path, fault.why);
  const { defaultAction, defaultErrnoRet, architectures, syscalls } = seccomp;
  checkAction(defaultAction, defaultErrnoRet, ".defaultAction", ".defaultErrnoRet");
  if (defaultAction === "SCMP_ACT_NOTIFY")
    throw bad(".defaultAction", "SCMP_ACT_NOTIFY is for single system calls only");
  for (const [i, name] of (architectures ?? []).entries()) {
    if (!KNOWN_ARCHITECTURES.has(name))
      throw bad(`.architectures[${i}]`, `unknown architecture ${JSON.stringify(name)}`);
  }
  for (const [i, rule] of (syscalls ?? []).entries()) checkRule(rule, `.syscalls[${i}]`);
}
