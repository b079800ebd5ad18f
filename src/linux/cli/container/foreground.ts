// A container in the foreground: its streams are ours, its exit code becomes ours.
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../../../common/cli/detach-keys.ts";
import { WharfError } from "../../../common/errors.ts";
import type { Cli } from "../cli.ts";
import { DAEMON_FAILED, NOT_EXECUTABLE, NOT_FOUND } from "../errors.ts";
import type { Response } from "../http/connection.ts";
import type { Ending } from "../stream/attach.ts";

/** The reader of our output is gone: what a shell sees of a program that SIGPIPE ended. */
export const READER_GONE = 128 + 13;

/**
 * What the daemon is told to look for. The keys are watched here, so that ctrl-p is held back no longer than needed; the
 * daemon gets a sequence nobody types, or it would hold back ctrl-p itself.
 */
const NEVER_TYPED = "ctrl-@,ctrl-_,ctrl-@,ctrl-_";

export interface DetachChoice {
  readonly keys: Uint8Array;
  readonly query: string;
}

/** The keys from the flag, docker's configuration file, or the default. */
export function detachKeys(cli: Cli, flag: string): DetachChoice {
  return { keys: parseDetachKeys(flag || cli.config.detachKeys || DEFAULT_DETACH_KEYS), query: NEVER_TYPED };
}

/** The operation of errors found before the daemon is asked for anything; docker ends with 1 then. */
export const BEFOREHAND = "prepare";

/** A container's terminal needs one of ours to be typed into. */
export function requireTerminal(cli: Cli, stdin: boolean, tty: boolean): void {
  if (!stdin || !tty || cli.isTerminal(0)) return;
  throw new WharfError("FailedPrecondition", "the input device is not a TTY", {
    operation: BEFOREHAND,
    hint: "leave -t away when stdin is a pipe or a file",
  });
}

export interface WaitAnswer {
  readonly StatusCode: number;
  readonly Error?: { readonly Message: string } | null;
}

/** Begins to wait for a container's end; resolves when the daemon has taken note, so that no end is missed from then on. */
export async function beginWait(cli: Cli, id: string, condition: "next-exit" | "removed" | ""): Promise<Response> {
  const query = condition === "" ? {} : { query: { condition } };
  return cli.api.request("POST", `/containers/${id}/wait`, { ...query, doing: "wait for container" });
}

/** The exit code that a wait gives. A daemon that goes away meanwhile does not end the container. */
export async function waited(cli: Cli, wait: Response, name: string): Promise<number> {
  let answer: WaitAnswer;
  try {
    answer = JSON.parse(await wait.text()) as WaitAnswer;
  } catch (cause) {
    throw new WharfError("Unavailable", "the daemon went away before the container's end was known", {
      hint: `the container may go on: 'wharf ps' tells, 'wharf attach ${name}' comes back`,
      cause: cause instanceof WharfError ? new WharfError(cause.code, cause.message) : cause,
    });
  }
  if (answer.Error?.Message) {
    cli.warn(answer.Error.Message);
    return DAEMON_FAILED;
  }
  return answer.StatusCode;
}

export async function forwardSignal(cli: Cli, id: string, signal: number): Promise<void> {
  await cli.api.call("POST", `/containers/${id}/kill`, { query: { signal } });
}

/** Tells the container's terminal how large ours is. */
export async function resize(cli: Cli, path: string, more = 0): Promise<void> {
  const size = cli.terminalSize(1) ?? cli.terminalSize(0);
  if (!size) return;
  await cli.api.call("POST", `${path}/resize`, { query: { h: size.rows + more, w: size.columns + more } });
}

/** Has the program draw itself anew: another size, and then the right one. */
export async function redraw(cli: Cli, path: string): Promise<void> {
  try {
    await resize(cli, path, 1);
    await resize(cli, path);
  } catch {
    // It may have ended.
  }
}

/** What the end of a stream means when it is not the container's end; undefined when the container ended it. */
export function codeOfEnding(cli: Cli, ending: Ending, name: string): number | undefined {
  if (ending === "reader-gone") return READER_GONE;
  if (ending !== "detached") return undefined;
  if (cli.isTerminal(2)) cli.err(`\ndetached; 'wharf attach ${name}' comes back\n`);
  return 0;
}

/** The exit code for a command that could not be started: 127 not there, 126 not executable, 125 anything else. */
export function startFailure(error: unknown): number {
  if (!(error instanceof WharfError)) return DAEMON_FAILED;
  const { errno, message } = error;
  if (errno === "ENOENT" || /executable file not found|no such file or directory/i.test(message)) return NOT_FOUND;
  if (errno === "EACCES" || errno === "EISDIR" || errno === "ENOEXEC") return NOT_EXECUTABLE;
  return /permission denied|is a directory|exec format error/i.test(message) ? NOT_EXECUTABLE : DAEMON_FAILED;
}
