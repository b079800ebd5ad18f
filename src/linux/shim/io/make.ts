// Chooses what connects a process's streams, by where the daemon wants them.
import { WharfError } from "../../../common/errors.ts";
import { statIfThere } from "../../sys/fs.ts";
import type { Reaper } from "../reaper.ts";
import { BinaryIO } from "./binary.ts";
import { FifoIO, isFifo, NullIO } from "./fifo.ts";
import { FileIO } from "./file.ts";
import type { Owner, ProcessIO, StdioSpec } from "./io.ts";
import { LoggerIO } from "./logger/logger.ts";
import { TtyIO } from "./tty.ts";
import { isLogger, loggerOptions, parseOutput } from "./uri.ts";

export interface IoContext {
  reaper: Reaper;
  /** The container's id, or the exec's. */
  id: string;
  namespace: string;
  /** Owner of the pipes (IoUid, IoGid). */
  owner: Owner;
}

function pathOnly(text: string): string {
  const uri = parseOutput(text);
  if (uri.scheme !== "fifo") throw new WharfError("InvalidArgument", `stderr goes to ${text}, stdout to a FIFO`);
  return uri.path;
}

export function makeIO(spec: StdioSpec, context: IoContext): ProcessIO {
  const { stdin, stdout, stderr, terminal } = spec;
  if (stdin === "" && stdout === "" && stderr === "" && !terminal) return new NullIO();
  const uri = parseOutput(stdout);
  if (uri.scheme === "binary") {
    if (isLogger(uri)) return new LoggerIO(context.reaper, loggerOptions(uri), terminal);
    return new BinaryIO(context.reaper, spec, uri, context.id, context.namespace);
  }
  if (terminal) return new TtyIO(spec, uri);
  // both streams into one file, as containerd does
  if (uri.scheme === "file") return new FileIO({ ...spec, stdout: uri.path, stderr: uri.path }, context.owner);
  const err = pathOnly(stderr);
  const plain = [uri.path, err].filter((path) => path !== "" && !isFifo(path));
  for (const path of plain) {
    if (!statIfThere(path)) throw new WharfError("NotFound", `output ${JSON.stringify(path)} does not exist`);
  }
  const paths = { ...spec, stdout: uri.path, stderr: err };
  return plain.length > 0 ? new FileIO(paths, context.owner) : new FifoIO(paths, context.owner);
}
