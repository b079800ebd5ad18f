/** A gRPC connection over node:http2: unary calls and streams with metadata, deadlines, cancellation and back pressure. */

import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from "node:http2";
import { connect as connectSocket } from "node:net";
import { WharfError } from "../../../common/errors.ts";
import { frame, MessageReader } from "../../../common/grpc/message.ts";
import { formatTimeout } from "../../../common/grpc/request.ts";
import { ERROR_HEADER, errorOfTrailers, type Headers } from "../../../common/grpc/status.ts";
import { decode, encode } from "../../../common/protobuf/codec.ts";
import type { Client, Init, Method, Service } from "../../../common/protobuf/schema.ts";
import { RequestQueue } from "../queue.ts";

export interface GrpcCallOptions {
  metadata?: Headers | undefined;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

type AnyMethod = Method<unknown, unknown>;

/** Connects to a unix socket with the first call, and anew after a loss. */
export class GrpcConnection implements Disposable {
  readonly #path: string;
  #session: ClientHttp2Session | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** The methods of a service as functions; `base` are options of every call. */
  client<S extends Service>(service: S, base: GrpcCallOptions = {}): Client<S, GrpcCallOptions> {
    const functions: Record<string, unknown> = {};
    for (const [name, method] of Object.entries(service.methods) as [string, AnyMethod][]) {
      const path = `/${service.typeName}/${method.name}`;
      const merged = (own: GrpcCallOptions = {}): GrpcCallOptions => ({
        ...base,
        ...own,
        metadata: { ...base.metadata, ...own.metadata },
      });
      const single = method.kind === "unary" || method.kind === "serverStream";
      const one = method.kind === "unary" || method.kind === "clientStream";
      functions[name] = (input: unknown, options?: GrpcCallOptions) => {
        const requests = single ? [input as object] : (input as AsyncIterable<object>);
        const answers = this.#call(path, method, requests, merged(options));
        return one ? only(answers, path) : answers;
      };
    }
    return functions as Client<S, GrpcCallOptions>;
  }

  #connect(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const session = connectHttp2("http://localhost", {
      createConnection: () => connectSocket(this.#path),
      settings: { initialWindowSize: 4 << 20, maxFrameSize: 1 << 20, enablePush: false },
      maxSessionMemory: 256,
    });
    session.on("error", () => {});
    session.on("connect", () => session.setLocalWindowSize(16 << 20));
    this.#session = session;
    return session;
  }

  /** Sent with the call of this function; a stream that is never read is never looked at. */
  #call(
    path: string,
    method: AnyMethod,
    requests: Iterable<Init<unknown>> | AsyncIterable<Init<unknown>>,
    options: GrpcCallOptions,
  ): AsyncGenerator<unknown> {
    const headers: Record<string, string> = {
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      [ERROR_HEADER]: "1",
      ...options.metadata,
    };
    if (options.timeoutMs !== undefined) headers["grpc-timeout"] = formatTimeout(options.timeoutMs);
    options.signal?.throwIfAborted();
    const stream = this.#connect().request(headers, { endStream: false });
    const answers = receive(stream, path);
    void send(stream, method, requests).catch((error: unknown) => stream.destroy(WharfError.from(error)));
    return read(stream, method, answers, options.signal);
  }

  [Symbol.dispose](): void {
    this.#session?.destroy();
  }
}

async function send(
  stream: ClientHttp2Stream,
  method: AnyMethod,
  requests: Iterable<Init<unknown>> | AsyncIterable<Init<unknown>>,
): Promise<void> {
  if (Symbol.iterator in requests) {
    for (const request of requests) stream.write(frame(encode(method.input, request)));
    stream.end();
    return;
  }
  for await (const request of requests) {
    if (stream.destroyed || stream.writableEnded) return;
    if (stream.write(frame(encode(method.input, request)))) continue;
    await new Promise<void>((resolve) => {
      const settle = () => {
        stream.off("drain", settle).off("close", settle);
        resolve();
      };
      stream.on("drain", settle).on("close", settle);
    });
  }
  stream.end();
}

/** Collects the answers; they end with the error that the trailers tell of. */
function receive(stream: ClientHttp2Stream, path: string): RequestQueue {
  const answers = new RequestQueue(stream);
  const reader = new MessageReader();
  let trailers: Record<string, string | undefined> = {};
  let failure: unknown;
  stream.on("response", (headers) => {
    if (headers[":status"] !== 200) failure = new WharfError("Unavailable", `HTTP status ${headers[":status"]}`);
    if (headers["grpc-status"] !== undefined) trailers = headers as typeof trailers;
  });
  stream.on("trailers", (headers) => {
    trailers = headers as typeof trailers;
  });
  stream.on("data", (chunk: Buffer) => {
    try {
      reader.push(chunk, (message) => answers.push(message));
    } catch (error) {
      stream.destroy(error as Error);
    }
  });
  stream.on("error", (error) => {
    failure ??= error;
  });
  stream.on("close", () => {
    if (trailers["grpc-status"] === undefined) {
      const lost = WharfError.from(failure ?? new Error("the connection ended"), "Unavailable");
      answers.fail(lost.code === "Unavailable" ? unavailable(path, lost) : lost);
      return;
    }
    const error = errorOfTrailers(trailers);
    if (error) answers.fail(error);
    else answers.end();
  });
  return answers;
}

function unavailable(path: string, cause: unknown): WharfError {
  return new WharfError("Unavailable", `the call of ${path} was cut off`, { operation: "call", subject: path, cause });
}

async function* read(
  stream: ClientHttp2Stream,
  method: AnyMethod,
  answers: RequestQueue,
  signal: AbortSignal | undefined,
): AsyncGenerator<unknown> {
  const abort = () => {
    answers.fail(new WharfError("Canceled", "the call was canceled", { cause: signal?.reason }));
    stream.close(constants.NGHTTP2_CANCEL);
  };
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for await (const message of answers) yield decode(method.output, message);
  } finally {
    signal?.removeEventListener("abort", abort);
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  }
}

async function only(answers: AsyncGenerator<unknown>, path: string): Promise<unknown> {
  let answer: unknown;
  for await (const one of answers) answer = one;
  if (answer === undefined) throw new WharfError("Internal", `${path} answered without a message`);
  return answer;
}
