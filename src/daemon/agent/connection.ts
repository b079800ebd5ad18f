/** One connection to the agent: frames out, frames in, with back-pressure both ways. */

import { createConnection, type Socket } from "node:net";
import {
  DATA_CHUNK,
  decodeJson,
  encodeJson,
  FRAME,
  type Frame,
  FrameDecoder,
  frameHeader,
} from "../../common/agent/frame.ts";
import type { AgentRequest, Progress } from "../../common/agent/protocol.ts";
import { type ErrorData, errorFromData, WharfError } from "../../common/errors.ts";

function lost(cause?: unknown): WharfError {
  return new WharfError("Unavailable", "wharf-agent hung up", {
    cause,
    hint: "it is started again at the next request; its log is the daemon's",
  });
}

export class Connection implements Disposable {
  readonly #socket: Socket;
  readonly #incoming = this.#frames();
  #failure: unknown;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", (error) => {
      this.#failure ??= error;
    });
  }

  static open(path: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path);
      socket.once("error", (error) => reject(lost(error)));
      socket.once("connect", () => resolve(new Connection(socket)));
    });
  }

  get usable(): boolean {
    return !this.#socket.destroyed && this.#failure === undefined;
  }

  #flushed(): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#socket.off("drain", done).off("close", done);
        if (this.#socket.destroyed) reject(lost(this.#failure));
        else resolve();
      };
      this.#socket.on("drain", done).on("close", done);
    });
  }

  request(request: AgentRequest): void {
    this.#socket.write(encodeJson(FRAME.request, request));
  }

  /** Sends data, cut into frames; resolves when more may be sent. */
  async data(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += DATA_CHUNK) {
      const piece = bytes.subarray(at, at + DATA_CHUNK);
      if (!this.usable) throw lost(this.#failure);
      this.#socket.cork();
      this.#socket.write(frameHeader(FRAME.data, piece.length));
      const more = this.#socket.write(piece);
      this.#socket.uncork();
      if (!more) await this.#flushed();
    }
  }

  endData(): void {
    if (this.usable) this.#socket.write(frameHeader(FRAME.data, 0));
  }

  async *#frames(): AsyncGenerator<Frame> {
    const decoder = new FrameDecoder();
    try {
      for await (const chunk of this.#socket) yield* decoder.push(chunk as Uint8Array);
    } catch (error) {
      throw lost(this.#failure ?? error);
    }
  }

  /** Reads to the answer of one request; the connection can then carry the next. What `data` throws ends it. */
  async answer(
    data?: (bytes: Uint8Array) => Promise<void> | void,
    progress?: (progress: Progress) => void,
  ): Promise<unknown> {
    for (;;) {
      const { done, value: frame } = await this.#incoming.next();
      if (done) throw lost(this.#failure);
      if (frame.type === FRAME.result) return decodeJson(frame);
      if (frame.type === FRAME.error) throw errorFromData(decodeJson(frame) as ErrorData);
      if (frame.type === FRAME.data) await data?.(frame.payload);
      else if (frame.type === FRAME.progress) progress?.(decodeJson(frame) as Progress);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
