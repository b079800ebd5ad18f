/** Errors as Docker's clients get them: a status and `{"message": …}`. */

import { CODES, describe, hintOf, WharfError } from "../../common/errors.ts";

export function statusOf(error: unknown): number {
  const { code } = WharfError.from(error, "Internal");
  return CODES[code].http;
}

/**
 * What is told: the innermost cause first, since it is what matters, then what was being done, then what to do about it.
 * `exec "nosuch": executable file not found in $PATH (start container "x": create task)`. Causes that are not WharfErrors
 * (of a library, of Node) are told last: they seldom say what it was about.
 */
export function messageOf(error: unknown): string {
  const parts: string[] = [];
  let foreign: string | undefined;
  for (let at: unknown = error; at !== undefined && at !== null; at = at instanceof Error ? at.cause : undefined) {
    const text = at instanceof Error ? at.message : String(at);
    if (!(at instanceof WharfError) && at !== error) {
      foreign ??= text;
      continue;
    }
    if (text !== "" && !parts.some((part) => part.includes(text))) parts.push(text);
  }
  const cause = parts.pop() ?? describe(error);
  if (foreign && !cause.includes(foreign)) parts.push(foreign);
  const around = parts.length > 0 ? ` (${parts.join(": ")})` : "";
  const hint = hintOf(error);
  return `${cause}${around}${hint === undefined ? "" : `; ${hint}`}`;
}
