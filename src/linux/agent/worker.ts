// A worker: the forked child that carries out one long operation, apart from the agent and unable to outlive it.
import { WharfError } from "../../common/errors.ts";
import { close, dup3, O, open } from "../sys/fs.ts";
import { clearSignalMask, resetLoop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { exit, fork, kill, PR, prctl, SIGNALS, wait } from "../sys/process.ts";
import { Channel } from "./channel.ts";

/** Ties this process to its parent's life. `parent` is the parent's pid as it was before the fork. */
export function dieWith(parent: number): void {
  prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
  if (native.syscall(NR.getppid) !== parent) exit(1);
}

function setBlocking(fd: number): void {
  const flags = native.syscall(NR.fcntl, fd, 3);
  native.syscall(NR.fcntl, fd, 4, flags & ~O.NONBLOCK);
}

/** Closes every descriptor above 2 but `kept`. */
export function closeOthers(kept: number): void {
  if (kept > 3) native.syscall(NR.close_range, 3, kept - 1, 0);
  native.syscall(NR.close_range, Math.max(3, kept + 1), 0xffffffff, 0);
}

/**
 * In a new child of the agent: leads a process group of its own, holds only its connection (now blocking), runs
 * `operation` and sends its answer or its error.
 */
export function runWorker(connection: number, agent: number, operation: (channel: Channel) => unknown): never {
  dieWith(agent);
  native.syscall(NR.setpgid, 0, 0);
  resetLoop();
  clearSignalMask();
  closeOthers(connection);
  const nothing = open("/dev/null", O.RDWR);
  dup3(nothing, 0);
  dup3(nothing, 1);
  close(nothing);
  setBlocking(connection);
  const channel = new Channel(connection);
  try {
    try {
      channel.result(operation(channel));
    } catch (error) {
      channel.error(error);
    }
  } catch {
    // the client is gone: nobody to tell
    exit(1);
  }
  exit(0);
}

/** A child of a worker that does one part of its work; both live and die together. */
export interface Helper {
  pid: number;
  /** Waits for its end; Internal unless it exited with 0. */
  finish(): void;
  kill(): void;
}

/** Forks a helper that runs `work` and exits: 0 unless it throws. */
export function helper(name: string, work: () => void): Helper {
  const parent = native.syscall(NR.getpid);
  const pid = fork();
  if (pid === 0) {
    try {
      dieWith(parent);
      work();
      exit(0);
    } catch {
      exit(1);
    }
  }
  return {
    pid,
    finish() {
      const end = wait(pid);
      if (end && end.status !== 0) throw new WharfError("Internal", `the agent's ${name} failed (${end.status})`);
    },
    kill() {
      kill(pid, SIGNALS.KILL);
      wait(pid);
    },
  };
}
