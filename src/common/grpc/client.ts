/** gRPC calls on an HTTP/2 connection of ours (../http2/client.ts): generated services as functions. Pure. */

import { WharfError } from "../errors.ts";
import type { Http2Client, Http2Stream } from "../http2/client.ts";
import type { HeaderList } from "../http2/hpack.ts";
import { decode, encode } from "../protobuf/codec.ts";
import type { Client, Init, Method, Service } from "../protobuf/schema.ts";
import type { Signal } from "../ttrpc/client.ts";
import { Inbox } from "./inbox.ts";
import { frame, MessageReader, PREFIX } from "./message.ts";
import { formatTimeout } from "./request.ts";
import { ERROR_HEADER, errorOfTrailers, type Headers } from "./status.ts";

export interface GrpcCallOptions {
  metadata?: Headers | undefined;
  /** Milliseconds, which the server keeps. DeadlineExceeded. */
  timeoutMs?: number | undefined;
  /** Ends the call on both sides. Canceled. */
  signal?: Signal | undefined;
}

type AnyMethod = Method<unknown, unknown>;
type Requests = Iterable<Init<unknown>> | AsyncIterable<Init<unknown>>;

/** The methods of a service as functions. `connect` gives the connection for each call; `base` are options of every call. */
export function grpcClient<S extends Service>(
  connect: () => Http2Client,
  service: S,
  base: GrpcCallOptions = {},
): Client<S, GrpcCallOptions> {
  const functions: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(service.methods) as [string, AnyMethod][]) {
    const path = `/${service.typeName}/${method.name}`;
    const single = method.kind === "unary" || method.kind === "serverStream";
    const one = method.kind === "unary" || method.kind === "clientStream";
    functions[name] = (input: unknown, own: GrpcCallOptions = {}) => {
      const options = { ...base, ...own, metadata: { ...base.metadata, ...own.metadata } };
      const answers = call(connect(), path, method, single ? [input as object] : (input as Requests), options);
      return one ? only(answers, path) : answers;
    };
  }
  return functions as Client<S, GrpcCallOptions>;
}

function head(path: string, { metadata = {}, timeoutMs }: GrpcCallOptions): HeaderList {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    [ERROR_HEADER, "1"],
    ...(timeoutMs === undefined ? [] : [["grpc-timeout", formatTimeout(timeoutMs)] as const]),
    ...Object.entries(metadata),
  ];
}

/** Goes out with the call of this function, also when nobody reads the answers. */
function call(connection: Http2Client, path: string, method: AnyMethod, requests: Requests, options: GrpcCallOptions) {
  const inbox = new Inbox((bytes) => stream.consumed(bytes + PREFIX));
  const reader = new MessageReader();
  let trailers: Record<string, string> = {};
  let failure: WharfError | undefined;
  const stream = connection.request(head(path, options), {
    headers: (headers) => {
      trailers = Object.fromEntries(headers);
      const status = trailers[":status"];
      if (status !== undefined && status !== "200") failure = new WharfError("Unavailable", `HTTP status ${status}`);
    },
    data: (bytes) => {
      try {
        // what is kept has to outlive the buffer that it came in
        reader.push(bytes.slice(), (message) => inbox.push(message));
      } catch (error) {
        failure ??= WharfError.from(error);
        stream.cancel();
      }
    },
    closed: (lost) => {
      const told = trailers["grpc-status"] !== undefined;
      const error = failure ?? (told ? errorOfTrailers(trailers) : (lost ?? errorOfTrailers(trailers)));
      inbox.end(error?.code === "Unavailable" && !told ? cutOff(path, error) : error);
    },
  });
  void send(stream, method, requests).catch((error: unknown) => {
    failure ??= WharfError.from(error);
    stream.cancel();
  });
  return read(stream, method, inbox, options.signal);
}

async function send(stream: Http2Stream, method: AnyMethod, requests: Requests): Promise<void> {
  if (Array.isArray(requests) && requests.length === 1) {
    void stream.write(frame(encode(method.input, requests[0] as Init<unknown>)), true);
    return;
  }
  if (Symbol.iterator in requests) {
    for (const request of requests) void stream.write(frame(encode(method.input, request)));
  } else for await (const request of requests) await stream.write(frame(encode(method.input, request)));
  stream.end();
}

function cutOff(path: string, cause: WharfError): WharfError {
  return new WharfError("Unavailable", `the call of ${path} was cut off`, { operation: "call", subject: path, cause });
}

async function* read(stream: Http2Stream, method: AnyMethod, inbox: Inbox, signal: Signal | undefined) {
  const abort = () => stream.cancel();
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for await (const message of inbox) yield decode(method.output, message);
  } finally {
    signal?.removeEventListener("abort", abort);
    stream.cancel();
  }
}

async function only(answers: AsyncGenerator<unknown>, path: string): Promise<unknown> {
  let answer: unknown;
  for await (const one of answers) answer = one;
  if (answer === undefined) throw new WharfError("Internal", `${path} answered without a message`);
  return answer;
}
