/** gRPC over HTTP/2 (../../common/http2/server.ts) on sockets that are handed in, and what each stream's call needs. */

import type { Socket } from "node:net";
import type { MessageLimits } from "../../common/grpc/message.ts";
import { type Headers, OK_TRAILERS } from "../../common/grpc/status.ts";
import { encodeHeaders } from "../../common/http2/hpack.ts";
import { Http2Server, type ServerStream } from "../../common/http2/server.ts";
import { Call, type Exchange } from "./call.ts";
import type { Router } from "./router.ts";

const HEAD = [[":status", "200"] as const, ["content-type", "application/grpc"] as const];
/** What nearly every answer begins and ends with. */
const HEAD_BLOCK = encodeHeaders(HEAD);
const OK_BLOCK = encodeHeaders(Object.entries(OK_TRAILERS));

/** Serves gRPC on connections that someone else accepts. */
export class GrpcServer implements AsyncDisposable {
  readonly #router: Router;
  readonly #limits: MessageLimits | undefined;
  readonly #sockets = new Set<Socket>();

  constructor(router: Router, limits?: MessageLimits) {
    this.#router = router;
    this.#limits = limits;
  }

  accept(socket: Socket): void {
    if (socket.destroyed) return;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    serve(socket, this.#router, this.#limits);
  }

  /** Cuts all connections off. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function serve(socket: Socket, router: Router, limits: MessageLimits | undefined): void {
  const accept = (stream: ServerStream, headers: Readonly<Record<string, string>>) =>
    new Call(router, headers, new StreamExchange(stream), limits);
  let held = false;
  let due = false;
  let receiving = false;
  const flush = () => {
    due = false;
    if (held || socket.destroyed) return;
    const sent = http2.outbox.takeSent();
    const parts = http2.outbox.take();
    const last = parts.pop();
    if (parts.length > 0) socket.cork();
    for (const part of parts) socket.write(part);
    // In order: what waited with the parts before is no longer looked at either.
    if (last) socket.write(last, sent.length > 0 ? () => call(sent) : undefined);
    if (parts.length > 0) socket.uncork();
    held = socket.writableNeedDrain;
    http2.taken(held);
  };
  // What one chunk brings about at once goes out in one write, and what its promises bring about in another.
  const wake = () => {
    if (due) return;
    due = true;
    if (!receiving) process.nextTick(flush);
  };
  const http2 = new Http2Server(accept, wake);
  socket.on("data", (chunk: Buffer) => {
    receiving = true;
    let broken = false;
    try {
      // Parts of it are cut off in less than half the time that those of a Buffer take.
      http2.receive(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    } catch {
      broken = true;
    }
    receiving = false;
    if (broken) {
      // The client is told why; there is nobody else to tell.
      held = false;
      flush();
      socket.destroySoon();
      return;
    }
    if (due) flush();
    if (held && http2.overdue) socket.pause();
  });
  socket.on("drain", () => {
    held = false;
    flush();
    if (socket.isPaused()) socket.resume();
  });
  socket.on("end", () => socket.destroy());
  // A connection that breaks ends its calls.
  socket.on("error", () => socket.destroy());
  socket.on("close", () => http2.close());
}

function call(functions: readonly (() => void)[]): void {
  for (const one of functions) one();
}

class StreamExchange implements Exchange {
  readonly #stream: ServerStream;
  #begun = false;

  constructor(stream: ServerStream) {
    this.#stream = stream;
  }

  send(first: Uint8Array, second?: Uint8Array, sent?: () => void): Promise<void> | undefined {
    if (!this.#begun) {
      this.#begun = true;
      this.#stream.headers(HEAD_BLOCK);
    }
    return this.#stream.write(first, second, sent);
  }

  finish(trailers: Readonly<Headers>): void {
    const list = Object.entries(trailers);
    if (!this.#begun) this.#stream.headers(encodeHeaders([...HEAD, ...list]), true);
    else this.#stream.trailers(trailers === OK_TRAILERS ? OK_BLOCK : encodeHeaders(list));
  }

  refuse(status: number): void {
    this.#stream.headers(encodeHeaders([[":status", String(status)]]), true);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }
}
