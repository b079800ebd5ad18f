// One attached client: gets output as fast as it reads. What it does not take at once waits in a file without a name, so that a slow
// client costs neither memory nor, unless it asked for that, the container's time.
import { sys } from "../../../sys/call.ts";
import { close, O, open } from "../../../sys/fs.ts";
import { EPOLL, loop, type Watch } from "../../../sys/loop.ts";
import { NR } from "../../../sys/nr.ts";
import type { Stream } from "./encode.ts";

/** What a client says first, as one line of JSON. */
export interface Hello {
  stdin?: boolean;
  stdout?: boolean;
  stderr?: boolean;
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
  #cut = false;
  #ending = false;

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

  #keep(head: number, address: number, length: number, skip: number): void {
    try {
      if (this.#spill < 0) {
        this.#spill = open(this.#folder, O.TMPFILE | O.RDWR, 0o600);
        this.#watch?.update(EPOLL.OUT);
      }
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
    if (this.#spill < 0) {
      this.close();
      return;
    }
    const offset = new BigInt64Array([BigInt(this.#sent)]);
    const n = native.syscall(NR.sendfile, this.fd, this.#spill, offset, Math.min(this.#written - this.#sent, 1 << 20));
    if (n === AGAIN) return;
    if (n < 0) {
      this.close();
      return;
    }
    this.#sent += n;
    if (this.#sent < this.#written) {
      this.#onCaughtUp();
      return;
    }
    close(this.#spill);
    this.#spill = -1;
    this.#written = this.#sent = 0;
    this.#watch?.update(0);
    if (this.#ending) this.close();
    else this.#onCaughtUp();
  }

  /** No more output will come: closes when everything has been sent. */
  end(): void {
    this.#ending = true;
    if (this.#spill < 0) this.close();
  }

  close(): void {
    if (!this.#watch) return;
    this.#watch[Symbol.dispose]();
    this.#watch = undefined;
    if (this.#spill >= 0) close(this.#spill);
    this.#spill = -1;
    this.#written = this.#sent = 0;
    native.syscall(NR.shutdown, this.fd, 2);
    close(this.fd);
    const onGone = this.#onGone;
    this.#onGone = this.#onCaughtUp = () => {};
    onGone();
  }
}
