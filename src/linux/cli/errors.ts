// Errors as a person reads them: the cause first, then what was being done, then what to do about it; and their exit codes.

import { ARGUMENTS } from "../../common/cli/arguments.ts";
import { printable } from "../../common/cli/width.ts";
import { describe, hintOf, WharfError } from "../../common/errors.ts";
import { stderr } from "../sys/out.ts";
import { type Cli, PROGRAM } from "./cli.ts";

/** Ends the program with a code when everything was said already. */
export class ExitCode extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** Docker's codes: the flags were wrong, or the daemon failed; the command cannot be executed; it is not there. */
export const USAGE = 125;
export const DAEMON_FAILED = 125;
export const NOT_EXECUTABLE = 126;
export const NOT_FOUND = 127;

/** What dockerd puts in front of the cause of a failed start; it tells the user nothing. */
const WRAPPERS =
  /^(?:failed to create task for container: |failed to create shim task: |OCI runtime (?:create|exec|start) failed: |runc (?:create|exec|run) failed: |unable to start container process: |error during container init: )+/;

/** The message without the wrappers around it. */
function causeOf(message: string): string {
  const inner = message.replace(WRAPPERS, "");
  return inner === message ? message : inner.replace(/: unknown$/, "");
}

/** "NAME: cause", what it was for, and the hint. */
export function formatError(error: unknown, debug: boolean): string {
  const chain: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null; at = at instanceof Error ? at.cause : undefined) {
    const text = at instanceof Error ? at.message : String(at);
    if (!chain.some((part) => part.includes(text))) chain.push(text);
  }
  const [outer = "", ...inner] = chain;
  let text = `${PROGRAM}: ${causeOf(outer)}${inner.length > 0 ? ` (${inner.join(": ")})` : ""}\n`;
  const hint = hintOf(error);
  if (hint) text += `${hint.startsWith("usage:") ? "" : "hint: "}${hint}\n`;
  if (debug) {
    text += `debug: ${describe(error)}\n`;
    if (error instanceof Error && error.stack) text += error.stack;
  }
  return text
    .split("\n")
    .map((line) => printable(line))
    .join("\n");
}

/** Says the error and answers the exit code. */
export function report(cli: Cli, error: unknown, path: string): number {
  if (error instanceof ExitCode) return error.code;
  const operation = error instanceof WharfError ? error.operation : undefined;
  const usage = operation === "usage" || operation === ARGUMENTS;
  let text = formatError(error, cli.globals.debug);
  if (usage && path !== PROGRAM) text += `'${path} --help' shows the flags and examples\n`;
  if (!(error instanceof WharfError) && error instanceof Error && !cli.globals.debug) {
    text += `this is a fault in ${PROGRAM}; please report it with this trace:\n${error.stack ?? ""}`;
  }
  stderr(text);
  return operation === "usage" ? USAGE : 1;
}
