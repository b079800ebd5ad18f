/**
 * The seccomp section of the OCI runtime specification's config.json, as types.
 * Source: https://github.com/opencontainers/runtime-spec/blob/v1.3.0/config-linux.md#seccomp
 */

export type LinuxSeccompAction =
  | "SCMP_ACT_KILL"
  | "SCMP_ACT_KILL_PROCESS"
  | "SCMP_ACT_KILL_THREAD"
  | "SCMP_ACT_TRAP"
  | "SCMP_ACT_ERRNO"
  | "SCMP_ACT_TRACE"
  | "SCMP_ACT_ALLOW"
  | "SCMP_ACT_LOG"
  | "SCMP_ACT_NOTIFY";

export type LinuxSeccompOperator =
  | "SCMP_CMP_NE"
  | "SCMP_CMP_LT"
  | "SCMP_CMP_LE"
  | "SCMP_CMP_EQ"
  | "SCMP_CMP_GE"
  | "SCMP_CMP_GT"
  | "SCMP_CMP_MASKED_EQ";

export type LinuxSeccompArch =
  | "SCMP_ARCH_X86"
  | "SCMP_ARCH_X86_64"
  | "SCMP_ARCH_X32"
  | "SCMP_ARCH_ARM"
  | "SCMP_ARCH_AARCH64"
  | "SCMP_ARCH_MIPS"
  | "SCMP_ARCH_MIPS64"
  | "SCMP_ARCH_MIPS64N32"
  | "SCMP_ARCH_MIPSEL"
  | "SCMP_ARCH_MIPSEL64"
  | "SCMP_ARCH_MIPSEL64N32"
  | "SCMP_ARCH_PPC"
  | "SCMP_ARCH_PPC64"
  | "SCMP_ARCH_PPC64LE"
  | "SCMP_ARCH_S390"
  | "SCMP_ARCH_S390X"
  | "SCMP_ARCH_PARISC"
  | "SCMP_ARCH_PARISC64"
  | "SCMP_ARCH_RISCV64"
  | "SCMP_ARCH_LOONGARCH64"
  | "SCMP_ARCH_M68K"
  | "SCMP_ARCH_SH"
  | "SCMP_ARCH_SHEB";

export type LinuxSeccompFlag =
  | "SECCOMP_FILTER_FLAG_TSYNC"
  | "SECCOMP_FILTER_FLAG_LOG"
  | "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
  | "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";

export interface LinuxSeccomp {
  /** For system calls that no rule names. */
  defaultAction: LinuxSeccompAction;
  /** errno of a default SCMP_ACT_ERRNO or SCMP_ACT_TRACE; absent: EPERM. */
  defaultErrnoRet?: number | undefined;
  /** Beyond the native one. */
  architectures?: LinuxSeccompArch[] | undefined;
  /** Absent: the runtime's default; empty: none. */
  flags?: LinuxSeccompFlag[] | undefined;
  /** Socket that gets the notify descriptor, for SCMP_ACT_NOTIFY. */
  listenerPath?: string | undefined;
  /** Opaque, handed to the listener; an error without listenerPath. */
  listenerMetadata?: string | undefined;
  syscalls?: LinuxSyscall[] | undefined;
}

export interface LinuxSyscall {
  /** At least one. */
  names: string[];
  action: LinuxSeccompAction;
  errnoRet?: number | undefined;
  /** All must hold; several of one index in libseccomp's manner make separate rules. */
  args?: LinuxSeccompArg[] | undefined;
}

export interface LinuxSeccompArg {
  /** 0 to 5. */
  index: number;
  value: number;
  /** For SCMP_CMP_MASKED_EQ: (argument & value) == valueTwo. */
  valueTwo?: number | undefined;
  op: LinuxSeccompOperator;
}
