import type { LinuxSeccomp, LinuxSeccompArg } from "../../common/oci/runtime.ts";
import { NR } from "../sys/nr.ts";
import { exit, fork, PR, prctl, SIGNALS, wait } from "../sys/process.ts";
import { equal, ok, test, throws } from "../testing.ts";
import { checkSeccomp } from "./check.ts";
import { compileSeccomp } from "./compile.ts";
import { loadFilter } from "./load.ts";

const ENOSYS = 38;
/** Numbers that no kernel has yet. */
const UNKNOWN_CALL = 4000;
const X32 = 0x40000000;

/** What `work` answers (as an exit code, 0 to 255) in a process under the filter; 256 and the signal that ended it. */
function under(seccomp: LinuxSeccomp, work: () => number, flags: readonly string[] = []): number {
  const program = compileSeccomp(seccomp);
  const pid = fork();
  if (pid === 0) {
    prctl(PR.SET_NO_NEW_PRIVS, 1);
    loadFilter(program, flags, false);
    exit(work() & 0xff);
  }
  const { status, signal } = wait(pid)!;
  return signal ? 256 + signal : status;
}

const getppid = { names: ["getppid"] };
const call =
  (nr: number, ...args: number[]) =>
  () =>
    -native.syscall(nr, ...args);

/** All that is needed here but what the test is about. */
function allowing(names: string[]): LinuxSeccomp {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 77,
    syscalls: [
      { names: ["exit_group", "exit", "brk", "mmap", "munmap", "madvise", ...names], action: "SCMP_ACT_ALLOW" },
    ],
  };
}

test("actions: errno, kill, kill process, trap, log, trace without a tracer, allow", () => {
  const rule = (action: LinuxSeccomp["defaultAction"], errnoRet?: number) =>
    under({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ ...getppid, action, errnoRet }] }, () =>
      native.syscall(NR.getppid) > 0 ? 0 : -native.syscall(NR.getppid),
    );
  equal(rule("SCMP_ACT_ERRNO"), 1);
  equal(rule("SCMP_ACT_ERRNO", 28), 28);
  for (const action of ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"] as const)
    equal(rule(action), 256 + SIGNALS.SYS, action);
  equal(rule("SCMP_ACT_TRACE", 5), ENOSYS);
  equal(rule("SCMP_ACT_LOG"), 0);
  equal(rule("SCMP_ACT_ALLOW"), 0);
});

test("defaultErrnoRet is the default's", () => {
  equal(under(allowing([]), call(NR.getppid)), 77);
  equal(under({ ...allowing([]), defaultErrnoRet: undefined }, call(NR.getppid)), 1);
});

test("comparisons: each operator, 64 bits, several arguments, one argument twice", () => {
  const answer = (args: LinuxSeccompArg[], ...values: number[]) =>
    under(
      {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["dup3"], action: "SCMP_ACT_ERRNO", errnoRet: 99, args }],
      },
      () => (native.syscall(NR.dup3, ...values) === -99 ? 1 : 0),
    );
  const one = (op: LinuxSeccompArg["op"], value: number, valueTwo?: number) => [{ index: 0, op, value, valueTwo }];
  const cases: [LinuxSeccompArg[], number, number][] = [
    [one("SCMP_CMP_EQ", 500), 500, 501],
    [one("SCMP_CMP_NE", 500), 501, 500],
    [one("SCMP_CMP_LT", 500), 499, 500],
    [one("SCMP_CMP_LE", 500), 500, 501],
    [one("SCMP_CMP_GE", 500), 500, 499],
    [one("SCMP_CMP_GT", 500), 501, 500],
    [one("SCMP_CMP_MASKED_EQ", 0xf0, 0x50), 0x5f, 0x6f],
    [one("SCMP_CMP_EQ", 2 ** 33), 2 ** 33, 0],
  ];
  for (const [args, yes, no] of cases) {
    equal(answer(args, yes, 600, 0), 1, `${args[0]!.op} ${yes}`);
    equal(answer(args, no, 600, 0), 0, `${args[0]!.op} ${no}`);
  }
  const both: LinuxSeccompArg[] = [
    { index: 0, op: "SCMP_CMP_EQ", value: 500 },
    { index: 1, op: "SCMP_CMP_EQ", value: 600 },
  ];
  equal([answer(both, 500, 600, 0), answer(both, 500, 601, 0)], [1, 0], "all must hold");
  const either: LinuxSeccompArg[] = [500, 502].map((value) => ({ index: 0, op: "SCMP_CMP_EQ", value }));
  equal(
    [answer(either, 500, 600, 0), answer(either, 502, 600, 0), answer(either, 501, 600, 0)],
    [1, 1, 0],
    "alternatives",
  );
});

test("a call newer than the profile gets ENOSYS, one that it could have named the default", () => {
  const profile = allowing(["getuid", "openat2"]);
  equal(under(profile, call(UNKNOWN_CALL)), ENOSYS);
  equal(under(profile, call(NR.mount_setattr)), ENOSYS, "newer than openat2");
  equal(under(profile, call(NR.getppid)), 77);
  equal(under(allowing(["getuid"]), call(NR.getrandom)), ENOSYS, "newer than an old profile, with an old number");
  equal(under({ ...profile, defaultErrnoRet: ENOSYS }, call(NR.getppid)), ENOSYS);
  equal(
    under({ ...profile, defaultAction: "SCMP_ACT_KILL_PROCESS", defaultErrnoRet: undefined }, call(UNKNOWN_CALL)),
    ENOSYS,
  );
  const permissive: LinuxSeccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ ...getppid, action: "SCMP_ACT_LOG" }],
  };
  equal(under(permissive, call(UNKNOWN_CALL)), ENOSYS, "the kernel's own");
});

test("calls newer than this libseccomp have their rules all the same", () => {
  const allowed = allowing(["futex_wake", "setxattrat", "file_setattr"]);
  // the kernel's own answers: there are bad arguments
  for (const nr of [454, NR.setxattrat]) ok(under(allowed, call(nr, -1, 0, 0xff00)) !== 77, `call ${nr} is allowed`);
  equal(under(allowed, call(NR.getxattrat)), 77, "not named, older than what is");
  const refused: LinuxSeccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["cachestat"], action: "SCMP_ACT_ERRNO", errnoRet: 88 }],
  };
  equal(under(refused, call(NR.cachestat)), 88);
});

test("x32 calls: the bad architecture where not asked for, else rules and ENOSYS of their own", () => {
  equal(under(allowing(["getuid"]), call(X32 + NR.getuid)) !== 0, true);
  const x32: LinuxSeccomp = { ...allowing(["getuid"]), architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"] };
  equal(under(x32, call(X32 + NR.getppid)), 77);
  equal(under(x32, call(X32 + UNKNOWN_CALL)), ENOSYS);
});

test("every architecture of the specification is taken, whatever this libseccomp knows", () => {
  const names =
    "X86 X86_64 X32 ARM AARCH64 LOONGARCH64 M68K MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X SH SHEB PARISC PARISC64 RISCV64";
  for (const name of names.split(" ")) {
    const architectures = [`SCMP_ARCH_${name}`] as LinuxSeccomp["architectures"];
    equal(under({ ...allowing(["getuid"]), architectures }, call(NR.getppid)), 77, name);
  }
});

test("flags: each is taken by the kernel", () => {
  const profile = allowing(["getuid"]);
  for (const flag of ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"])
    equal(under(profile, call(NR.getppid), [flag]), 77, flag);
  throws(
    () => loadFilter(new Uint8Array(8), ["SECCOMP_FILTER_FLAG_NONE"], false),
    /linux\.seccomp\.flags: unknown flag/,
  );
});

test("checkSeccomp() names what is wrong", () => {
  const wrong = (change: object, message: RegExp) =>
    throws(() => checkSeccomp({ defaultAction: "SCMP_ACT_ALLOW", ...change } as LinuxSeccomp), message);
  const rule = (one: object, message: RegExp) =>
    wrong({ syscalls: [{ names: ["getuid"], action: "SCMP_ACT_ERRNO", ...one }] }, message);
  wrong({ defaultAction: "SCMP_ACT_MAYBE" }, /linux\.seccomp\.defaultAction: unknown action "SCMP_ACT_MAYBE"/);
  wrong({ defaultAction: undefined }, /linux\.seccomp\.defaultAction: is missing/);
  wrong({ defaultAction: "SCMP_ACT_NOTIFY" }, /defaultAction: SCMP_ACT_NOTIFY is for single system calls only/);
  wrong(
    { defaultErrnoRet: 5 },
    /linux\.seccomp\.defaultErrnoRet: is for SCMP_ACT_ERRNO and SCMP_ACT_TRACE, not for SCMP_ACT_ALLOW/,
  );
  wrong(
    { architectures: ["SCMP_ARCH_Z80"] },
    /linux\.seccomp\.architectures\[0\]: unknown architecture "SCMP_ARCH_Z80"/,
  );
  wrong({ syscalls: {} }, /linux\.seccomp\.syscalls: expected a list, got an object/);
  rule({ names: [] }, /linux\.seccomp\.syscalls\[0\]\.names: must name a system call/);
  rule({ action: "KILL" }, /syscalls\[0\]\.action: unknown action "KILL"/);
  rule({ action: "SCMP_ACT_KILL", errnoRet: 1 }, /syscalls\[0\]\.errnoRet: is for .* not for SCMP_ACT_KILL/);
  rule(
    { names: ["write"], action: "SCMP_ACT_NOTIFY" },
    /syscalls\[0\]\.names: .*SCMP_ACT_NOTIFY cannot be used for the write syscall/,
  );
  rule(
    { args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] },
    /syscalls\[0\]\.args\[0\]\.index: 6 is not between 0 and 5/,
  );
  rule({ args: [{ index: 0, value: 0, op: "==" }] }, /syscalls\[0\]\.args\[0\]\.op: unknown operator "=="/);
  rule({ args: [{ index: 0, value: "0", op: "SCMP_CMP_EQ" }] }, /args\[0\]\.value: expected a number, got "0"/);
});
