/**
 * The server's end of a WebSocket (RFC 6455) as a stream of bytes: messages of any size come in as their bytes, what is written goes out as
 * binary messages. Extensions are not negotiated.
 */

import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { WharfError } from "../../common/errors.ts";

const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Bytes of one frame that a client may send. */
const MAX_FRAME = 1 << 20;
const NORMAL = 1000;
const PROTOCOL_ERROR = 1002;
const TOO_BIG = 1009;

/** What a client must be answered. InvalidArgument when it is no WebSocket handshake. */
export function acceptKey(request: IncomingMessage): string {
  const { headers } = request;
  const key = headers["sec-websocket-key"];
  const asks = headers.upgrade?.toLowerCase() === "websocket" && headers["sec-websocket-version"] === "13";
  if (!asks || typeof key !== "string" || Buffer.from(key, "base64").length !== 16) {
    throw new WharfError("InvalidArgument", "this is served to WebSocket clients (version 13) only", {
      operation: "attach",
      hint: "POST …/attach takes over a plain connection",
    });
  }
  return createHash("sha1").update(`${key}${MAGIC}`).digest("base64");
}

export class WebSocketStream extends Duplex {
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #closing = false;

  constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("end", () => this.push(null));
    socket.on("close", () => this.destroy());
    socket.on("error", () => this.destroy());
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy()).end();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(OP.binary, chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#close(NORMAL);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroySoon();
    done(error);
  }

  #receive(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (!this.#closing) {
      const frame = readFrame(this.#buffer);
      if (frame === "more") return;
      if (typeof frame === "number") {
        this.#fail(frame);
        return;
      }
      this.#buffer = this.#buffer.subarray(frame.size);
      this.#take(frame.op, frame.payload);
    }
  }

  #take(op: number, payload: Buffer): void {
    if (op === OP.ping) this.#send(OP.pong, payload);
    else if (op === OP.close) {
      this.#close(NORMAL);
      this.push(null);
    } else if (op === OP.continuation || op === OP.text || op === OP.binary) {
      if (payload.length > 0 && !this.push(payload)) this.#socket.pause();
    } else if (op !== OP.pong) this.#fail(PROTOCOL_ERROR);
  }

  #fail(code: number): void {
    this.#close(code);
    this.push(null);
    this.destroySoon();
  }

  #close(code: number): void {
    if (this.#closing) return;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#send(OP.close, payload);
    this.#closing = true;
  }

  #send(op: number, payload: Buffer, done?: (error?: Error | null) => void): void {
    if (this.#closing || !this.#socket.writable) {
      done?.();
      return;
    }
    const length = payload.length;
    const header = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
    header[0] = 0x80 | op;
    header[1] = length < 126 ? length : length < 65536 ? 126 : 127;
    if (header.length === 4) header.writeUInt16BE(length, 2);
    else if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
    this.#socket.write(header);
    this.#socket.write(payload, done);
  }
}

/** The first frame of `data`, "more" when it is not whole, a close code when it must not be. */
function readFrame(data: Buffer): { op: number; payload: Buffer; size: number } | "more" | number {
  if (data.length < 2) return "more";
  const [first, second] = [data[0]!, data[1]!];
  // No extension gives the reserved bits a meaning, and a client always masks.
  if ((first & 0x70) !== 0 || (second & 0x80) === 0) return PROTOCOL_ERROR;
  const short = second & 0x7f;
  const control = (first & 0x08) !== 0;
  if (control && (short > 125 || (first & 0x80) === 0)) return PROTOCOL_ERROR;
  const at = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (data.length < at + 4) return "more";
  const length = short < 126 ? short : short === 126 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
  if (length > MAX_FRAME) return TOO_BIG;
  const size = at + 4 + length;
  if (data.length < size) return "more";
  const mask = data.subarray(at, at + 4);
  const payload = Buffer.from(data.subarray(at + 4, size));
  for (let i = 0; i < length; i++) payload[i]! ^= mask[i & 3]!;
  return { op: first & 0x0f, payload, size };
}
