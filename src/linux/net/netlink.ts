// Netlink: building messages, sending several at once, reading answers (man 7 netlink, include/uapi/linux/netlink.h).
import { WharfError } from "../../common/errors.ts";
import { sys } from "../sys/call.ts";
import { errnoName, kernelError } from "../sys/errno.ts";
import { Fd } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

export const NLM = {
  REQUEST: 1,
  ACK: 4,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  DUMP: 0x300,
  REPLACE: 0x100,
} as const;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLA_NESTED = 0x8000;
const HEADER = 16;

const align = (n: number) => (n + 3) & ~3;

/** Messages one after the other in one buffer, as the kernel takes them. Numbers are in host order unless said. */
export class MessageBuilder {
  #bytes = new Uint8Array(2048);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #start = 0;
  #what: string[] = [];
  #acks = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** What each message does, for errors; the index is its sequence number. */
  get operations(): readonly string[] {
    return this.#what;
  }

  /** How many of the messages ask for an acknowledgement. */
  get acks(): number {
    return this.#acks;
  }

  #room(n: number): void {
    if (this.#at + n <= this.#bytes.length) return;
    const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, align(this.#at + n)));
    bigger.set(this.#bytes);
    this.#bytes = bigger;
    this.#view = new DataView(bigger.buffer);
  }

  /** One message: `what` names it in errors, `body` writes the family header and the attributes. */
  message(what: string, type: number, flags: number, body: () => void): this {
    this.#start = this.#at;
    this.#room(HEADER);
    this.#view.setUint16(this.#at + 4, type, true);
    this.#view.setUint16(this.#at + 6, flags | NLM.REQUEST, true);
    this.#view.setUint32(this.#at + 8, this.#what.length, true);
    this.#view.setUint32(this.#at + 12, 0, true);
    this.#what.push(what);
    if (flags & NLM.ACK) this.#acks++;
    this.#at += HEADER;
    body();
    this.#view.setUint32(this.#start, this.#at - this.#start, true);
    return this;
  }

  u8(...values: number[]): this {
    this.#room(values.length);
    for (const value of values) this.#view.setUint8(this.#at++, value);
    return this;
  }

  u16(value: number): this {
    this.#room(2);
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
    return this;
  }

  u16be(value: number): this {
    this.#room(2);
    this.#view.setUint16(this.#at, value, false);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#room(4);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  u32be(value: number): this {
    this.#room(4);
    this.#view.setUint32(this.#at, value, false);
    this.#at += 4;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#room(align(bytes.length));
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  #attribute(type: number, body: () => void): this {
    this.#room(8);
    const start = this.#at;
    this.#at += 4;
    body();
    this.#view.setUint16(start, this.#at - start, true);
    this.#view.setUint16(start + 2, type, true);
    while (this.#at % 4 !== 0) this.u8(0);
    return this;
  }

  attr(type: number, value: Uint8Array): this {
    return this.#attribute(type, () => this.raw(value));
  }

  attrString(type: number, text: string): this {
    return this.#attribute(type, () => this.raw(native.bytes(text)).u8(0));
  }

  attrU32(type: number, value: number): this {
    return this.#attribute(type, () => this.u32(value));
  }

  attrU32be(type: number, value: number): this {
    return this.#attribute(type, () => this.u32be(value));
  }

  attrU8(type: number, value: number): this {
    return this.#attribute(type, () => this.u8(value));
  }

  nest(type: number, body: () => void): this {
    return this.#attribute(type | NLA_NESTED, body);
  }
}

export interface Answer {
  type: number;
  /** The whole message, its 16-byte netlink header included. */
  payload: Uint8Array;
}

/** A netlink socket of the network namespace this process is in when it is made. */
export class Netlink implements Disposable {
  #socket: Fd;

  constructor(family: number) {
    this.#socket = new Fd(sys("netlink socket", undefined, NR.socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family));
    native.syscall(NR.setsockopt, this.#socket.value, SOL_NETLINK, NETLINK_EXT_ACK, new Int32Array([1]), 4);
  }

  #receive(): Answer[] {
    const buffer = new Uint8Array(32768);
    const n = sys("receive from netlink", undefined, NR.recvfrom, this.#socket.value, buffer, buffer.length, 0, 0, 0);
    const view = new DataView(buffer.buffer);
    const answers: Answer[] = [];
    for (let at = 0; at + HEADER <= n; at += align(view.getUint32(at, true))) {
      const length = view.getUint32(at, true);
      if (length < HEADER) break;
      answers.push({ type: view.getUint16(at + 4, true), payload: buffer.subarray(at, at + length) });
    }
    return answers;
  }

  /**
   * Sends all messages at once and waits for an acknowledgement of each that asks for one.
   * The first refusal is thrown, named after its message; `ignore` lists errno names that are no error.
   */
  request(messages: MessageBuilder, ignore: readonly string[] = []): void {
    const { bytes, operations } = messages;
    sys("send to netlink", undefined, NR.sendto, this.#socket.value, bytes, bytes.length, 0, 0, 0);
    let failure: WharfError | undefined;
    for (let acks = 0; acks < messages.acks; ) {
      for (const { type, payload } of this.#receive()) {
        if (type !== NLMSG_ERROR) continue;
        acks++;
        const view = new DataView(payload.buffer, payload.byteOffset);
        const errno = -view.getInt32(HEADER, true);
        if (errno === 0 || ignore.includes(errnoName(errno))) continue;
        const operation = operations[view.getUint32(8, true)] ?? "netlink request";
        failure ??= kernelError(operation, undefined, errno, extendedAck(payload));
      }
    }
    if (failure) throw failure;
  }

  /** Sends one dump request and collects every answer. */
  dump(messages: MessageBuilder): Answer[] {
    const { bytes, operations } = messages;
    sys("send to netlink", undefined, NR.sendto, this.#socket.value, bytes, bytes.length, 0, 0, 0);
    const all: Answer[] = [];
    for (;;) {
      for (const answer of this.#receive()) {
        if (answer.type === NLMSG_DONE) return all;
        if (answer.type === NLMSG_ERROR) {
          const view = new DataView(answer.payload.buffer, answer.payload.byteOffset);
          throw kernelError(operations[0] ?? "netlink dump", undefined, -view.getInt32(HEADER, true));
        }
        all.push(answer);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

/** The kernel's own words in a refusal (NLMSGERR_ATTR_MSG), where it gives any. */
function extendedAck(payload: Uint8Array): string | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const capped = (view.getUint16(6, true) & 0x100) !== 0;
  const inner = view.getUint32(HEADER + 4, true);
  const start = HEADER + 4 + (capped ? 16 : align(inner));
  for (const [type, value] of attributes(payload, start)) {
    if (type === 1) return native.utf8(value, 0, value.length - 1);
  }
  return undefined;
}

/** The attributes from `start` to the end, in order. */
export function* attributes(bytes: Uint8Array, start: number): Generator<[type: number, value: Uint8Array]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = start; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) throw new WharfError("DataLoss", "malformed netlink attribute");
    yield [view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + length)];
    at += align(length);
  }
}
