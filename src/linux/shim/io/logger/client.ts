// One attached client: gets output as fast as it reads. What it does not take at once waits in a file without a name, so that a slow
// client costs neither memory nor, unless it asked for that, the container's time.
import { sys } from "../../../sys/call.ts";
import { close, O, open } from "../../../sys/fs.ts";
import { EPOLL, loop, type Watch } from "../../../sys/loop.ts";
import { NR } from "../../../sys/nr.ts";
import { warn } from "../../log.ts";
import type { Reaper } from "../../reaper.ts";
import type { Stream } from "./encode.ts";
import { type Part, sendBeside } from "./rest.ts";

/** What a client says first, as one line of JSON. */
export interface Hello {
  stdin?: boolean;
  stdout?: boolean;
  stderr?: boolean;
  /** What the log holds comes first. */
  logs?: boolean;
  /** Whether output has headers; by default it has them unless there is a terminal. */
  frames?: boolean;
  /** The container waits for this client when it is slow, rather than losing it. */
  wait?: boolean;
}

/** A client that asked for it makes the container wait beyond this many bytes of arrears. */
const WAIT_LIMIT = 1 << 20;
/** Any other one gets no more beyond these, and is told so. */
const DROP_LIMIT = 64 << 20;
const AGAIN = -11;
const DONTWAIT_NOSIGNAL = 0x4040;
const HEADER = 8;

/** struct msghdr with two iovecs, used by all clients. */
const iovec = new BigUint64Array(4);
const message = new BigUint64Array(7);
const header = new Uint8Array(HEADER);

/** A file without a name, on the file system of `folder`. */
export function temporaryFile(folder: string): number {
  return open(folder, O.TMPFILE | O.RDWR, 0o600);
}

export class Client {
  readonly fd: number;
  readonly hello: Hello;
  readonly #multiplexed: boolean;
  readonly #folder: string;
  #onGone: () => void;
  #onCaughtUp: () => void;
  #watch: Watch | undefined;
  #spill = -1;
  #written = 0;
  #sent = 0;
  /** What goes out before the arrears; live output waits for it. */
  #history: { fd: number; at: number; size: number } | undefined;
  #held = false;
  #cut = false;
  #ending = false;
  #shut = true;

  /** `folder`: where arrears may be kept. `multiplexed`: with a header before each piece, as there are two streams. */
  constructor(
    fd: number,
    hello: Hello,
    multiplexed: boolean,
    folder: string,
    onGone: () => void,
    onCaughtUp: () => void,
  ) {
    this.fd = fd;
    this.hello = hello;
    this.#multiplexed = multiplexed;
    this.#folder = folder;
    this.#onGone = onGone;
    this.#onCaughtUp = onCaughtUp;
    this.#watch = loop().watch(fd, 0, () => this.#event());
  }

  /** The container should wait. */
  get blocked(): boolean {
    return this.hello.wait === true && this.#written - this.#sent > WAIT_LIMIT;
  }

  send(stream: Stream, buffer: Uint8Array, from: number, length: number): void {
    if (this.#cut || !this.hello[stream]) return;
    header.fill(0);
    header[0] = stream === "stdout" ? 1 : 2;
    new DataView(header.buffer).setUint32(4, length);
    this.#deliver(native.address(buffer) + from, length);
  }

  /** Sends `header`, if need be, and `length` bytes at `address`; keeps what the socket does not take. */
  #deliver(address: number, length: number): void {
    const head = this.#multiplexed ? HEADER : 0;
    let taken = 0;
    if (this.#spill < 0) {
      this.#describe(head, address, length, 0);
      taken = native.syscall(NR.sendmsg, this.fd, message, DONTWAIT_NOSIGNAL);
      if (taken === AGAIN) taken = 0;
      if (taken < 0) {
        this.close();
        return;
      }
      if (taken === head + length) return;
    }
    this.#keep(head, address, length, taken);
  }

  #describe(head: number, address: number, length: number, skip: number): void {
    const headSkip = Math.min(skip, head);
    iovec[0] = BigInt(native.address(header) + headSkip);
    iovec[1] = BigInt(head - headSkip);
    iovec[2] = BigInt(address + skip - headSkip);
    iovec[3] = BigInt(length - (skip - headSkip));
    message[2] = BigInt(native.address(iovec));
    message[3] = 2n;
  }

  /** Nothing is sent until release(): what comes meanwhile waits. */
  hold(): void {
    this.#held = true;
    this.#openSpill();
  }

  /** Sends `size` bytes of `fd`, which is taken, and goes on with what waits. */
  release(fd: number, size: number): void {
    if (!this.#watch) {
      close(fd);
      return;
    }
    this.#history = { fd, at: 0, size };
    this.#held = false;
    this.#watch.update(EPOLL.OUT);
  }

  #openSpill(): void {
    this.#spill = temporaryFile(this.#folder);
    if (!this.#held) this.#watch?.update(EPOLL.OUT);
  }

  #keep(head: number, address: number, length: number, skip: number): void {
    try {
      if (this.#spill < 0) this.#openSpill();
      this.#describe(head, address, length, skip);
      const n = sys("write", "attach backlog", NR.pwritev, this.#spill, iovec, 2, this.#written, 0);
      this.#written += n;
      if (n < head + length - skip) {
        this.close();
        return;
      }
    } catch {
      this.close();
      return;
    }
    if (this.#written - this.#sent > DROP_LIMIT && !this.hello.wait) this.#tellCut();
  }

  #tellCut(): void {
    const text = native.bytes("\r\nwharf: this client reads too slowly; the rest of the output is not sent to it\r\n");
    header.fill(0);
    header[0] = 2;
    header[7] = text.length;
    this.#cut = true;
    this.#ending = true;
    this.#keep(this.#multiplexed ? HEADER : 0, native.address(text), text.length, 0);
  }

  #event(): void {
    // a hang-up while nothing waits, or nothing may be sent
    if (this.#spill < 0 || this.#held) {
      this.close();
      return;
    }
    if (this.#history) this.#sendHistory(this.#history);
    else this.#sendSpill();
  }

  /** Bytes sent; -1 when the socket takes none now. Closes when the client is gone. */
  #sendFile(fd: number, at: number, size: number): number {
    if (at === size) return 0;
    const offset = new BigInt64Array([BigInt(at)]);
    const n = native.syscall(NR.sendfile, this.fd, fd, offset, Math.min(size - at, 1 << 20));
    if (n < 0 && n !== AGAIN) this.close();
    return Math.max(n, -1);
  }

  #sendHistory(history: { fd: number; at: number; size: number }): void {
    const n = this.#sendFile(history.fd, history.at, history.size);
    if (n < 0) return;
    history.at += n;
    if (history.at < history.size) return;
    close(history.fd);
    this.#history = undefined;
  }

  #sendSpill(): void {
    const n = this.#sendFile(this.#spill, this.#sent, this.#written);
    if (n < 0) return;
    this.#sent += n;
    if (this.#sent === this.#written) {
      close(this.#spill);
      this.#spill = -1;
      this.#written = this.#sent = 0;
      this.#watch?.update(0);
      if (this.#ending) this.close();
    }
    this.#onCaughtUp();
  }

  /** No more output will come: closes when everything has been sent. */
  end(): void {
    this.#ending = true;
    if (this.#spill < 0) this.close();
  }

  /** Has what waits sent by another process, and closes. One whose history is still being read goes on here, as long as the shim does. */
  handOver(reaper: Reaper): void {
    if (this.#held) return;
    const parts: Part[] = [{ fd: this.#spill, at: this.#sent, size: this.#written }];
    if (this.#history) parts.unshift(this.#history);
    try {
      sendBeside(reaper, this.fd, parts);
    } catch (error) {
      warn("attach: no process sends the rest; the shim does, as long as it lives", error);
      return;
    }
    // The other process has the connection: closing ours does not end it.
    this.#shut = false;
    this.close();
  }

  close(): void {
    if (!this.#watch) return;
    this.#watch[Symbol.dispose]();
    this.#watch = undefined;
    if (this.#spill >= 0) close(this.#spill);
    if (this.#history) close(this.#history.fd);
    this.#history = undefined;
    this.#spill = -1;
    this.#written = this.#sent = 0;
    if (this.#shut) native.syscall(NR.shutdown, this.fd, 2);
    close(this.fd);
    const onGone = this.#onGone;
    this.#onGone = this.#onCaughtUp = () => {};
    onGone();
  }
}
