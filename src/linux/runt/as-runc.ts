// How runc begins an error, for callers who know runtimes by that name: they look for these words.
import { describe, WharfError } from "../../common/errors.ts";
import { USAGE } from "./flags.ts";

const BEGINNINGS: Record<string, string> = {
  create: "runc create failed",
  run: "runc run failed",
  exec: "exec failed",
};

/** The error that ended a verb in runc's frame. What comes of a step of ours was a container's start; its text is ours. */
export function asRunc(verb: string, error: unknown): string {
  const text = describe(error);
  const typed = error instanceof WharfError && error.operation === USAGE;
  // a missing interpreter is told as every shell tells it
  if (typed || !Object.hasOwn(BEGINNINGS, verb) || text.startsWith("exec ")) return text;
  const beginning = BEGINNINGS[verb];
  if (!(error instanceof WharfError) || error.operation === undefined) return `${beginning}: ${text}`;
  const mounting = error.subject?.startsWith("mounts[") ? "error during container init: error mounting: " : "";
  return `${beginning}: unable to start container process: ${mounting}${text}`;
}
