// Hooks: programs at points of the life cycle, with the container's state on their stdin (config.md#posix-platform-hooks).
import { WharfError } from "../../common/errors.ts";
import type { Hook, Hooks } from "../../common/oci/runtime.ts";
import { isErrno, sys } from "../sys/call.ts";
import { close, dup3, pipe, read, writeAll } from "../sys/fs.ts";
import { clearSignalMask } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { pollReadable } from "../sys/poll.ts";
import { clone, exec, exit, pidfdSend, SIGNALS, wait } from "../sys/process.ts";
import { send, socketPair } from "../sys/socket.ts";
import { monotonicMs } from "../sys/time.ts";

export interface StateOfContainer {
  ociVersion: string;
  id: string;
  status: string;
  pid?: number;
  bundle: string;
  annotations?: Record<string, string> | undefined;
}

/** Where hooks run, and what they get where they say nothing of it. */
export interface HookPlace {
  /** Working folder; the runtime's own where it is not given. */
  folder?: string;
  env?: readonly string[];
}

const CLOSE_RANGE_CLOEXEC = 4;

/** In the hook's process. */
function becomeHook(hook: Hook, place: HookPlace, input: number, output: number): never {
  try {
    clearSignalMask();
    dup3(input, 0);
    dup3(output, 1);
    dup3(output, 2);
    // what the caller left open is not for hooks. A filter that refuses this is one after which nothing has come
    native.syscall(NR.close_range, 3, 0xffffffff, CLOSE_RANGE_CLOEXEC);
    if (place.folder !== undefined) sys("change folder", place.folder, NR.chdir, place.folder);
    exec(hook.path, hook.args?.length ? hook.args : [hook.path], hook.env ?? place.env ?? []);
  } catch (error) {
    writeAll(2, error instanceof Error ? error.message : String(error));
  }
  exit(127);
}

function runHook(kind: string, index: number, hook: Hook, state: string, place: HookPlace): void {
  const fail = (what: string, cause?: unknown) =>
    // beside our own name of it runc's, which callers look for
    new WharfError(
      "FailedPrecondition",
      `hooks.${kind}[${index}]: error running ${kind} hook #${index}: ${JSON.stringify(hook.path)} ${what}`,
      { cause, subject: hook.path },
    );
  if (!hook.path?.startsWith("/")) throw fail("is not an absolute path");
  if (hook.timeout !== undefined && hook.timeout <= 0) throw fail(`has a timeout of ${hook.timeout} s`);
  // a socket and not a pipe: a hook that does not read its input costs an error, not a signal
  const [input, stdin] = socketPair();
  const [output, words] = pipe();
  const { pid, pidfd } = clone(0);
  if (pid === 0) becomeHook(hook, place, input, words);
  close(input);
  close(words);
  try {
    try {
      for (let rest = native.bytes(state); rest.length > 0; ) rest = rest.subarray(send(stdin, rest));
    } catch (error) {
      if (!isErrno(error, "EPIPE", "ECONNRESET")) throw error;
    }
    close(stdin);
    const said = collect(output, pidfd, hook.timeout);
    if (said === undefined) {
      pidfdSend(pidfd, SIGNALS.KILL);
      wait(pid);
      throw fail(`did not end within ${hook.timeout} s and was killed`);
    }
    const { status, signal } = wait(pid)!;
    const end = signal === 0 ? `ended with ${status}` : `was ended by signal ${signal}${NAMED[signal] ?? ""}`;
    if (status !== 0) throw fail(`${end}${said === "" ? "" : `: ${said}`}`);
  } finally {
    close(output);
    close(pidfd);
  }
}

/** Those that tell why: strsignal(3). */
const NAMED: Record<number, string> = {
  [SIGNALS.KILL]: " (killed)",
  [SIGNALS.SEGV]: " (segmentation fault)",
  [SIGNALS.SYS]: " (bad system call: refused by the container's seccomp filter)",
};

const MOST_OUTPUT = 65536;

/** Reads what a hook says until it has ended, so that it never blocks; undefined when the time is over. */
function collect(output: number, pidfd: number, timeout: number | undefined): string | undefined {
  const end = timeout === undefined ? Number.POSITIVE_INFINITY : monotonicMs() + timeout * 1000;
  const chunk = new Uint8Array(4096);
  let said = "";
  for (let open = true; ; ) {
    const left = end - monotonicMs();
    if (left <= 0) return undefined;
    const ready = pollReadable(
      open ? [output, pidfd] : [pidfd],
      left === Number.POSITIVE_INFINITY ? -1 : Math.ceil(left),
    );
    if (ready < 0) return undefined;
    if (!open || ready === 1) return said.trim();
    const n = read(output, chunk);
    if (n === 0) open = false;
    else if (said.length < MOST_OUTPUT) said += native.utf8(chunk, 0, n);
  }
}

/** Runs them in order; the first that fails ends it. */
export function runHooks(
  hooks: Hooks | undefined,
  kind: keyof Hooks,
  state: StateOfContainer,
  place: HookPlace = {},
): void {
  const list = hooks?.[kind];
  if (!list?.length) return;
  const text = JSON.stringify(state);
  for (let i = 0; i < list.length; i++) runHook(kind, i, list[i]!, text, place);
}
