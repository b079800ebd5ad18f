// docker-init, process 1 of a container that was asked for with --init: starts the program, passes signals on, reaps what is
// orphaned, and ends as the program ends. `docker-init -- PROGRAM [ARG…]`; `docker-init --pause` only holds a pod's namespaces; `docker-init --version`.
import { VERSION } from "../../common/version.ts";
import { isErrno } from "../sys/call.ts";
import { clearSignalMask, signalSet } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { stderr, stdout } from "../sys/out.ts";
import { environment, exec, exit, fork, getpid, PR, prctl, SIGNALS, WNOHANG, wait } from "../sys/process.ts";
import { pause } from "./pause.ts";

const NAME = "docker-init";
const EINTR = 4;
const ECHILD = "ECHILD";
const SIG_BLOCK = 0;
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const TIOCSPGRP = 0x5410;

/** All that may be held back: faults of our own are not for the program, and the terminal's stop signals not for us. */
const OWN: ReadonlySet<number> = new Set([
  SIGNALS.SEGV,
  SIGNALS.BUS,
  SIGNALS.FPE,
  SIGNALS.ILL,
  SIGNALS.TRAP,
  SIGNALS.ABRT,
  SIGNALS.SYS,
  SIGNALS.KILL,
  SIGNALS.STOP,
]);
const FORWARDED = Array.from({ length: 64 }, (_, i) => i + 1).filter((signal) => !OWN.has(signal));
const NEVER_PASSED_ON: ReadonlySet<number> = new Set([SIGNALS.CHLD, SIGNALS.TTIN, SIGNALS.TTOU]);

/** The program as execvp(3) finds it. */
function become(args: readonly string[]): never {
  const program = args[0]!;
  const env = [...environment()].map(([name, value]) => `${name}=${value}`);
  const places = program.includes("/")
    ? [program]
    : (environment().get("PATH") ?? "/bin:/usr/bin").split(":").map((dir) => `${dir || "."}/${program}`);
  let fault: unknown;
  for (const path of places) {
    try {
      exec(path, args, env);
    } catch (error) {
      if (fault === undefined || !isErrno(error, "ENOENT", "ENOTDIR")) fault = error;
    }
  }
  const missing = isErrno(fault, "ENOENT", "ENOTDIR");
  const why = missing ? "no such file, or not in PATH" : fault instanceof Error ? fault.message : String(fault);
  stderr(`${NAME}: cannot run ${JSON.stringify(program)}: ${why}\n`);
  exit(missing ? NOT_FOUND : NOT_EXECUTABLE);
}

/** Its own process group, in the terminal's foreground, so that ctrl-c reaches it and not us. */
function start(args: readonly string[]): number {
  const child = fork();
  if (child > 0) return child;
  native.syscall(NR.setpgid, 0, 0);
  native.syscall(NR.ioctl, 0, TIOCSPGRP, new Int32Array([getpid()]));
  clearSignalMask();
  become(args);
}

/** Takes in all that have ended; the exit code once the program itself is among them. */
function reap(child: number): number | undefined {
  let code: number | undefined;
  for (;;) {
    try {
      const ended = wait(-1, WNOHANG);
      if (!ended) return code;
      if (ended.pid === child) code = ended.status;
    } catch (error) {
      if (isErrno(error, ECHILD)) return code;
      throw error;
    }
  }
}

export function main(args: string[]): number {
  const [, separator, ...rest] = args;
  if (separator === "--pause" && rest.length === 0) return pause();
  if (separator === "--version" && rest.length === 0) {
    // dockerd asks its init for this and takes what is behind "git." for the commit
    stdout(`${NAME} version ${VERSION} - git.wharf\n`);
    return 0;
  }
  const command = separator === "--" ? rest : args.slice(1);
  if (command.length === 0) {
    stderr(`usage: ${NAME} -- PROGRAM [ARG...]\n`);
    return NOT_FOUND;
  }
  const set = signalSet(FORWARDED);
  native.syscall(NR.rt_sigprocmask, SIG_BLOCK, set, 0, 8);
  // Not process 1 where the PID namespace is another's: then orphans come to us all the same.
  if (getpid() !== 1) prctl(PR.SET_CHILD_SUBREAPER, 1);
  const child = start(command);
  native.trim();
  for (;;) {
    const signal = native.syscall(NR.rt_sigtimedwait, set, 0, 0, 8);
    if (signal === SIGNALS.CHLD) {
      const code = reap(child);
      if (code !== undefined) return code;
    } else if (signal > 0 && !NEVER_PASSED_ON.has(signal)) {
      native.syscall(NR.kill, child, signal);
    } else if (signal < 0 && signal !== -EINTR) {
      stderr(`${NAME}: waiting for signals failed with ${-signal}\n`);
      return NOT_EXECUTABLE;
    }
  }
}
