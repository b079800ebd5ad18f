/** GET /containers/{id}/logs: entries as a client gets them. */

import { WharfError } from "../../../common/errors.ts";
import type { Exchange } from "../../http/exchange.ts";
import type { Container } from "../containers/container.ts";
import type { Engine } from "../engine.ts";
import { LineEncoder } from "./encode.ts";
import { LastLines } from "./last.ts";
import { readLog } from "./reader.ts";
import { parseTime } from "./times.ts";

export interface LogsQuery {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly timestamps: boolean;
  readonly details: boolean;
  readonly tail: string | undefined;
  readonly joined: boolean;
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
  const follow = query.follow && (container.running || container.record.state.phase === "created");
  if (follow) engine.makeFolder(id);
  using stack = new DisposableStack();
  const over = follow ? Promise.race([endOf(container, x.signal), come(until, stack)]) : undefined;
  const multiplexed = !config.Tty;
  const type =
    x.version >= 42 && multiplexed ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream";
  const out = x.stream(200, type);
  // Filters by time count lines before the tail does: then all has to be read.
  const filtered = since !== undefined || until !== undefined || !query.stdout || !query.stderr;
  let held = filtered && tail !== undefined ? new LastLines(tail) : undefined;
  const { stdout, stderr, timestamps, details } = query;
  const joined = query.joined && held === undefined;
  const encoder = new LineEncoder({ stdout, stderr, since, until, timestamps, details, multiplexed, joined });
  const options = { tail: held ? undefined : tail, until: over, signal: x.signal };
  for await (const lines of readLog(engine.logPath(id), options)) {
    const ends: number[] | undefined = held && [];
    const bytes = encoder.encode(lines, ends);
    held?.add(bytes, ends!);
    // What follows the lines that were there does not count for the tail.
    const caughtUp = lines.length === 0 || encoder.past;
    const pieces: Buffer[] = held ? (caughtUp ? held.take() : []) : [bytes];
    if (caughtUp) held = undefined;
    for (const piece of pieces) if (piece.length > 0) await out.send(piece);
    if (encoder.past) break;
  }
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

/** Resolves when the time `until` has come. */
function come(until: string | undefined, stack: DisposableStack): Promise<void> {
  return new Promise((resolve) => {
    if (until === undefined) return;
    const left = Math.min(Math.max(0, Date.parse(until) - Date.now()), 2 ** 31 - 1);
    const handle = setTimeout(resolve, left);
    stack.defer(() => clearTimeout(handle));
  });
}

function tailOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "" || text === "all") return undefined;
  const count = Number(text);
  // Docker takes whatever is no number as all.
  return Number.isInteger(count) && count >= 0 ? count : undefined;
}
