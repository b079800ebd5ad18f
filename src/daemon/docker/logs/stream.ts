/** GET /containers/{id}/logs: entries as a client gets them. */

import { WharfError } from "../../../common/errors.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { Container } from "../containers/container.ts";
import type { Engine } from "../engine.ts";
import { encodeEntries } from "./encode.ts";
import { type LogEntry, readLog } from "./reader.ts";
import { normalTime, parseTime } from "./times.ts";

export interface LogsQuery {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly timestamps: boolean;
  readonly details: boolean;
  readonly tail: string | undefined;
}

export async function streamLogs(
  engine: Engine,
  container: Container,
  x: Exchange<LogsQuery, undefined>,
): Promise<void> {
  const { query } = x;
  const { config, hostConfig, id } = container.record;
  if (!query.stdout && !query.stderr) {
    throw new WharfError("InvalidArgument", "Bad parameters: you must choose at least one stream");
  }
  if (hostConfig.LogConfig.Type === "none") {
    throw new WharfError("Unimplemented", "configured logging driver does not support reading");
  }
  const since = parseTime(query.since, "since");
  const until = parseTime(query.until, "until");
  const tail = tailOf(query.tail);
  const ended = query.follow && (container.running || container.record.state.phase === "created");
  const over = ended ? endOf(container, x.signal) : undefined;
  const timed = timer(x.signal, query.follow ? until : undefined);
  const multiplexed = !config.Tty;
  const type =
    x.version >= 42 && multiplexed ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream";
  const out = x.stream(200, type);
  // Filters by time count lines before the tail does: then all has to be read.
  const filtered = since !== undefined || until !== undefined || !query.stdout || !query.stderr;
  const options = { tail: filtered ? undefined : tail, until: over, signal: timed.signal };
  const wanted = (entry: LogEntry): boolean => {
    if (entry.stream === "stdout" ? !query.stdout : !query.stderr) return false;
    if (since === undefined && until === undefined) return true;
    const time = normalTime(entry.time);
    return (since === undefined || time >= since) && (until === undefined || time <= until);
  };
  const form = { timestamps: query.timestamps, details: query.details, multiplexed };
  const write = async (entries: LogEntry[]) => {
    if (entries.length > 0) await out.write(encodeEntries(entries, form));
  };
  let held: LogEntry[] | undefined;
  if (filtered && tail !== undefined) {
    held = [];
    const whole = readLog(engine.logPath(id), { signal: x.signal });
    for await (const batch of whole) {
      held.push(...batch.filter(wanted));
      if (held.length > tail) held = tail === 0 ? [] : held.slice(-tail);
    }
    await write(held);
    if (!query.follow) return out.end();
    options.tail = 0;
  }
  for await (const batch of readLog(engine.logPath(id), options)) await write(batch.filter(wanted));
  timed[Symbol.dispose]();
  if (!x.signal.aborted) out.end();
}

/** Resolves when the container will write nothing more, for now. */
async function endOf(container: Container, signal: AbortSignal): Promise<void> {
  if (!container.running) {
    // Not started yet: its first line is waited for, too.
    while (!container.running && !container.removing && !signal.aborted) {
      await Promise.race([container.next("exit", signal), container.next("removed", signal), pause(100)]);
      if (container.record.state.phase === "exited") return;
    }
  }
  if (container.running) await container.next("exit", signal);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A signal that is also aborted when the time `until` has come. */
function timer(signal: AbortSignal, until: string | undefined): Disposable & { signal: AbortSignal } {
  if (until === undefined) return { signal, [Symbol.dispose]: () => {} };
  const controller = new AbortController();
  const left = Math.min(Math.max(0, Date.parse(until) - Date.now()), 2 ** 31 - 1);
  const handle = setTimeout(() => controller.abort(), left);
  return { signal: AbortSignal.any([signal, controller.signal]), [Symbol.dispose]: () => clearTimeout(handle) };
}

function tailOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "" || text === "all") return undefined;
  const count = Number(text);
  // Docker takes whatever is no number as all.
  return Number.isInteger(count) && count >= 0 ? count : undefined;
}
