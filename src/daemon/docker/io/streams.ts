/** Where the output of containers and execs goes: the logging URI that their shim carries out. */

import type { HostConfig } from "../../../common/docker/host-config.ts";
import { formatTaskIO, type TaskIO } from "../../../common/docker/task-io.ts";
import { WharfError } from "../../../common/errors.ts";
import type { ProcessIO } from "../../containerd/api/tasks.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { Engine } from "../engine.ts";
import type { Exec } from "../exec/exec.ts";

type LogConfig = HostConfig["LogConfig"];

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/** The streams of a container's init process. InvalidArgument for log options that cannot be. */
export function containerStreams(engine: Engine, { id, config, hostConfig }: ContainerRecord): ProcessIO {
  const { LogConfig } = hostConfig;
  const { Type } = LogConfig;
  const io: TaskIO = {
    driver: Type === "none" ? "none" : "json-file",
    attach: engine.attachSocket(id),
    stdin: config.OpenStdin ? (config.StdinOnce ? "once" : "open") : "none",
  };
  if (Type !== "none") {
    io.path = engine.logPath(id);
    Object.assign(io, logLimits(LogConfig));
  }
  return streams(io, config.Tty);
}

export function execStreams(engine: Engine, exec: Exec): ProcessIO {
  const { stdin, tty } = exec.config;
  return streams({ driver: "none", attach: engine.attachSocket(exec.id), stdin: stdin ? "once" : "none" }, tty);
}

/** dockerd's defaults for the driver `local`. */
const LOCAL = { maxSize: 20 << 20, maxFile: 5 };
/** Options that say nothing new. */
const HARMLESS: Readonly<Record<string, RegExp>> = { compress: /^(false|0)$/, mode: /^blocking$/ };
const LATER = new Set(["compress", "labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size"]);

/** `max-size` in bytes and `max-file` of a container's log options. InvalidArgument, Unimplemented for options that would have no effect. */
export function logLimits({ Type, Config }: LogConfig): Pick<TaskIO, "maxSize" | "maxFile"> {
  const limits: Pick<TaskIO, "maxSize" | "maxFile"> = Type === "local" ? { ...LOCAL } : {};
  if (Type === "none") return {};
  for (const [name, value] of Object.entries(Config)) {
    if (name === "max-size") {
      if (value === "-1") delete limits.maxSize;
      else limits.maxSize = size(value);
    } else if (name === "max-file") limits.maxFile = count(value);
    else if (HARMLESS[name]?.test(value)) continue;
    else if (LATER.has(name)) {
      throw new WharfError("Unimplemented", `the log option ${name}=${value} is not there yet`, {
        operation: "create container",
        subject: name,
      });
    } else throw bad(`unknown log opt '${name}' for ${Type} log driver`);
  }
  return limits;
}

function streams(io: TaskIO, terminal: boolean): ProcessIO {
  const uri = formatTaskIO(io);
  return { stdin: "", stdout: uri, stderr: terminal ? "" : uri, terminal };
}

function size(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmg]?)b?$/i.exec(text);
  const bytes = match ? Math.floor(Number(match[1]) * UNITS[match[2]!.toLowerCase()]!) : 0;
  if (bytes < 1) throw bad(`invalid max-size: ${JSON.stringify(text)}`);
  return bytes;
}

function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw bad(`invalid max-file: ${JSON.stringify(text)}`);
  return Number(text);
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "create container" });
}
