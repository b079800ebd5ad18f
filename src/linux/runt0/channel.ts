// What a container's first process and the runtime tell each other while it is being set up: JSON lines over a socket pair.
import { type ErrorData, errorFromData, WharfError } from "../../common/errors.ts";
import { close } from "../sys/fs.ts";
import { receiveFds, send, sendFds } from "../sys/socket.ts";

/** From the container's process. */
export type FromInit =
  | { type: "needs-maps" }
  | { type: "run-hooks" }
  | { type: "console" }
  | { type: "seccomp" }
  | { type: "child"; pid: number }
  | { type: "ready" }
  | { type: "error"; error: ErrorData };

/** From the runtime. */
export type ToInit = { type: "go" };

export class Channel implements Disposable {
  readonly fd: number;
  #rest = "";
  #fds: number[] = [];
  #buffer = new Uint8Array(4096);

  constructor(fd: number) {
    this.fd = fd;
  }

  send(message: FromInit | ToInit, passenger?: number): void {
    const line = native.bytes(`${JSON.stringify(message)}\n`);
    if (passenger !== undefined) {
      sendFds(this.fd, line, [passenger]);
      return;
    }
    for (let rest = line; rest.length > 0; ) rest = rest.subarray(send(this.fd, rest));
  }

  /** The next message, with the descriptor that came along; undefined when the other end is closed. */
  receive<T extends FromInit | ToInit>(): { message: T; fd: number | undefined } | undefined {
    for (;;) {
      const newline = this.#rest.indexOf("\n");
      if (newline >= 0) {
        const message = JSON.parse(this.#rest.slice(0, newline)) as T;
        this.#rest = this.#rest.slice(newline + 1);
        return { message, fd: this.#fds.shift() };
      }
      const { length, fds } = receiveFds(this.fd, this.#buffer, 4);
      this.#fds.push(...fds);
      if (length === 0) return undefined;
      this.#rest += native.utf8(this.#buffer, 0, length);
    }
  }

  /** In the container's process: the runtime says go on, or it is gone and so are we. */
  awaitGo(): void {
    const got = this.receive<ToInit>();
    if (!got) throw new WharfError("Canceled", "the runtime has ended");
  }

  [Symbol.dispose](): void {
    close(this.fd);
  }
}

export function failure(message: FromInit & { type: "error" }): WharfError {
  return errorFromData(message.error);
}
