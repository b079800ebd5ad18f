// The least that a gRPC client can be, so that a figure is the server's and not the client's: requests encoded beforehand, answers counted and
// not read. The windows are as wide as there are, the frames those that every client takes unless it says otherwise (gRPC's Go library among them).
import { connect, type Socket } from "node:net";
import { frame, MessageReader } from "../src/common/grpc/message.ts";
import {
  DEFAULT_WINDOW,
  encodeFrame,
  encodeSettings,
  FLAG,
  FRAME,
  HEAD,
  MAX_WINDOW,
  PREFACE,
  readWord,
  SETTING,
  word,
  writeWord,
} from "../src/common/http2/frames.ts";
import { encodeHeaders } from "../src/common/http2/hpack.ts";

/** A request that can be sent again and again: no header of it is put into the table. */
export interface Encoded {
  bytes: Uint8Array;
  /** Where the stream's number belongs. */
  streams: readonly number[];
}

export function encodeRequest(
  path: string,
  message: Uint8Array,
  metadata: Readonly<Record<string, string>> = {},
): Encoded {
  const headers = encodeHeaders([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...Object.entries(metadata),
  ]);
  const head = encodeFrame(FRAME.HEADERS, FLAG.END_HEADERS, 0, headers);
  const body = encodeFrame(FRAME.DATA, FLAG.END_STREAM, 0, frame(message));
  return { bytes: Buffer.concat([head, body]), streams: [5, head.length + 5] };
}

/** Calls under way at a time: as many small ones as go into the window that every server gives. */
const WIDTH = 200;

export class RawClient implements Disposable {
  readonly #socket: Socket;
  #stream = 1;
  /** Of the answers that are waited for: their bytes, and how many have not ended. */
  #bytes = 0;
  #calls = 0;
  /** What is sent again and again, how many of it are still to go, and how many may at once. */
  #repeated: Encoded | undefined;
  #unsent = 0;
  #room = 0;
  /** The stream whose messages are counted, and what counts them. */
  #followed = 0;
  #reader = new MessageReader();
  #counted: () => void = () => {};
  #error: string | undefined;
  #waiting: { resolve(bytes: number): void; reject(error: Error): void } | undefined;
  #head = Buffer.alloc(HEAD);
  #headLength = 0;
  /** What is left of the payload of a frame, and its end if it is wanted whole. */
  #left = 0;

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on("error", (error) => this.#waiting?.reject(error));
    this.#socket.on("close", () => this.#waiting?.reject(new Error("the connection was closed")));
    const settings = encodeSettings({ [SETTING.ENABLE_PUSH]: 0, [SETTING.INITIAL_WINDOW_SIZE]: MAX_WINDOW });
    this.#socket.write(PREFACE);
    this.#socket.write(encodeFrame(FRAME.SETTINGS, 0, 0, settings));
    this.#socket.write(encodeFrame(FRAME.WINDOW_UPDATE, 0, 0, word(MAX_WINDOW - DEFAULT_WINDOW)));
  }

  /** One call at a time; answers how many bytes of data came. */
  call(request: Encoded): Promise<number> {
    return this.#send(this.#place(request), 1);
  }

  /** So many of the same, `WIDTH` of them at a time; resolves when all have been answered. */
  async many(request: Encoded, count: number): Promise<void> {
    this.#repeated = request;
    this.#unsent = count;
    this.#room = WIDTH;
    await this.#send(this.#more(), count);
    this.#repeated = undefined;
  }

  /** Of what is repeated, as many as there is room for. */
  #more(): Uint8Array {
    const request = this.#repeated!;
    const count = Math.min(this.#room, this.#unsent);
    this.#room -= count;
    this.#unsent -= count;
    const all = Buffer.allocUnsafe(count * request.bytes.length);
    for (let i = 0; i < count; i++) all.set(this.#place(request), i * request.bytes.length);
    return all;
  }

  /** A call whose answer is a stream: `counted` hears of each message. Ends with the connection, and is the only one of its kind. */
  follow(request: Encoded, counted: () => void): void {
    this.#followed = this.#stream;
    this.#counted = counted;
    this.#socket.write(Uint8Array.from(this.#place(request)));
  }

  /** Its bytes, for the next stream. */
  #place({ bytes, streams }: Encoded): Uint8Array {
    for (const at of streams) writeWord(bytes, at, this.#stream);
    this.#stream += 2;
    return bytes;
  }

  #send(bytes: Uint8Array, calls: number): Promise<number> {
    this.#bytes = 0;
    this.#calls = calls;
    this.#error = undefined;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(bytes);
    });
  }

  #receive(chunk: Buffer): void {
    this.#take(chunk);
    if (this.#repeated && this.#unsent > 0 && this.#room >= WIDTH / 2) this.#socket.write(this.#more());
  }

  #take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length || (this.#left === 0 && this.#headLength === HEAD); ) {
      if (this.#headLength < HEAD) {
        const part = Math.min(HEAD - this.#headLength, chunk.length - at);
        chunk.copy(this.#head, this.#headLength, at, at + part);
        this.#headLength += part;
        at += part;
        if (this.#headLength < HEAD) return;
        this.#left = this.#head.readUIntBE(0, 3);
      }
      const part = Math.min(this.#left, chunk.length - at);
      const type = this.#head[3]!;
      if (type === FRAME.DATA) {
        this.#bytes += part;
        if (readWord(this.#head, 5) === this.#followed) this.#reader.push(chunk.subarray(at, at + part), this.#counted);
      }
      // An answer that is trailers alone, or a reset, has no data: the status is not worth a decoder.
      if (type === FRAME.GOAWAY || type === FRAME.RST_STREAM) this.#error = `frame of type ${type}`;
      at += part;
      this.#left -= part;
      if (this.#left > 0) return;
      this.#headLength = 0;
      this.#whole(type, this.#head[4]!, readWord(this.#head, 5));
    }
  }

  #whole(type: number, flags: number, stream: number): void {
    if (type === FRAME.SETTINGS && !(flags & FLAG.ACK))
      this.#socket.write(encodeFrame(FRAME.SETTINGS, FLAG.ACK, 0, new Uint8Array(0)));
    const ends = (type === FRAME.DATA || type === FRAME.HEADERS) && (flags & FLAG.END_STREAM) !== 0;
    if (ends && stream === this.#followed) this.#error = "what was followed has ended";
    else if (ends && stream > 0) {
      this.#calls--;
      this.#room++;
    }
    if (this.#calls > 0 && this.#error === undefined) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (this.#error !== undefined) waiting?.reject(new Error(this.#error));
    else if (this.#bytes === 0) waiting?.reject(new Error("an answer without a message"));
    else waiting?.resolve(this.#bytes);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
