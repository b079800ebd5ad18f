/** Where the output of containers and execs goes: the logging URI that their shim carries out. */

import { formatTaskIO, type TaskIO } from "../../../common/docker/task-io.ts";
import type { ProcessIO } from "../../containerd/api/tasks.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { Engine } from "../engine.ts";
import type { Exec } from "../exec/exec.ts";
import { logAttributes } from "../logs/attributes.ts";
import { logLimits } from "../logs/options.ts";

/** The streams of a container's init process. InvalidArgument for log options that cannot be. */
export function containerStreams(engine: Engine, record: ContainerRecord): ProcessIO {
  const { id, config } = record;
  const { LogConfig } = record.hostConfig;
  const { Type } = LogConfig;
  const io: TaskIO = {
    driver: Type === "none" ? "none" : "json-file",
    attach: engine.attachSocket(id),
    stdin: config.OpenStdin ? (config.StdinOnce ? "once" : "open") : "none",
  };
  if (Type !== "none") {
    io.path = engine.logPath(id);
    io.attrs = logAttributes(record);
    Object.assign(io, logLimits(LogConfig));
  }
  return streams(io, config.Tty);
}

export function execStreams(engine: Engine, exec: Exec): ProcessIO {
  const { stdin, tty } = exec.config;
  return streams({ driver: "none", attach: engine.attachSocket(exec.id), stdin: stdin ? "once" : "none" }, tty);
}

function streams(io: TaskIO, terminal: boolean): ProcessIO {
  const uri = formatTaskIO(io);
  return { stdin: "", stdout: uri, stderr: terminal ? "" : uri, terminal };
}
