// --debug: each step as a line of the log at level debug, when it is done; from the container's process too, until it becomes
// the program.
import type { Span } from "../../common/trace.ts";
import { sys } from "../sys/call.ts";
import { O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { Trace } from "../sys/trace.ts";
import { type LogTarget, logLine } from "./log.ts";

const F_DUPFD_CLOEXEC = 1030;
/** Out of the way of the descriptors that are passed on. */
const LEAST_FD = 200;
const NOBODY = { traceId: "0".repeat(32), spanId: "0".repeat(16), sampled: true };

class DebugTrace extends Trace {
  readonly #file: number;
  readonly #format: LogTarget["format"];

  constructor(file: number, format: LogTarget["format"]) {
    super("runt", NOBODY, file);
    this.#file = file;
    this.#format = format;
  }

  override note(text: string): void {
    const line = native.bytes(logLine(this.#format, "debug", text));
    // a reader that has gone is no reason for anything to fail
    native.syscall(NR.write, this.#file, line, line.length);
  }

  override add({ name, duration, attributes }: Span): void {
    const field = attributes?.field === undefined ? "" : `${attributes.field}: `;
    this.note(`${field}${name}: ${(duration / 1000).toFixed(3)} ms`);
  }
}

/** Costs nothing but when it is asked for. */
export function debugTrace({ path, format }: LogTarget): Trace {
  const opened = path ? open(path, O.WRONLY | O.CREAT | O.APPEND, 0o644) : 2;
  return new DebugTrace(sys("dup", opened, NR.fcntl, opened, F_DUPFD_CLOEXEC, LEAST_FD), format);
}
