/**
 * The default seccomp profile: what it allows is what Docker's (github.com/moby/profiles, seccomp/default.json) allows.
 * It is kept as a table of names and turned into rules for a container's capabilities.
 */

import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "./runtime.ts";
import { ALLOWED } from "./seccomp-table.ts";

const EPERM = 1;
const ENOSYS = 38;
const AF_VSOCK = 40;
/** Flags of clone(2) that make namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const CLONE_NAMESPACES = 0x7e020000;
/** personality(2): Linux, Linux of 32 bits, both without address randomisation … and "tell only". */
const PERSONALITIES = [0, 8, 0x20000, 0x20008, 0xffffffff];

/** Calls that a capability brings. */
const BY_CAPABILITY: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_SYS_ADMIN:
    "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules " +
    "lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname " +
    "sethostname setns syslog umount umount2 unshare",
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module init_module finit_module",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
  CAP_SYS_RAWIO: "iopl ioperm",
  CAP_SYS_TIME: "settimeofday stime clock_settime clock_settime64",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYSLOG: "syslog",
  CAP_BPF: "bpf",
  CAP_PERFMON: "perf_event_open",
};

/** By process.arch: the architectures a process may use calls of, and the calls that only these have. */
const BY_ARCHITECTURE: Readonly<Record<string, { architectures: string[]; calls: string }>> = {
  x64: { architectures: ["X86_64", "X86", "X32"], calls: "arch_prctl modify_ldt" },
  arm64: {
    architectures: ["AARCH64", "ARM"],
    calls: "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
  },
  riscv64: { architectures: ["RISCV64"], calls: "riscv_flush_icache" },
};

const allow = (names: string, ...args: LinuxSeccompArg[]): LinuxSyscall => ({
  names: names.split(" "),
  action: "SCMP_ACT_ALLOW",
  ...(args.length > 0 ? { args } : {}),
});

const made = new Map<string, LinuxSeccomp>();

/**
 * The profile for a process with these capabilities on a machine of this architecture. The same object for the same
 * question: it is not to be changed.
 */
export function defaultSeccomp(capabilities: readonly string[], arch: string): LinuxSeccomp {
  const relevant = Object.keys(BY_CAPABILITY).filter((name) => capabilities.includes(name));
  const key = `${arch} ${relevant.join(" ")}`;
  let profile = made.get(key);
  if (!profile) made.set(key, (profile = build(relevant, arch)));
  return profile;
}

function build(capabilities: readonly string[], arch: string): LinuxSeccomp {
  const machine = BY_ARCHITECTURE[arch];
  const syscalls: LinuxSyscall[] = [
    allow(ALLOWED),
    // Safe since Linux 4.8 (ptrace can no longer be used to get round seccomp); we need a later one anyway.
    allow("process_vm_readv process_vm_writev ptrace"),
    allow("socket", { index: 0, value: AF_VSOCK, op: "SCMP_CMP_NE" }),
    ...PERSONALITIES.map((value) => allow("personality", { index: 0, value, op: "SCMP_CMP_EQ" })),
  ];
  if (machine) syscalls.push(allow(machine.calls));
  for (const name of capabilities) syscalls.push(allow(BY_CAPABILITY[name]!));
  if (!capabilities.includes("CAP_SYS_ADMIN")) {
    syscalls.push(
      allow("clone", { index: 0, value: CLONE_NAMESPACES, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }),
      // Its flags lie in memory, which a filter cannot see; with ENOSYS a C library falls back to clone.
      { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
    );
  }
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures: (machine?.architectures ?? []).map((name) => `SCMP_ARCH_${name}`) as LinuxSeccomp["architectures"] &
      object,
    syscalls,
  };
}
