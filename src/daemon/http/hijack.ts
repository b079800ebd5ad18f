/**
 * Taking over a connection: Docker's attach and exec turn an HTTP request into a raw two-way stream, with
 * `Upgrade: tcp` or simply by going on after the answer's header.
 *
 * Node hands a connection over only for upgrades. For operations that hijack without one, the parser is told that the
 * request is an upgrade (see server.ts), so both arrive here the same way: nothing of the body has been read, and `head`
 * has what came with the request's header.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { WharfError } from "../../common/errors.ts";
import { MAX_JSON } from "./body.ts";
import { acceptKey, WebSocketStream } from "./websocket.ts";

/** A connection that can be taken over. */
export class Hijack {
  readonly socket: Socket;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, socket: Socket, head: Buffer, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
    this.socket = socket;
    if (head.length > 0) socket.unshift(head);
  }

  /** Reads the request's body, which stands before the raw stream: Content-Length bytes, or all chunks. */
  async readBody(limit = MAX_JSON): Promise<Buffer> {
    const { headers } = this.#request;
    if (headers["transfer-encoding"] !== undefined) {
      throw new WharfError("InvalidArgument", "a body in chunks cannot be told from the stream that follows it", {
        operation: "read request",
        hint: "send Content-Length",
      });
    }
    const length = Number(headers["content-length"] ?? 0);
    if (length === 0) return Buffer.alloc(0);
    if (length > limit) throw new WharfError("InvalidArgument", `the request body is larger than ${limit >> 20} MiB`);
    return await readExactly(this.socket, length);
  }

  /** Answers 101 or 200, as asked for, and gives the connection away. From here on the caller owns and ends it. */
  accept(contentType: string): Socket {
    const upgrade = this.#request.headers.upgrade;
    return this.take(
      upgrade === undefined
        ? `HTTP/1.1 200 OK\r\nContent-Type: ${contentType}\r\n\r\n`
        : `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`,
    );
  }

  /** Gives the connection away with this header. */
  take(header: string): Socket {
    const { socket } = this;
    this.#response.detachSocket(socket);
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.write(header);
    return socket;
  }
}

/** The same for a client that speaks WebSocket. */
export function acceptWebSocket(hijack: Hijack, request: IncomingMessage): WebSocketStream {
  const key = acceptKey(request);
  return new WebSocketStream(
    hijack.take(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`,
    ),
  );
}

async function readExactly(socket: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let missing = length; missing > 0; ) {
    const data = socket.read() as Buffer | null;
    if (data) {
      chunks.push(data.subarray(0, missing));
      if (data.length > missing) socket.unshift(data.subarray(missing));
      missing -= Math.min(missing, data.length);
    } else if (socket.readableEnded || socket.destroyed) {
      throw new WharfError("Canceled", "the client closed the connection before the request was complete");
    } else await readable(socket);
  }
  return Buffer.concat(chunks, length);
}

function readable(socket: Socket): Promise<void> {
  const events = ["readable", "end", "close", "error"];
  return new Promise((resolve) => {
    const done = () => {
      for (const name of events) socket.off(name, done);
      resolve();
    };
    for (const name of events) socket.on(name, done);
  });
}
