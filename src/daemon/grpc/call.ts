/**
 * One gRPC call on the serving side, apart from its transport: an `Exchange` brings headers and bytes and takes them. So it is tested
 * without a socket.
 */

import { WharfError } from "../../common/errors.ts";
import {
  MESSAGE_LIMITS,
  type MessageLimits,
  MessageReader,
  PREFIX,
  RawMessage,
  writePrefix,
} from "../../common/grpc/message.ts";
import { metadata, parseHead, type RequestHeaders } from "../../common/grpc/request.ts";
import { ERROR_HEADER, errorTrailers, type Headers, OK_TRAILERS } from "../../common/grpc/status.ts";
import { decode, encode } from "../../common/protobuf/codec.ts";
import { type ActiveSpan, contextFromHeader, inContext, startSpan } from "../trace/trace.ts";
import { nextTurn } from "../turn.ts";
import type { CallContext } from "./context.ts";
import { type Flow, RequestQueue } from "./queue.ts";
import type { Route, Router } from "./router.ts";

/** What a transport offers of one call. Nothing is asked of it after `finish`, `refuse` or `gone`. */
export interface Exchange extends Flow {
  /** Sends a part of the answer, after the headers when it is the first; `sent` when its bytes are no longer looked at. A promise when the client has to catch up; it rejects once gone. */
  send(first: Uint8Array, second?: Uint8Array, sent?: () => void): Promise<void> | undefined;
  /** Ends the call: trailers alone when nothing was sent. */
  finish(trailers: Readonly<Headers>): void;
  /** Answers something that is no gRPC. */
  refuse(status: number): void;
}

/** What a transport tells a call. */
export interface Receiver {
  data(chunk: Uint8Array): void;
  end(): void;
  /** Canceled or cut off by the client. Told also after the end of a call; then nothing happens. */
  gone(): void;
}

/** A message as it came. A few compressed bytes may stand for megabytes: they are expanded when the handler reads them. */
interface Incoming {
  readonly bytes: Uint8Array;
  readonly compressed: boolean;
  readonly length: number;
}

export class Call implements Receiver, CallContext {
  readonly headers: RequestHeaders;
  readonly #exchange: Exchange;
  readonly #limits: MessageLimits;
  #reader: MessageReader;
  #route: Route | undefined;
  #expand: ((bytes: Uint8Array) => Uint8Array) | undefined;
  #request: Incoming | undefined;
  #requests: RequestQueue<Incoming> | undefined;
  #abort: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #over = false;
  /** Why the signal was aborted, in case someone asks for it later. */
  #reason: WharfError | undefined;

  constructor(router: Router, headers: RequestHeaders, exchange: Exchange, limits = MESSAGE_LIMITS) {
    this.headers = headers;
    this.#limits = limits;
    this.#reader = new MessageReader(limits.receive);
    this.#exchange = exchange;
    try {
      const head = parseHead(headers);
      if ("status" in head) {
        this.#over = true;
        exchange.refuse(head.status);
        return;
      }
      this.#route = router.find(head.method);
      const encoding = metadata(headers, "grpc-encoding");
      if (encoding !== undefined && encoding !== "identity") {
        this.#expand = decoder(encoding, limits.receive);
        this.#reader = new MessageReader(limits.receive, true);
      }
      if (head.timeoutMs === 0) throw late();
      if (head.timeoutMs !== undefined) this.#limit(head.timeoutMs);
    } catch (error) {
      this.#fail(error);
      return;
    }
    const { kind } = this.#route.method;
    if (kind === "clientStream" || kind === "bidiStream") {
      this.#requests = new RequestQueue(exchange);
      this.#run(this.#decoded(this.#requests));
    }
  }

  /** Made when it is asked for: most short calls do without. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (this.#reason) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }

  #limit(ms: number): void {
    // Longer than a timer can count means for ever.
    if (ms < 2 ** 31) this.#timer = setTimeout(() => this.#stop(late()), ms);
  }

  data(chunk: Uint8Array): void {
    if (this.#over) return;
    try {
      this.#reader.push(chunk, (bytes, compressed) => {
        const message = { bytes, compressed, length: bytes.length };
        if (this.#requests) this.#requests.push(message);
        else if (this.#request) throw new WharfError("Internal", "more than one message for a call that takes one");
        else this.#request = message;
      });
    } catch (error) {
      this.#stop(WharfError.from(error));
    }
  }

  end(): void {
    if (this.#over) return;
    if (!this.#reader.complete) this.#stop(new WharfError("Internal", "the last message was cut short"));
    else if (this.#requests) this.#requests.end();
    else if (this.#request) this.#start(this.#request);
    else this.#stop(new WharfError("Internal", "the call came without a message"));
  }

  gone(): void {
    this.#stop(new WharfError("Canceled", "the client canceled the call"));
  }

  #start(message: Incoming): void {
    this.#request = undefined;
    const route = this.#route!;
    // A stream begins in the order of the requests: who subscribes sees what the next call brings about.
    if (route.tried || route.method.kind !== "unary") {
      this.#handle(message);
      return;
    }
    route.tried = true;
    void nextTurn().then(() => {
      if (!this.#over) this.#handle(message);
    });
  }

  #handle(message: Incoming): void {
    let request: unknown;
    try {
      request = this.#decode(message);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#run(request);
  }

  #decode({ bytes, compressed }: Incoming): unknown {
    return decode(this.#route!.method.input, compressed ? this.#expand!(bytes) : bytes);
  }

  async *#decoded(messages: AsyncIterable<Incoming>): AsyncGenerator<unknown> {
    for await (const message of messages) yield this.#decode(message);
  }

  /** What the handler answers at once is sent at once: a promise would put it off. */
  #run(request: unknown): void {
    const { name, method, handler } = this.#route!;
    const span = startSpan(name, undefined, contextFromHeader(metadata(this.headers, "traceparent")));
    const failed = (error: unknown): void => this.#failed(error, span);
    try {
      if (method.kind === "serverStream" || method.kind === "bidiStream") {
        const answers = () => this.#each(handler(request, this) as AsyncIterable<unknown>);
        inContext(span.context, answers).then(() => this.#done(span), failed);
        return;
      }
      const answer = inContext(span.context, () => handler(request, this));
      if (answer instanceof Promise) answer.then((message) => this.#answer(message, span), failed);
      else this.#answer(answer, span);
    } catch (error) {
      failed(error);
    }
  }

  async #each(answers: AsyncIterable<unknown>): Promise<void> {
    for await (const message of answers) await this.#send(message);
  }

  /** Sends the only message, and what the client has still to fetch of it needs nobody to wait. */
  #answer(message: unknown, span: ActiveSpan): void {
    try {
      // Gone before it has fetched all: it is told nothing any more.
      this.#send(message)?.catch(() => {});
      this.#done(span);
    } catch (error) {
      this.#failed(error, span);
    }
  }

  #done(span: ActiveSpan): void {
    span.end();
    this.#finish(OK_TRAILERS);
  }

  #failed(error: unknown, span: ActiveSpan): void {
    span.set("error", error instanceof Error ? error.message : String(error));
    span.end();
    this.#fail(error);
  }

  #send(message: unknown): Promise<void> | undefined {
    if (this.#over) throw this.#reason ?? new WharfError("Canceled", "the call is over");
    if (message instanceof RawMessage) {
      this.#bound(message.length);
      const { head, parts, sent } = message;
      const prefixed = new Uint8Array(PREFIX + head.length);
      writePrefix(prefixed, message.length);
      prefixed.set(head, PREFIX);
      const [first, ...more] = parts;
      const last = more.pop();
      if (!last) return this.#exchange.send(prefixed, first, sent);
      const taken = [this.#exchange.send(prefixed, first), ...more.map((part) => this.#exchange.send(part))];
      return Promise.all([...taken, this.#exchange.send(last, undefined, sent)]).then(() => {});
    }
    const bytes = encode(this.#route!.method.output, message as object, PREFIX);
    this.#bound(bytes.length - PREFIX);
    writePrefix(bytes, bytes.length - PREFIX);
    return this.#exchange.send(bytes);
  }

  /** What is too big is an error of the call: a client would refuse it, too, when it has it all. */
  #bound(length: number): void {
    const { send } = this.#limits;
    if (length <= send) return;
    const hint = "a method that answers in a stream has no such limit; max-send-message-size is the daemon's";
    throw new WharfError("ResourceExhausted", `an answer of ${length} bytes: at most ${send} are sent`, { hint });
  }

  #fail(error: unknown): void {
    this.#finish(errorTrailers(error, metadata(this.headers, ERROR_HEADER) !== undefined));
  }

  #finish(trailers: Readonly<Headers>): void {
    if (this.#over) return;
    this.#close();
    this.#exchange.finish(trailers);
  }

  /** Ends the call from outside of its handler, which is told by its signal and its requests. */
  #stop(reason: WharfError): void {
    if (this.#over) return;
    this.#reason = reason;
    this.#fail(reason);
    this.#requests?.fail(reason);
    this.#abort?.abort(reason);
  }

  #close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}

function late(): WharfError {
  return new WharfError("DeadlineExceeded", "the client's deadline is over");
}

/** What expands messages of this `grpc-encoding`; gzip, as with containerd. Answers go out as they are, which clients have to take. Unimplemented. */
function decoder(encoding: string, most: number): (bytes: Uint8Array) => Uint8Array {
  if (encoding !== "gzip")
    throw new WharfError("Unimplemented", `messages cannot be of grpc-encoding ${JSON.stringify(encoding)}`);
  const { gunzipSync } = process.getBuiltinModule("node:zlib");
  return (bytes) => {
    try {
      return gunzipSync(bytes, { maxOutputLength: most });
    } catch (cause) {
      const big = (cause as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
      const message = big ? `a message of more than ${most} bytes when expanded` : "a message that is no gzip";
      throw new WharfError(big ? "ResourceExhausted" : "Internal", message, { cause });
    }
  };
}
