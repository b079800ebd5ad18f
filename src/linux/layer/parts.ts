// The processes of one pipeline: they succeed together, or the first failure kills the others and is the one that is told.
import { newSpanId } from "../../common/trace.ts";
import { epochUs, randomBytes } from "../sys/time.ts";
import type { Trace } from "../sys/trace.ts";
import { Part, waitReadable } from "./part.ts";

export class Parts implements Disposable {
  readonly #parts: Part<unknown>[] = [];
  readonly #results = new Map<Part<unknown>, unknown>();
  readonly #started = new Map<Part<unknown>, number>();
  readonly #trace: Trace | undefined;

  /** @param trace gets a span for each part */
  constructor(trace?: Trace) {
    this.#trace = trace;
  }

  #record(part: Part<unknown>): void {
    if (!this.#trace) return;
    const { traceId, spanId: parentId } = this.#trace.context;
    const start = this.#started.get(part) ?? 0;
    const duration = epochUs() - start;
    const spanId = newSpanId(randomBytes);
    this.#trace.add({ traceId, spanId, parentId, name: part.name, service: "agent", start, duration });
  }

  /** Starts a step in a process of its own, which keeps only the descriptors named. */
  start<T>(name: string, keep: readonly number[], work: () => T): Part<T> {
    const part = new Part({ name, keep }, work);
    this.#parts.push(part);
    if (this.#trace) this.#started.set(part, epochUs());
    return part;
  }

  /** Waits for a part's end, or for `fd`, at most `ms` (-1: for ever); throws what a part threw. True when `fd` is ready. */
  wait(ms: number, fd?: number): boolean {
    const running = this.#parts.filter((part) => !part.ended);
    const fds = running.map((part) => part.fd);
    if (fd !== undefined) fds.push(fd);
    if (fds.length === 0) return false;
    const ready = waitReadable(fds, ms);
    if (ready === undefined) return false;
    if (ready === fd) return true;
    const part = running.find((each) => each.fd === ready)!;
    this.#results.set(part, part.result());
    this.#record(part);
    return false;
  }

  /** Waits for the part's end; its result. */
  result<T>(part: Part<T>): T {
    while (!part.ended) this.wait(-1);
    return this.#results.get(part) as T;
  }

  [Symbol.dispose](): void {
    for (const part of this.#parts) part[Symbol.dispose]();
  }
}
