/** Log options of a container, checked as dockerd checks them, and what they ask of the shim. */

import type { HostConfig } from "../../../common/docker/host-config.ts";
import type { TaskIO } from "../../../common/docker/task-io.ts";
import { WharfError } from "../../../common/errors.ts";
import { logTag, pattern } from "./attributes.ts";

type LogConfig = HostConfig["LogConfig"];

export type LogLimits = Pick<TaskIO, "maxSize" | "maxFile" | "compress">;

/** dockerd's defaults for the driver `local`. */
const LOCAL: LogLimits = { maxSize: 20 << 20, maxFile: 5, compress: true };
/** Of every driver. The shim writes into a local file and never waits for anybody, so that the buffer of `mode=non-blocking` stays empty. */
const GENERAL = new Set(["mode", "max-buffer-size"]);
/** Of the copy that dockerd keeps for drivers that cannot be read; these can. */
export const CACHE = /^cache-(disabled|max-size|max-file|compress)$/;
const ATTRIBUTES = new Set(["labels", "labels-regex", "env", "env-regex", "tag"]);
export const LOG_DRIVERS = ["json-file", "local", "none"] as const;
const NOTHING: ReadonlySet<string> = new Set();
const DECIMAL: Readonly<Record<string, number>> = { k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };
const BINARY: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };
const TRUE = /^(1|t|T|true|TRUE|True)$/;
const FALSE = /^(0|f|F|false|FALSE|False)$/;

/** Limits of the log's files. InvalidArgument for options that cannot be, and for unknown ones; the subject is the option's name. */
export function logLimits({ Type, Config }: LogConfig): LogLimits {
  if (Type === "none") return {};
  checkMode(Config);
  const limits: LogLimits = Type === "local" ? { ...LOCAL } : {};
  // `local` keeps nothing beside the lines.
  const attributes = Type === "local" ? NOTHING : ATTRIBUTES;
  for (const [name, value] of Object.entries(Config)) {
    if (name === "max-size") {
      if (value === "-1") delete limits.maxSize;
      else limits.maxSize = size(name, value, DECIMAL);
    } else if (name === "max-file") limits.maxFile = count(value);
    else if (name === "compress") limits.compress = truth(name, value);
    else if (name.endsWith("-regex") && attributes.has(name)) pattern(name, value);
    else if (name === "tag" && attributes.has(name)) logTag(value);
    else if (name === "cache-disabled") truth(name, value);
    else if (!attributes.has(name) && !GENERAL.has(name) && !CACHE.test(name)) {
      const driver = Type === "local" ? "log driver local" : `${Type} log driver`;
      throw bad(name, `unknown log opt '${name}' for ${driver}`);
    }
  }
  if (limits.compress && (limits.maxSize === undefined || (limits.maxFile ?? 1) < 2)) {
    throw bad("compress", "compress cannot be true when max-file is less than 2 or max-size is not set");
  }
  return limits;
}

function checkMode(config: LogConfig["Config"]): void {
  const { mode = "", "max-buffer-size": buffer } = config;
  if (!["", "blocking", "non-blocking"].includes(mode))
    throw bad("mode", `logger: logging mode not supported: ${mode}`);
  if (buffer === undefined) return;
  if (mode !== "non-blocking") {
    throw bad("max-buffer-size", "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
  size("max-buffer-size", buffer, BINARY);
}

/** Units as docker has them: thousands for files, 1024 for memory; `k`, `kb` and `kib` mean the same. */
function size(name: string, text: string, units: Readonly<Record<string, number>>): number {
  const match = /^(\d+(?:\.\d*)?|\.\d+) ?(?:b|([kmgtp])(?:i?b)?)?$/i.exec(text);
  const bytes = match ? Math.floor(Number(match[1]) * (match[2] ? units[match[2].toLowerCase()]! : 1)) : 0;
  if (bytes < 1) throw bad(name, `invalid ${name}: ${JSON.stringify(text)} is no size above zero`);
  return bytes;
}

function count(text: string): number {
  if (!/^\+?[1-9]\d{0,5}$/.test(text)) throw bad("max-file", `invalid max-file: ${JSON.stringify(text)}`);
  return Number(text);
}

function truth(name: string, text: string): boolean {
  if (TRUE.test(text)) return true;
  if (FALSE.test(text)) return false;
  throw bad(name, `invalid ${name}: ${JSON.stringify(text)} is neither true nor false`);
}

function bad(name: string, message: string): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "create container", subject: name });
}
