/** Log lines: time, level, message, then what it is about as name=value. */

import { describe } from "../common/errors.ts";

export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];
export type Log = (level: Level, message: string, fields?: Record<string, unknown>) => void;

/** Writes lines of this level and above. One write a line, so that lines of several writers do not mix. */
export function createLog(least: Level, write: (line: string) => void): Log {
  const from = LEVELS.indexOf(least);
  return (level, message, fields = {}) => {
    if (LEVELS.indexOf(level) < from) return;
    let line = `${new Date().toISOString()} ${level.padEnd(5)} ${message}`;
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) line += ` ${name}=${show(value)}`;
    const stack = least === "debug" && fields.error instanceof Error ? `\n${fields.error.stack}` : "";
    write(`${line}${stack}\n`);
  };
}

function show(value: unknown): string {
  const text =
    value instanceof Error
      ? describe(value)
      : typeof value === "string"
        ? value
        : (JSON.stringify(value) ?? String(value));
  return /^[\w./:@+,%-]+$/.test(text) ? text : JSON.stringify(text);
}
