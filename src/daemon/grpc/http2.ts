/** gRPC over node:http2: connections that are handed in, and what each stream's call needs. */

import {
  constants,
  createServer,
  type Http2Server,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { WharfError } from "../../common/errors.ts";
import type { Headers } from "../../common/grpc/status.ts";
import { Call, type Exchange } from "./call.ts";
import type { Router } from "./router.ts";

/** Bytes that a client may send before they are read: of one stream, and of a connection. */
const STREAM_WINDOW = 4 << 20;
const CONNECTION_WINDOW = 16 << 20;
const HEAD: OutgoingHttpHeaders = { ":status": 200, "content-type": "application/grpc" };

/** Serves gRPC on connections that someone else accepts. */
export class GrpcServer implements AsyncDisposable {
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(router: Router) {
    this.#server = createServer({
      settings: { initialWindowSize: STREAM_WINDOW, maxFrameSize: 1 << 20, enablePush: false },
      // Each Wait and each subscription is an open stream, and cancelling them is usual.
      streamResetBurst: 100_000,
      streamResetRate: 10_000,
      maxSessionMemory: 256,
    });
    this.#server.on("session", (session: ServerHttp2Session) => {
      session.setLocalWindowSize(CONNECTION_WINDOW);
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      // A connection that breaks ends its calls; there is nobody to tell.
      session.on("error", () => {});
    });
    this.#server.on("sessionError", () => {});
    this.#server.on("stream", (stream: ServerHttp2Stream, headers) => {
      const exchange = new StreamExchange(stream);
      const call = new Call(router, headers as Record<string, string>, exchange);
      stream.on("data", (chunk: Buffer) => call.data(chunk));
      stream.on("end", () => call.end());
      stream.on("aborted", () => call.gone());
      stream.on("error", () => call.gone());
      stream.on("close", () => call.gone());
    });
  }

  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  /** Cuts all connections off. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.destroy();
  }
}

class StreamExchange implements Exchange {
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  send(first: Uint8Array, second?: Uint8Array): Promise<void> | undefined {
    const stream = this.#stream;
    if (stream.destroyed) return Promise.reject(gone());
    if (!stream.headersSent) stream.respond(HEAD, { waitForTrailers: true, sendDate: false } as object);
    if (second) {
      stream.cork();
      stream.write(first);
      stream.write(second);
      stream.uncork();
    } else stream.write(first);
    if (!stream.writableNeedDrain) return undefined;
    return new Promise((resolve, reject) => {
      const settle = () => {
        stream.off("drain", settle);
        stream.off("close", settle);
        if (stream.destroyed) reject(gone());
        else resolve();
      };
      stream.on("drain", settle);
      stream.on("close", settle);
    });
  }

  finish(trailers: Readonly<Headers>): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    if (!stream.headersSent) stream.respond({ ...HEAD, ...trailers }, { endStream: true, sendDate: false } as object);
    else {
      stream.on("wantTrailers", () => {
        stream.sendTrailers({ ...trailers });
        this.#release();
      });
      stream.end();
      return;
    }
    this.#release();
  }

  /** A client that has more to send is told that nobody reads it. */
  #release(): void {
    const stream = this.#stream;
    if (stream.readableEnded || stream.destroyed) return;
    stream.resume();
    // After the trailers are out.
    setImmediate(() => {
      if (!stream.readableEnded && !stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  refuse(status: number): void {
    const stream = this.#stream;
    stream.respond({ ":status": status }, { endStream: true });
    stream.resume();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }
}

function gone(): WharfError {
  return new WharfError("Canceled", "the client has gone away");
}
