// runt's log: lines of text or JSON in runc's form, which containerd and docker read to show our cause.
import { describe } from "../../common/errors.ts";
import { Fd, O, open, writeAll } from "../sys/fs.ts";
import { stderr } from "../sys/out.ts";
import { timestamp } from "../sys/time.ts";

export interface LogTarget {
  path: string | undefined;
  format: "text" | "json";
}

export type Level = "error" | "warning" | "info" | "debug";

export function logLine(format: LogTarget["format"], level: Level, text: string): string {
  const time = timestamp().replace(/\.\d+Z$/, "Z");
  if (format === "json") return `${JSON.stringify({ level, msg: text, time })}\n`;
  return `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(text)}\n`;
}

export function log({ path, format }: LogTarget, level: Level, text: string): void {
  const line = logLine(format, level, text);
  if (!path) {
    stderr(line);
    return;
  }
  try {
    using file = new Fd(open(path, O.WRONLY | O.CREAT | O.APPEND, 0o644));
    writeAll(file.value, line);
  } catch (error) {
    // what is to be told is told all the same
    stderr(`runt: cannot write the log: ${describe(error)}\n${line}`);
  }
}
