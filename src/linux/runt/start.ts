// start: lets a created container's program run.
import { WharfError } from "../../common/errors.ts";
import { newSpanId, type Span, spansFromLines } from "../../common/trace.ts";
import { close, Fd } from "../sys/fs.ts";
import { epochUs, randomBytes } from "../sys/time.ts";
import type { Trace } from "../sys/trace.ts";
import { Channel, type FromInit, failure } from "./channel.ts";
import { runHooks } from "./hooks.ts";
import { sendListener } from "./seccomp.ts";
import { connectForStart } from "./start-socket.ts";
import { type ContainerRecord, folderOf, loadRecord, statusOf } from "./state.ts";
import { hookState } from "./view.ts";

/**
 * Returns when the program runs: the process's end of the connection closes as it becomes the program, and before that it
 * tells what kept it from doing so. Where the creation was traced, its last steps are spans of `trace`.
 */
export function start(root: string, id: string, trace?: Trace): void {
  const record = loadRecord(root, id);
  const status = statusOf(root, record);
  if (status !== "created") {
    throw new WharfError("FailedPrecondition", `cannot start a container in the ${status} state`, { subject: id });
  }
  using channel = new Channel(connectForStart(folderOf(root, id)));
  awaitProgram(channel, record, trace);
  runHooks(record.hooks, "poststart", hookState(record, "running"));
}

/** A container whose start needs nothing of its record: no hook, and nobody to be told of a filter's listener. */
export function startsPlainly(record: ContainerRecord): boolean {
  return !record.hooks?.poststart?.length && record.seccomp?.listenerPath === undefined;
}

/**
 * The start of such a container, for who has other work while it goes on: `fd` is readable whenever `proceed` has something to do. It is true when the program
 * runs, and throws what kept it from that.
 */
export class PlainStart implements Disposable {
  readonly #channel: Channel;

  /** FailedPrecondition when nobody waits to be started. */
  constructor(root: string, id: string) {
    this.#channel = new Channel(connectForStart(folderOf(root, id)));
  }

  get fd(): number {
    return this.#channel.fd;
  }

  proceed(): boolean {
    const got = this.#channel.receive<FromInit>();
    if (!got) return true;
    if (got.fd !== undefined) close(got.fd);
    if (got.message.type === "error") throw failure(got.message);
    return false;
  }

  [Symbol.dispose](): void {
    this.#channel[Symbol.dispose]();
  }
}

function awaitProgram(channel: Channel, record: ContainerRecord, trace: Trace | undefined): void {
  let last: { program: string; at: number } | undefined;
  for (;;) {
    const got = channel.receive<FromInit>();
    if (!got) break;
    const { message, fd } = got;
    if (message.type === "steps" && trace) {
      const spans = spansFromLines(message.lines);
      for (const span of spans) addSpan(trace, span);
      const end = spans.at(-1);
      last = { program: message.program, at: end ? end.start + end.duration : epochUs() };
    }
    if (message.type === "error") throw failure(message);
    if (message.type === "seccomp" && fd !== undefined) {
      using listener = new Fd(fd);
      sendListener(record.seccomp!, listener.value, hookState(record, "created"));
    } else if (fd !== undefined) close(fd);
  }
  if (!trace || !last) return;
  const name = `execve: it becomes ${JSON.stringify(last.program)}`;
  addSpan(trace, { name, start: last.at, duration: epochUs() - last.at, attributes: { field: "process.args" } });
}

/** A span of the container's process, below the one that starts it. */
function addSpan(trace: Trace, span: Pick<Span, "name" | "start" | "duration" | "attributes">): void {
  const { traceId, spanId: parentId } = trace.context;
  trace.add({ ...span, traceId, parentId, spanId: newSpanId(randomBytes), service: "runt" });
}
