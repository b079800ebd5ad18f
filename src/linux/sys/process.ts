// Processes: fork that goes on in TypeScript, exec, wait, signals, pidfds.
import { SIGNALS } from "../../common/signals.ts";
import { cStringArray, sys } from "./call.ts";
import { NR } from "./nr.ts";

export { SIGNALS };

export const CLONE = {
  VM: 0x100,
  PIDFD: 0x1000,
  PARENT: 0x8000,
  NEWTIME: 0x80,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
} as const;

/** The upper half of CLONE_INTO_CGROUP. */
const INTO_CGROUP_HIGH = 2;

export function getpid(): number {
  return native.syscall(NR.getpid);
}

export interface CloneResult {
  /** 0 in the child. */
  pid: number;
  /** In the parent, when asked for: readable when the child has ended. */
  pidfd: number;
}

/**
 * clone3(2) as fork: a copy of this process, in which TypeScript simply goes on.
 * @param flags of CLONE; `cgroup` is an open cgroup v2 folder the child is born into.
 */
export function clone(flags: number, options: { cgroup?: number; exitSignal?: number } = {}): CloneResult {
  const pidfd = new Int32Array([-1]);
  // struct clone_args, 64-bit values as two halves each
  const args = new Uint32Array(22);
  args[0] = flags | CLONE.PIDFD;
  const address = native.address(pidfd);
  args[2] = address;
  args[3] = address / 2 ** 32;
  // a sibling's exit signal is that of this process; clone3 wants none given
  args[8] = flags & CLONE.PARENT ? 0 : (options.exitSignal ?? SIGNALS.CHLD);
  if (options.cgroup !== undefined) {
    args[1] = INTO_CGROUP_HIGH;
    args[20] = options.cgroup;
  }
  const pid = sys("clone", undefined, NR.clone3, args, args.byteLength);
  return { pid, pidfd: pidfd[0]! };
}

/** fork(2): 0 in the child. */
export function fork(): number {
  return sys("fork", undefined, NR.clone, SIGNALS.CHLD, 0, 0, 0, 0);
}

/**
 * Lets go of the mount that this program was executed from (native/self.h). The last process to do so waits for the kernel a
 * moment: one that has nothing else to do.
 */
export function letGoOfSelf(): void {
  const fd = native.self();
  if (fd >= 0) native.syscall(NR.close, fd);
}

export function exit(code: number): never {
  native.syscall(NR.exit_group, code);
  throw new Error("unreachable");
}

/** Ties this process to its parent's life. `parent` is the parent's pid as it was before the fork. */
export function dieWith(parent: number): void {
  prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
  // it was gone before
  if (native.syscall(NR.getppid) !== parent) exit(1);
}

/** Replaces this process; returns only by throwing. */
export function exec(path: string, args: readonly string[], env: readonly string[]): never {
  sys("exec", path, NR.execve, path, cStringArray(args), cStringArray(env));
  throw new Error("unreachable");
}

export interface Exit {
  pid: number;
  /** 0-255; 128 + signal when a signal ended it. */
  status: number;
  /** 0 unless a signal ended it. */
  signal: number;
}

export const WNOHANG = 1;

/** wait4(2). Undefined with WNOHANG when nobody has ended. ECHILD is thrown when there is no child. */
export function wait(pid = -1, options = 0): Exit | undefined {
  const status = new Int32Array(1);
  const ended = sys("wait for", pid, NR.wait4, pid, status, options, 0);
  if (ended === 0) return undefined;
  const signal = status[0]! & 0x7f;
  return { pid: ended, signal, status: signal ? 128 + signal : (status[0]! >> 8) & 0xff };
}

export function kill(pid: number, signal: number): void {
  sys("kill", pid, NR.kill, pid, signal);
}

export function pidfdOpen(pid: number): number {
  return sys("pidfd_open", pid, NR.pidfd_open, pid, 0);
}

export function pidfdSend(pidfd: number, signal: number): void {
  sys("pidfd_send_signal", pidfd, NR.pidfd_send_signal, pidfd, signal, 0, 0);
}

export function prctl(
  option: number,
  a: NativeWord = 0,
  b: NativeWord = 0,
  c: NativeWord = 0,
  d: NativeWord = 0,
): number {
  return sys("prctl", option, NR.prctl, option, a, b, c, d);
}

export const PR = {
  SET_PDEATHSIG: 1,
  SET_DUMPABLE: 4,
  SET_KEEPCAPS: 8,
  SET_NAME: 15,
  CAPBSET_READ: 23,
  CAPBSET_DROP: 24,
  SET_CHILD_SUBREAPER: 36,
  SET_NO_NEW_PRIVS: 38,
  CAP_AMBIENT: 47,
} as const;

let ownEnvironment: readonly string[] | undefined;

/** In a forked child that goes on as another program: the environment it would have been started with. */
export function setEnvironment(entries: readonly string[]): void {
  ownEnvironment = entries;
}

/** Where the command line lies; how long it was is not to be seen any more once it has been changed. */
let title: Uint8Array | undefined;

/** Makes this process look like another program to ps and top. As much of the command line is shown as there was before. */
export function setTitle(name: string, args: readonly string[]): void {
  prctl(PR.SET_NAME, native.address(native.bytes(`${name.slice(0, 15)}\0`)));
  title ??= new Uint8Array(native.title());
  const room = title;
  const text = native.bytes([name, ...args].join("\0")).subarray(0, room.length);
  room.fill(0);
  room.set(text);
}

/** `NAME=value` each, as a map. */
export function environmentOf(entries: readonly string[]): Map<string, string> {
  return new Map(
    entries.map((entry) => {
      const equals = entry.indexOf("=");
      return [entry.slice(0, equals), entry.slice(equals + 1)] as const;
    }),
  );
}

/** The environment this process was started with. */
export function environment(): Map<string, string> {
  return environmentOf(ownEnvironment ?? native.environ());
}
