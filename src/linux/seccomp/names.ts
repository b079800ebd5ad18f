// The names of linux.seccomp and their values in libseccomp (seccomp.h).

export const ACTIONS: Record<string, number> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_NOTIFY: 0x7fc00000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

export const OPERATORS: Record<string, number> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};

/** Bits of seccomp(2)'s SECCOMP_SET_MODE_FILTER. */
export const FLAGS: Record<string, number> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
};

export const SECCOMP_ACTIONS = Object.keys(ACTIONS).sort();
export const SECCOMP_OPERATORS = Object.keys(OPERATORS).sort();
export const SECCOMP_FLAGS = Object.keys(FLAGS).sort();
export const SECCOMP_ARCHITECTURES = [
  "AARCH64",
  "ARM",
  "LOONGARCH64",
  "M68K",
  "MIPS",
  "MIPS64",
  "MIPS64N32",
  "MIPSEL",
  "MIPSEL64",
  "MIPSEL64N32",
  "PARISC",
  "PARISC64",
  "PPC",
  "PPC64",
  "PPC64LE",
  "RISCV64",
  "S390",
  "S390X",
  "SH",
  "SHEB",
  "X32",
  "X86",
  "X86_64",
].map((name) => `SCMP_ARCH_${name}`);
