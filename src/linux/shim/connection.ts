// One stream connection in the event loop: what cannot be sent at once waits.
import { close } from "../sys/fs.ts";
import { EPOLL, loop, type Watch } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { smallBuffer } from "./io/scratch.ts";

const AGAIN = -11;
const INTERRUPTED = -4;
const MSG_NOSIGNAL = 0x4000;
/** Bytes that may wait to be sent: while there are more, nothing is read from who does not take its answers. */
const WAITING = 256 << 10;

export class Connection {
  readonly #fd: number;
  #onData: (bytes: Uint8Array) => void;
  #onClose: () => void;
  #watch: Watch | undefined;
  #unsent: Uint8Array[] = [];
  /** Bytes in it. */
  #waiting = 0;

  /** `fd` is nonblocking and is closed here. */
  constructor(fd: number, onData: (bytes: Uint8Array) => void, onClose: () => void) {
    this.#fd = fd;
    this.#onData = onData;
    this.#onClose = onClose;
    this.#watch = loop().watch(fd, EPOLL.IN, (events) => this.#event(events));
  }

  #event(events: number): void {
    if (events & EPOLL.OUT) this.#flush();
    if (events & ~EPOLL.OUT) this.#read();
  }

  #read(): void {
    const buffer = smallBuffer();
    const n = native.syscall(NR.read, this.#fd, buffer, buffer.length);
    if (n === AGAIN || n === INTERRUPTED) return;
    if (n > 0) this.#onData(buffer.slice(0, n));
    else this.close();
  }

  send(bytes: Uint8Array): void {
    if (!this.#watch) return;
    this.#unsent.push(bytes);
    this.#waiting += bytes.length;
    if (this.#unsent.length === 1) this.#flush();
    else this.#await();
  }

  #flush(): void {
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent[0]!;
      const n = native.syscall(NR.sendto, this.#fd, bytes, bytes.length, MSG_NOSIGNAL, 0, 0);
      if (n === INTERRUPTED) continue;
      if (n < 0 && n !== AGAIN) {
        this.close();
        return;
      }
      if (n > 0) this.#waiting -= n;
      if (n === bytes.length) this.#unsent.shift();
      else {
        if (n > 0) this.#unsent[0] = bytes.subarray(n);
        break;
      }
    }
    this.#await();
  }

  #await(): void {
    const reads = this.#waiting > WAITING ? 0 : EPOLL.IN;
    this.#watch?.update(this.#unsent.length > 0 ? reads | EPOLL.OUT : EPOLL.IN);
  }

  /** Everything has been handed to the kernel. */
  get idle(): boolean {
    return this.#unsent.length === 0;
  }

  close(): void {
    if (!this.#watch) return;
    this.#watch[Symbol.dispose]();
    this.#watch = undefined;
    this.#unsent = [];
    this.#waiting = 0;
    close(this.#fd);
    const onClose = this.#onClose;
    // nothing collects cycles here: this object and those that use it must let go of each other
    this.#onData = this.#onClose = () => {};
    onClose();
  }
}
