/** Lines of shims' logs in the daemon's own. */

import type { Level, Log } from "../log.ts";

const LEVELS: Readonly<Record<string, Level>> = {
  trace: "debug",
  debug: "debug",
  warn: "warn",
  warning: "warn",
  error: "error",
  fatal: "error",
  panic: "error",
};

/** logrus writes `level=debug`, slog of Rust `"level":"DEBG"` and others; what names none is told as it comes. */
function levelOf(line: string): Level {
  const name = /\blevel"?[=:]\s*"?(\w+)/.exec(line)?.[1];
  return LEVELS[name?.toLowerCase() ?? ""] ?? "info";
}

/** Whose line it is stands behind it. */
export function logShimLine(log: Log, line: string, shim: { namespace: string; id: string }): void {
  log(levelOf(line), line.replace(/\p{Cc}/gu, " "), { namespace: shim.namespace, shim: shim.id });
}
