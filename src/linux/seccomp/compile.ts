// linux.seccomp into a BPF program, by libseccomp (man 3 seccomp_init and following).
import { WharfError } from "../../common/errors.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../common/oci/runtime.ts";
import { sys } from "../sys/call.ts";
import { errnoName } from "../sys/errno.ts";
import { Fd, readAll } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { checkSeccomp, TAKES_ERRNO } from "./check.ts";
import { ACTIONS, OPERATORS } from "./names.ts";
import { type Abi, commonNumber, type NewerRule, prologue, X32_BIT } from "./prologue.ts";

const EPERM = 1;

const ATTRIBUTE = { NO_NEW_PRIVS: 3, OPTIMIZE: 8 } as const;
const SYSCALL_UNKNOWN = -1;
const EEXIST = 17;
const EDOM = 33;
const ENOSYS = 38;

/** Calls a function of libseccomp that returns an int: 0 or a negative errno. */
function call(name: string, ...args: [NativeWord?, NativeWord?, NativeWord?, NativeWord?, NativeWord?]): number {
  return native.call(native.symbol(name), ...args) | 0;
}

function check(result: number, what: string): void {
  if (result < 0) throw new WharfError("InvalidArgument", `linux.seccomp: ${what}: ${errnoName(-result)}`);
}

function actionOf(name: string, errnoRet: number | undefined): number {
  const action = ACTIONS[name]!;
  return TAKES_ERRNO.has(name) ? (action | ((errnoRet ?? EPERM) & 0xffff)) >>> 0 : action;
}

/** An array of struct scmp_arg_cmp: argument index, operator, two 64-bit operands. */
function comparisons(args: readonly LinuxSeccompArg[]): Uint8Array {
  const bytes = new Uint8Array(24 * args.length);
  const view = new DataView(bytes.buffer);
  for (const [i, { index, value, valueTwo, op }] of args.entries()) {
    const operator = OPERATORS[op]!;
    view.setUint32(i * 24, index, true);
    view.setUint32(i * 24 + 4, operator, true);
    view.setBigUint64(i * 24 + 8, BigInt.asUintN(64, BigInt(value)), true);
    view.setBigUint64(i * 24 + 16, BigInt.asUintN(64, BigInt(valueTwo ?? 0)), true);
  }
  return bytes;
}

/** Conditions on one argument twice are alternatives, one rule each; on different arguments they must all hold. */
function alternatives(args: readonly LinuxSeccompArg[]): (readonly LinuxSeccompArg[])[] {
  const repeated = new Set(args.map((arg) => arg.index)).size < args.length;
  return repeated ? args.map((arg) => [arg]) : [args];
}

const ABIS = {
  SCMP_ARCH_X86_64: { audit: 0xc000003e, token: 0xc000003e, base: 0 },
  SCMP_ARCH_X86: { audit: 0x40000003, token: 0x40000003, base: 0 },
  SCMP_ARCH_X32: { audit: 0xc000003e, token: 0x4000003e, base: X32_BIT },
} as const;

/** A tracer, or the kernel, knows what to do with a call that nobody has thought of. */
const LETS_PASS: ReadonlySet<string> = new Set(["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"]);

/** This machine's ABIs that the profile is for, each with the highest number that it names there. */
function abisOf({ architectures, defaultAction, defaultErrnoRet, syscalls }: LinuxSeccomp): Abi[] {
  const asked = new Set<string>(["SCMP_ARCH_X86_64", ...(architectures ?? [])]);
  const silent = LETS_PASS.has(defaultAction) || defaultErrnoRet === ENOSYS;
  const abis: Abi[] = [];
  for (const [name, { audit, token, base }] of Object.entries(ABIS)) {
    if (!asked.has(name)) continue;
    const last = silent ? 0 : highest(token, syscalls ?? []);
    abis.push({ audit, base, last: last > 0 ? last : undefined });
  }
  return abis;
}

function highest(token: number, rules: readonly LinuxSyscall[]): number {
  let last = 0;
  for (const { names } of rules) {
    for (const name of names) {
      const nr = call("seccomp_syscall_resolve_name_arch", token, name);
      const number = nr === SYSCALL_UNKNOWN ? (commonNumber(name) ?? 0) : nr >= X32_BIT ? nr - X32_BIT : nr;
      if (number > last) last = number;
    }
  }
  return last;
}

/** The program's bytes, 8 an instruction. */
export function compileSeccomp(seccomp: LinuxSeccomp): Uint8Array {
  checkSeccomp(seccomp);
  const defaultAction = actionOf(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const filter = native.call(native.symbol("seccomp_init"), defaultAction);
  if (filter === 0) throw new WharfError("Internal", "libseccomp refused to start a filter");
  try {
    for (const architecture of seccomp.architectures ?? []) {
      const token =
        native.call(
          native.symbol("seccomp_arch_resolve_name"),
          architecture.replace("SCMP_ARCH_", "").toLowerCase(),
        ) >>> 0;
      // newer than this libseccomp, or of the other byte order: nothing on this machine makes calls in its way
      if (token === 0) continue;
      const added = call("seccomp_arch_add", filter, token);
      if (added !== -EEXIST && added !== -EDOM) check(added, `add architecture ${architecture}`);
    }
    check(call("seccomp_attr_set", filter, ATTRIBUTE.NO_NEW_PRIVS, 0), "leave no_new_privs alone");
    // a binary tree over the syscall numbers: shorter to run than one comparison after the other
    check(call("seccomp_attr_set", filter, ATTRIBUTE.OPTIMIZE, 2), "optimize");
    const newer: NewerRule[] = [];
    for (const { names, action, errnoRet, args } of seccomp.syscalls ?? []) {
      const code = actionOf(action, errnoRet);
      for (const name of names) {
        const nr = call("seccomp_syscall_resolve_name", name);
        if (nr === SYSCALL_UNKNOWN) {
          // newer than this libseccomp; what nobody knows has no rule
          const number = commonNumber(name);
          if (number !== undefined && !args?.length) newer.push({ nr: number, action: code });
          continue;
        }
        if (code === defaultAction) continue;
        for (const set of args?.length ? alternatives(args) : [[]]) {
          const array = set.length ? comparisons(set) : null;
          check(call("seccomp_rule_add_array", filter, code, nr, set.length, array), `rule for ${name}`);
        }
      }
    }
    using memory = new Fd(sys("memfd_create", undefined, NR.memfd_create, "seccomp", 1));
    check(call("seccomp_export_bpf", filter, memory.value), "export");
    sys("seek", memory.value, NR.lseek, memory.value, 0, 0);
    const program = readAll(memory.value, 32768);
    const first = prologue(abisOf(seccomp), newer);
    const whole = new Uint8Array(first.length + program.length);
    whole.set(first);
    whole.set(program, first.length);
    return whole;
  } finally {
    native.call(native.symbol("seccomp_release"), filter);
  }
}
