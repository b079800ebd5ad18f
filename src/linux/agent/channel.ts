// A worker's end of its connection: blocking frames, in and out. The agent itself only looks for the client's hang-up.
import {
  DATA_CHUNK,
  decodeJson,
  encodeJson,
  FRAME,
  FRAME_HEADER,
  type FrameType,
  frameHeader,
  parseHeader,
} from "../../common/agent/frame.ts";
import type { Progress } from "../../common/agent/protocol.ts";
import { errorToData, WharfError } from "../../common/errors.ts";
import { waitReadable } from "../layer/part.ts";
import { pointer, sys } from "../sys/call.ts";
import { read } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { send } from "../sys/socket.ts";
import type { Trace } from "../sys/trace.ts";

const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;
const LINGER_MS = 10000;

/** Fills `buffer`; false at a clean end before its first byte. */
function readFully(fd: number, buffer: Uint8Array): boolean {
  for (let at = 0; at < buffer.length; ) {
    const n = read(fd, buffer.subarray(at));
    if (n === 0) {
      if (at === 0) return false;
      throw new WharfError("Aborted", "agent protocol: the client hung up inside a frame");
    }
    at += n;
  }
  return true;
}

export class Channel {
  readonly fd: number;
  /** The caller's trace, where it wants one recorded. */
  trace: Trace | undefined;
  readonly #header = new Uint8Array(FRAME_HEADER);
  /** Bytes of the current data frame that have not been read. */
  #left = 0;
  #ended = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  #write(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0; ) rest = rest.subarray(send(this.fd, rest));
  }

  json(type: FrameType, value: unknown): void {
    this.#write(encodeJson(type, value));
  }

  result(value: unknown): void {
    this.json(FRAME.result, value);
  }

  error(error: unknown): void {
    this.json(FRAME.error, errorToData(error));
  }

  /** Progress is dropped rather than waited for. */
  progress(progress: Progress): void {
    const bytes = encodeJson(FRAME.progress, progress);
    const n = native.syscall(NR.sendto, this.fd, bytes, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
    if (n > 0 && n < bytes.length) this.#write(bytes.subarray(n));
  }

  /** Sends `length` bytes from `address` as data frames. */
  data(address: number, length: number): void {
    const message = new BigUint64Array(7);
    const iovec = new BigUint64Array(4);
    message[2] = BigInt(pointer(message, iovec));
    message[3] = 2n;
    for (let at = 0; at < length; ) {
      const n = Math.min(DATA_CHUNK, length - at);
      const header = frameHeader(FRAME.data, n);
      let sent = 0;
      while (sent < FRAME_HEADER + n) {
        const head = Math.min(sent, FRAME_HEADER);
        const body = sent - head;
        iovec[0] = BigInt(native.address(header) + head);
        iovec[1] = BigInt(FRAME_HEADER - head);
        iovec[2] = BigInt(address + at + body);
        iovec[3] = BigInt(n - body);
        sent += sys("send", this.fd, NR.sendmsg, this.fd, message, MSG_NOSIGNAL);
      }
      at += n;
    }
  }

  /** Skips to the next data frame; false at the stream's end. */
  #nextFrame(): boolean {
    if (this.#ended) return false;
    if (!readFully(this.fd, this.#header)) throw new WharfError("Aborted", "agent protocol: the client hung up");
    const { type, length } = parseHeader(this.#header);
    if (type !== FRAME.data)
      throw new WharfError("InvalidArgument", `agent protocol: frame ${type} where data belongs`);
    this.#ended = length === 0;
    this.#left = length;
    return !this.#ended;
  }

  /** Reads at most `length` bytes of the client's stream to `address`; 0 at its end. */
  receive(address: number, length: number): number {
    if (this.#left === 0 && !this.#nextFrame()) return 0;
    const n = sys("read", this.fd, NR.read, this.fd, address, Math.min(length, this.#left));
    if (n === 0) throw new WharfError("Aborted", "agent protocol: the client hung up inside a frame");
    this.#left -= n;
    return n;
  }

  /**
   * After the answer: takes what the client still sends until it hangs up. Closing over unread data would reset the connection, and
   * the client might see that before the answer.
   */
  linger(): void {
    const buffer = new Uint8Array(64 << 10);
    while (
      waitReadable([this.fd], LINGER_MS) !== undefined &&
      native.syscall(NR.read, this.fd, buffer, buffer.length) > 0
    );
  }

  /** The next data frame as a whole; undefined at the stream's end. */
  receiveFrame(): Uint8Array | undefined {
    if (!this.#nextFrame()) return undefined;
    const payload = new Uint8Array(this.#left);
    readFully(this.fd, payload);
    this.#left = 0;
    return payload;
  }
}

/** Reads the request with which a connection begins, from bytes already there. */
export function parseRequest(payload: Uint8Array): { op: string } & Record<string, unknown> {
  const value = decodeJson({ type: FRAME.request, payload });
  if (typeof value !== "object" || value === null || typeof (value as { op?: unknown }).op !== "string") {
    throw new WharfError("InvalidArgument", "agent protocol: a request without an operation");
  }
  return value as { op: string } & Record<string, unknown>;
}
