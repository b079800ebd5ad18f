// A connection to a shim that sends any bytes, and reads what is answered, or does not.
import { connect, type Socket } from "node:net";
import { Response } from "../../../src/common/gen/ttrpc/ttrpc.ts";
import { decode } from "../../../src/common/protobuf/codec.ts";
import { FrameReader } from "../../../src/common/ttrpc/frame.ts";
import { until } from "../../support/until.ts";

export class Hostile implements Disposable, AsyncDisposable {
  /** Frames and parts of them. */
  sent = 0;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  /** By stream: messages of errors, "" for success, as they came. */
  readonly #answers: [stream: number, message: string][] = [];
  readonly #closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => void socket.once("close", () => resolve()));
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      for (const { stream, data } of this.#reader.push(chunk)) {
        const { status } = decode(Response, data);
        this.#answers.push([stream, status && status.code !== 0 ? status.message : ""]);
      }
    });
  }

  static async open(address: string): Promise<Hostile> {
    const socket = connect(address.replace(/^unix:\/\//, ""));
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new Hostile(socket);
  }

  send(...pieces: readonly Uint8Array[]): void {
    this.sent += pieces.length;
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }

  /** The next answers, when so many have come: as they came, or in the order of the streams. */
  async answers(count: number, ordered = false): Promise<string[]> {
    await until(`${count} answers`, () => this.#answers.length >= count || this.#socket.destroyed);
    const next = this.#answers.splice(0, count);
    if (ordered) next.sort(([a], [b]) => a - b);
    return next.map(([, message]) => message);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** All that was sent is with the kernel. */
  async taken(): Promise<void> {
    await until("the kernel to take all", () => this.#socket.writableLength === 0);
  }

  end(): void {
    this.#socket.end();
  }

  /** The other side has closed the connection, or this one. */
  async closed(): Promise<void> {
    await this.#closed;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.#closed;
  }
}
