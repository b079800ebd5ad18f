// Makes a process that reads hostile data harmless: no way to other files, few capabilities, few system calls.
import { sys } from "../sys/call.ts";
import { NR } from "../sys/nr.ts";
import { PR, prctl } from "../sys/process.ts";

/** Capability numbers (include/uapi/linux/capability.h). */
export const CAP = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  FOWNER: 3,
  FSETID: 4,
  MKNOD: 27,
  SETFCAP: 31,
} as const;

const LAST_CAP = 63;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const AUDIT_ARCH_X86_64 = 0xc000003e;
const RET_ALLOW = 0x7fff0000;
const RET_KILL_PROCESS = 0x80000000;
const RET_EPERM = 0x00050001;

/** What a running TypeScript program needs when all it does is compute. */
export const COMPUTE: readonly number[] = [
  NR.futex,
  NR.read,
  NR.write,
  NR.close,
  NR.mmap,
  NR.munmap,
  NR.mremap,
  NR.brk,
  NR.madvise,
  NR.clock_gettime,
  NR.getpid,
  NR.getppid,
  NR.rt_sigreturn,
  NR.restart_syscall,
  NR.exit,
  NR.exit_group,
];

/** Creating and changing files, by descriptors and paths. */
export const FILES: readonly number[] = [
  NR.openat,
  NR.pwrite64,
  NR.lseek,
  NR.fallocate,
  NR.ftruncate,
  NR.fcntl,
  NR.dup,
  NR.statx,
  NR.getdents64,
  NR.mkdirat,
  NR.mknodat,
  NR.symlinkat,
  NR.linkat,
  NR.readlinkat,
  NR.unlinkat,
  NR.fchdir,
  NR.fchown,
  NR.fchownat,
  NR.fchmod,
  NR.fchmodat,
  NR.utimensat,
  NR.fsetxattr,
  NR.lsetxattr,
  NR.setxattrat,
];

/** Keeps only the given capabilities in every set, for good. */
export function keepCapabilities(kept: readonly number[]): void {
  for (let cap = 0; cap <= LAST_CAP; cap++) {
    // EINVAL: above the last one this kernel knows
    if (native.syscall(NR.prctl, PR.CAPBSET_DROP, cap, 0, 0, 0) < 0) break;
  }
  let low = 0;
  for (const cap of kept) low |= 1 << cap;
  const header = new Uint32Array([0x20080522, 0]);
  // effective, permitted, inheritable; then the same for capabilities above 31
  const sets = new Uint32Array([low >>> 0, low >>> 0, 0, 0, 0, 0]);
  sys("capset", undefined, NR.capset, header, sets);
}

/** Allows only these system calls from now on; others fail with EPERM. */
export function allowOnly(calls: readonly number[]): void {
  const program = new Uint8Array((calls.length + 6) * 8);
  const view = new DataView(program.buffer);
  let at = 0;
  const put = (code: number, jt: number, jf: number, k: number): void => {
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
    at += 8;
  };
  put(0x20, 0, 0, 4); // load the architecture
  put(0x15, 1, 0, AUDIT_ARCH_X86_64);
  put(0x06, 0, 0, RET_KILL_PROCESS);
  put(0x20, 0, 0, 0); // load the number; x32 ones have a bit that no number of the list has
  for (const [i, nr] of calls.entries()) put(0x15, calls.length - i, 0, nr);
  put(0x06, 0, 0, RET_EPERM);
  put(0x06, 0, 0, RET_ALLOW);
  const fprog = new BigUint64Array([BigInt(calls.length + 6), BigInt(native.address(program))]);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, native.address(fprog));
}

/** For a process that only computes on shared memory: not one system call that takes a path, or a right over anything. */
export function confineToComputing(): void {
  keepCapabilities([]);
  prctl(PR.SET_NO_NEW_PRIVS, 1);
  allowOnly(COMPUTE);
}

/** Makes the open directory `target` this process's whole file system, and leaves it only what unpacking needs. */
export function confineToTree(target: number): void {
  sys("fchdir", target, NR.fchdir, target);
  sys("chroot", target, NR.chroot, ".");
  sys("chdir", "/", NR.chdir, "/");
  keepCapabilities([CAP.CHOWN, CAP.DAC_OVERRIDE, CAP.DAC_READ_SEARCH, CAP.FOWNER, CAP.FSETID, CAP.MKNOD, CAP.SETFCAP]);
  prctl(PR.SET_NO_NEW_PRIVS, 1);
  allowOnly([...COMPUTE, ...FILES]);
}
