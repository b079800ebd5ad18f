// runt's log: lines of text or JSON in runc's form, which containerd and docker read to show our cause.

import { Fd, O, open, writeAll } from "../sys/fs.ts";
import { stderr } from "../sys/out.ts";
import { timestamp } from "../sys/time.ts";

export interface LogTarget {
  path: string | undefined;
  format: "text" | "json";
}

export type Level = "error" | "warning" | "info" | "debug";

export function log({ path, format }: LogTarget, level: Level, text: string): void {
  const time = timestamp().replace(/\.\d+Z$/, "Z");
  const line =
    format === "json"
      ? JSON.stringify({ level, msg: text, time })
      : `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(text)}`;
  if (!path) {
    stderr(`${line}\n`);
    return;
  }
  using file = new Fd(open(path, O.WRONLY | O.CREAT | O.APPEND, 0o644));
  writeAll(file.value, `${line}\n`);
}
