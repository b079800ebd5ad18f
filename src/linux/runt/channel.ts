// What a container's first process and the runtime tell each other while it is being set up: JSON lines over a socket pair,
// the same over the connection by which `start` is told how it went.
import { type ErrorData, errorFromData, WharfError } from "../../common/errors.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { close } from "../sys/fs.ts";
import { receiveFds, send, sendFds } from "../sys/socket.ts";

/** From the container's process. */
export type FromInit =
  /** The namespaces are there: hooks.prestart and createRuntime may run; answered by "continue". */
  | { type: "hooks" }
  /** The network namespace is there: linux.netDevices may move in; answered by "continue". */
  | { type: "netDevices" }
  /** Wants the source of mounts[index], which lies in the container's root, with the host's rights; answered by "tree". */
  | { type: "tree"; index: number }
  /** Comes with the terminal's master. */
  | { type: "console" }
  /** Comes with the seccomp listener. */
  | { type: "seccomp" }
  /** From the process that makes the container's first one: its pid. */
  | { type: "child"; pid: number }
  | { type: "warning"; text: string }
  /** Everything is done but the start. */
  | { type: "ready" }
  /** What it did between `start` and the program, which comes next: spans as lines, where the creation was traced. */
  | { type: "steps"; lines: string; program: string }
  | { type: "error"; error: ErrorData };

/** From the runtime. */
export type ToInit =
  /** The user namespace has its mappings. */
  | { type: "maps" }
  /** The cgroup can be joined, at `paths` where it is not where it was thought to be. Comes with the seccomp program, where there is one. */
  | { type: "cgroup"; paths?: CgroupPaths["paths"] | undefined }
  /** Comes with the tree that was asked for. */
  | { type: "tree" }
  /** What was asked for is done. */
  | { type: "continue" };

export interface Received<T> {
  message: T;
  fd: number | undefined;
}

export class Channel implements Disposable {
  readonly fd: number;
  #rest = "";
  #fds: number[] = [];
  /** Words of the runtime that nobody has asked for yet. */
  #early: Received<ToInit>[] = [];

  constructor(fd: number) {
    this.fd = fd;
  }

  send(message: FromInit | ToInit, passenger?: number): void {
    if (passenger !== undefined) {
      sendFds(this.fd, native.bytes(`${JSON.stringify({ ...message, passenger: true })}\n`), [passenger]);
      return;
    }
    const line = native.bytes(`${JSON.stringify(message)}\n`);
    for (let rest = line; rest.length > 0; ) rest = rest.subarray(send(this.fd, rest));
  }

  /** The next message, with the descriptor that came along; undefined when the other end is closed. */
  receive<T extends FromInit | ToInit>(): Received<T> | undefined {
    const buffer = new Uint8Array(2048);
    for (;;) {
      const newline = this.#rest.indexOf("\n");
      if (newline >= 0) {
        const message = JSON.parse(this.#rest.slice(0, newline)) as T & { passenger?: boolean };
        this.#rest = this.#rest.slice(newline + 1);
        // one call may bring several messages, and the descriptor of the last of them: the kernel parts bytes only behind one
        return { message, fd: message.passenger ? this.#fds.shift() : undefined };
      }
      const { length, fds } = receiveFds(this.fd, buffer, 4);
      this.#fds.push(...fds);
      if (length === 0) return undefined;
      this.#rest += native.utf8(buffer, 0, length);
    }
  }

  /** In the container's process: waits for a word of the runtime. When that has ended, so does this process. */
  await(type: ToInit["type"]): number | undefined {
    return this.awaitMessage(type).fd;
  }

  awaitMessage<T extends ToInit["type"]>(type: T): Received<ToInit & { type: T }> {
    const known = this.#early.findIndex(({ message }) => message.type === type);
    if (known >= 0) return this.#early.splice(known, 1)[0] as Received<ToInit & { type: T }>;
    for (;;) {
      const got = this.receive<ToInit>();
      if (!got) throw new WharfError("Canceled", "the runtime has ended");
      if (got.message.type === type) return got as Received<ToInit & { type: T }>;
      // the runtime does its part at its own pace
      this.#early.push(got);
    }
  }

  [Symbol.dispose](): void {
    close(this.fd);
  }
}

export function failure(message: FromInit & { type: "error" }): WharfError {
  return errorFromData(message.error);
}
