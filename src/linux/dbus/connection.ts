// A blocking D-Bus connection: to a program itself (systemd's private socket) or to a bus. Authentication: EXTERNAL, by the socket's
// credentials, so that it holds inside of a user namespace too.
import { WharfError } from "../../common/errors.ts";
import { sys } from "../sys/call.ts";
import { Fd } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { pollReadable } from "../sys/poll.ts";
import { connectUnix, send } from "../sys/socket.ts";
import { monotonicMs } from "../sys/time.ts";
import {
  CALL,
  decodeMessage,
  ERROR,
  encodeMessage,
  FIXED,
  type Message,
  messageLength,
  REPLY,
  SIGNAL,
} from "./message.ts";
import type { Value } from "./wire.ts";

/** What a method call names. */
export interface Method {
  destination: string;
  path: string;
  interface: string;
  member: string;
}

const ANSWER_MS = 30_000;
const BUS: Omit<Method, "member"> = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
};

/** An error that the other side answered: its D-Bus name is the operation. */
function remoteError(message: Message, method: Method): WharfError {
  const { errorName = "", body } = message;
  const text = typeof body[0] === "string" ? body[0] : errorName;
  const denied = /AccessDenied|InteractiveAuthorizationRequired|AuthFailed/.test(errorName);
  return new WharfError(denied ? "PermissionDenied" : "Unknown", `${method.member}: ${text} (${errorName})`, {
    operation: errorName,
  });
}

/** True when the other side answered with this error. */
export function isRemote(error: unknown, name: string): boolean {
  return error instanceof WharfError && error.operation === name;
}

export class Connection implements Disposable {
  readonly #socket: Fd;
  /** What has come and is not decoded yet. */
  #buffer = new Uint8Array(0);
  #serial = 0;
  #signals: Message[] = [];

  private constructor(socket: number) {
    this.#socket = new Fd(socket);
  }

  /** `bus`: a bus stands between, which gives out names. */
  static open(path: string, bus: boolean): Connection {
    const connection = new Connection(connectUnix(path));
    try {
      connection.#authenticate(path);
      if (bus) connection.call({ ...BUS, member: "Hello" });
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  }

  #send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += send(this.#socket.value, bytes.subarray(at));
  }

  /** Waits for more to come. */
  #more(deadline: number): void {
    const left = Math.max(0, deadline - monotonicMs());
    if (pollReadable([this.#socket.value], left) < 0) {
      throw new WharfError("DeadlineExceeded", `D-Bus: no answer within ${ANSWER_MS / 1000} s`);
    }
    const chunk = new Uint8Array(65536);
    const count = sys("read", "D-Bus", NR.read, this.#socket.value, chunk, chunk.length);
    if (count === 0) throw new WharfError("Unavailable", "D-Bus: the other side closed the connection");
    const joined = new Uint8Array(this.#buffer.length + count);
    joined.set(this.#buffer);
    joined.set(chunk.subarray(0, count), this.#buffer.length);
    this.#buffer = joined;
  }

  #line(deadline: number): string {
    for (;;) {
      const end = this.#buffer.indexOf(10);
      if (end >= 0) {
        const line = native.utf8(this.#buffer, 0, end).trimEnd();
        this.#buffer = this.#buffer.slice(end + 1);
        return line;
      }
      if (this.#buffer.length > 16384) throw new WharfError("DataLoss", "D-Bus: what came is no authentication");
      this.#more(deadline);
    }
  }

  /**
   * All of it at once: where BEGIN and the first message come in one piece, systemd leaves the message lying until more comes, so the
   * message has to wait for the answer, and BEGIN must not.
   */
  #authenticate(path: string): void {
    const deadline = monotonicMs() + ANSWER_MS;
    this.#send(native.bytes("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"));
    let answer = this.#line(deadline);
    if (answer === "DATA") answer = this.#line(deadline);
    if (answer.startsWith("OK")) return;
    throw new WharfError("PermissionDenied", `D-Bus: ${path} does not take this user: ${answer}`, { subject: path });
  }

  #receive(deadline: number): Message {
    while (this.#buffer.length < FIXED) this.#more(deadline);
    const length = messageLength(this.#buffer);
    while (this.#buffer.length < length) this.#more(deadline);
    const message = decodeMessage(this.#buffer.slice(0, length));
    this.#buffer = this.#buffer.slice(length);
    return message;
  }

  /** Calls a method and answers the values of its reply. */
  call(method: Method, signature = "", body: readonly Value[] = []): readonly Value[] {
    const serial = ++this.#serial;
    const deadline = monotonicMs() + ANSWER_MS;
    this.#send(encodeMessage({ type: CALL, serial, ...method, ...(signature ? { signature } : {}), body }));
    for (;;) {
      const message = this.#receive(deadline);
      if (message.type === SIGNAL) this.#signals.push(message);
      if (message.replySerial !== serial) continue;
      if (message.type === ERROR) throw remoteError(message, method);
      if (message.type === REPLY) return message.body;
    }
  }

  /** Has a bus pass on the signals that a rule names. */
  match(rule: string): void {
    this.call({ ...BUS, member: "AddMatch" }, "s", [rule]);
  }

  /** Waits for a signal, one that has come since the connection is there included. */
  signal(member: string, wanted: (body: readonly Value[]) => boolean): readonly Value[] {
    const deadline = monotonicMs() + ANSWER_MS;
    for (;;) {
      const at = this.#signals.findIndex((one) => one.member === member && wanted(one.body));
      if (at >= 0) return this.#signals.splice(at, 1)[0]!.body;
      this.#signals = [];
      const message = this.#receive(deadline);
      if (message.type === SIGNAL) this.#signals.push(message);
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
