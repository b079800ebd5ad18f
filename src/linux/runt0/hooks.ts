// Hooks: programs at points of the life cycle, with the container's state on their stdin (config.md#posix-platform-hooks).
import { WharfError } from "../../common/errors.ts";
import type { Hook, Hooks } from "../../common/oci/runtime.ts";
import { isErrno } from "../sys/call.ts";
import { close, dup3, pipe, readAll, writeAll } from "../sys/fs.ts";
import { loop, resetLoop } from "../sys/loop.ts";
import { clone, exec, exit, pidfdSend, SIGNALS, wait } from "../sys/process.ts";

export interface StateOfContainer {
  ociVersion: string;
  id: string;
  status: string;
  pid?: number;
  bundle: string;
  annotations?: Record<string, string> | undefined;
}

function runHook(kind: string, index: number, hook: Hook, state: string): void {
  const fail = (what: string, cause?: unknown) =>
    new WharfError("FailedPrecondition", `hooks.${kind}[${index}]: ${JSON.stringify(hook.path)} ${what}`, {
      cause,
      subject: hook.path,
    });
  const [stdinRead, stdinWrite] = pipe();
  const [errorRead, errorWrite] = pipe();
  const { pid, pidfd } = clone(0);
  if (pid === 0) {
    try {
      dup3(stdinRead, 0);
      dup3(errorWrite, 2);
      dup3(errorWrite, 1);
      exec(hook.path, hook.args?.length ? hook.args : [hook.path], hook.env ?? []);
    } catch (error) {
      writeAll(2, error instanceof Error ? error.message : String(error));
      exit(127);
    }
  }
  close(stdinRead);
  close(errorWrite);
  try {
    try {
      writeAll(stdinWrite, state);
    } catch (error) {
      if (!isErrno(error, "EPIPE")) throw error;
    }
    close(stdinWrite);
    if (hook.timeout !== undefined) {
      const ended = loop().run(
        Promise.race([
          loop()
            .readable(pidfd)
            .then(() => true),
          loop()
            .sleep(hook.timeout * 1000)
            .then(() => false),
        ]),
      );
      resetLoop();
      if (!ended) {
        pidfdSend(pidfd, SIGNALS.KILL);
        wait(pid);
        throw fail(`did not end within ${hook.timeout} s and was killed`);
      }
    }
    const { status } = wait(pid)!;
    if (status !== 0) throw fail(`ended with ${status}: ${native.utf8(readAll(errorRead)).trim()}`);
  } finally {
    close(errorRead);
    close(pidfd);
  }
}

/** Runs them in order; the first that fails ends it. SIGPIPE must be ignored or stdin unread is deadly. */
export function runHooks(hooks: Hooks | undefined, kind: keyof Hooks, state: StateOfContainer): void {
  const text = JSON.stringify(state);
  for (const [i, hook] of (hooks?.[kind] ?? []).entries()) runHook(kind, i, hook, text);
}
