// One HTTP/1.1 connection: sends requests, reads responses, and can be taken over as a plain stream (hijack).

import { concat } from "../../../common/bytes.ts";
import {
  type BodyDecoder,
  bodyDecoder,
  closesAfter,
  type Head,
  headEnd,
  MAX_HEAD,
  parseHead,
} from "../../../common/cli/http1.ts";
import { WharfError } from "../../../common/errors.ts";
import { kernelError } from "../../sys/errno.ts";
import { close } from "../../sys/fs.ts";
import { loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";

const EAGAIN = 11;
const EINTR = 4;
const EPIPE = 32;
const ECONNRESET = 104;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const FIRST_BUFFER = 8 * 1024;
const BODY_BUFFER = 256 * 1024;

export class Connection implements Disposable {
  readonly fd: number;
  /** Requests served so far; a connection that was used before may have been closed meanwhile. */
  used = 0;
  #buffer = new Uint8Array(FIRST_BUFFER);
  #start = 0;
  #end = 0;
  #open = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Sends all of `data`. A peer that has gone away is no error here: its answer tells more. */
  async send(data: Uint8Array): Promise<void> {
    let rest = data;
    while (rest.length > 0) {
      const n = native.syscall(NR.sendto, this.fd, rest, rest.length, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
      if (n === -EAGAIN) await loop().writable(this.fd);
      else if (n === -EPIPE || n === -ECONNRESET) return;
      else if (n < 0 && n !== -EINTR) throw kernelError("send to the daemon", undefined, -n);
      else if (n > 0) rest = rest.subarray(n);
    }
  }

  /** Reads what is there, waiting for the first byte; false at the end. */
  async #fill(): Promise<boolean> {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    else if (this.#end === this.#buffer.length) {
      const bigger = new Uint8Array(this.#start > 0 ? this.#buffer.length : this.#buffer.length * 2);
      bigger.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = bigger;
      this.#end -= this.#start;
      this.#start = 0;
    }
    for (;;) {
      const room = this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end);
      const n = native.syscall(NR.read, this.fd, room, room.length);
      if (n > 0) {
        this.#end += n;
        return true;
      }
      if (n === 0 || n === -ECONNRESET) return false;
      if (n === -EAGAIN) await loop().readable(this.fd);
      else if (n !== -EINTR) throw kernelError("read from the daemon", undefined, -n);
    }
  }

  /** The next response's head; interim ones (1xx but 101) are skipped. Undefined when the peer closed without a byte. */
  async head(): Promise<Head | undefined> {
    for (;;) {
      let from = this.#start;
      for (;;) {
        const end = headEnd(this.#buffer, this.#end, Math.max(from, this.#start + 3));
        if (end >= 0) {
          const head = parseHead(this.#buffer.subarray(this.#start, end));
          this.#start = end;
          if (head.status >= 200 || head.status === 101) return head;
          break;
        }
        if (this.#end - this.#start > MAX_HEAD) {
          throw new WharfError("Unavailable", `the server's answer has no end of headers in ${MAX_HEAD} bytes`);
        }
        const had = this.#end - this.#start;
        if (!(await this.#fill())) {
          if (had === 0) return undefined;
          throw new WharfError("Unavailable", "the connection to the daemon was lost in the middle of an answer");
        }
        from = this.#start + had;
      }
    }
  }

  /** Reads a body to its end, giving each piece to `emit` as a view that holds until it returns. */
  async body(decoder: BodyDecoder, emit: (piece: Uint8Array) => void | Promise<void>): Promise<void> {
    const pieces: Uint8Array[] = [];
    for (;;) {
      this.#start = decoder.push(this.#buffer, this.#start, this.#end, (piece) => void pieces.push(piece));
      for (const piece of pieces) {
        const wait = emit(piece);
        if (wait) await wait;
      }
      pieces.length = 0;
      if (decoder.done) return;
      if (this.#buffer.length < BODY_BUFFER && this.#end === this.#buffer.length) {
        this.#buffer = new Uint8Array(BODY_BUFFER);
        this.#start = this.#end = 0;
      }
      if (!(await this.#fill())) {
        decoder.end();
        return;
      }
    }
  }

  /** What came after the head of a hijacked response. */
  leftover(): Uint8Array {
    return this.#buffer.slice(this.#start, this.#end);
  }

  [Symbol.dispose](): void {
    if (this.#open) close(this.fd);
    this.#open = false;
  }
}

/** A response whose body is still to be read: exactly once, to the end, or the response disposed of. */
export class Response implements Disposable {
  readonly head: Head;
  readonly #connection: Connection;
  readonly #decoder: BodyDecoder;
  readonly #done: (reusable: boolean) => void;
  #finished = false;

  /** `done` gets the connection back; not reusable when the body was not read to its end. */
  constructor(method: string, head: Head, connection: Connection, done: (reusable: boolean) => void) {
    this.head = head;
    this.#connection = connection;
    this.#decoder = bodyDecoder(method, head);
    this.#done = done;
    if (this.#decoder.done) this.#finish(true);
  }

  #finish(whole: boolean): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#done(whole && !closesAfter(this.head) && this.head.status !== 101);
  }

  /** Gives each piece of the body to `emit`; a view that holds until `emit` (or its promise) is done. */
  async each(emit: (piece: Uint8Array) => void | Promise<void>): Promise<void> {
    if (this.#finished) return;
    try {
      await this.#connection.body(this.#decoder, emit);
      this.#finish(this.#decoder.done);
    } finally {
      this.#finish(false);
    }
  }

  async bytes(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    await this.each((piece) => void pieces.push(piece.slice()));
    return pieces.length === 1 ? pieces[0]! : concat(pieces);
  }

  async text(): Promise<string> {
    return native.utf8(await this.bytes());
  }

  /** Calls `each` with every line of the body as it comes, without its end; empty ones are left out. */
  async lines(each: (line: string) => void): Promise<void> {
    let rest: Uint8Array[] = [];
    const take = (last?: Uint8Array) => {
      if (last) rest.push(last);
      const line = native.utf8(rest.length === 1 ? rest[0]! : concat(rest));
      rest = [];
      if (line.trim() !== "") each(line.trim());
    };
    await this.each((piece) => {
      let from = 0;
      for (let i = piece.indexOf(10); i >= 0; i = piece.indexOf(10, from)) {
        take(piece.subarray(from, i));
        from = i + 1;
      }
      if (from < piece.length) rest.push(piece.slice(from));
    });
    if (rest.length > 0) take();
  }

  [Symbol.dispose](): void {
    this.#finish(false);
  }
}
