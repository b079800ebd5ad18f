// The body of a request, sent in chunks while its answer may already be coming.
import { kernelError } from "../../sys/errno.ts";
import { close } from "../../sys/fs.ts";
import { EPOLL, loop, type Watch } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { pollReadable } from "../../sys/poll.ts";

const EAGAIN = 11;
const EINTR = 4;
const EPIPE = 32;
const ECONNRESET = 104;
const F_DUPFD_CLOEXEC = 1030;
const MSG_NOSIGNAL_DONTWAIT = 0x4040;
const PIECE = 256 * 1024;

/** Sends on a descriptor of its own, so that the answer can be waited for on the connection's at the same time. */
export class Sender implements Disposable {
  readonly #fd: number;
  #watch: Watch | undefined;
  #ended = false;

  constructor(fd: number) {
    const copy = native.syscall(NR.fcntl, fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) throw kernelError("send to the daemon", undefined, -copy);
    this.#fd = copy;
  }

  /** Only rejects: what the peer answers is what counts, also when it hangs up. */
  async run(source: Iterable<Uint8Array>): Promise<never> {
    const encode = native.bytes;
    for (const piece of source) {
      if (piece.length === 0) continue;
      await this.#send(encode(`${piece.length.toString(16)}\r\n`));
      await this.#send(piece);
      await this.#send(encode("\r\n"));
      if (this.#ended) break;
    }
    await this.#send(encode("0\r\n\r\n"));
    return await new Promise<never>(() => {});
  }

  async #send(data: Uint8Array): Promise<void> {
    for (let rest = data; rest.length > 0 && !this.#ended; ) {
      const n = native.syscall(NR.sendto, this.#fd, rest, rest.length, MSG_NOSIGNAL_DONTWAIT, 0, 0);
      if (n > 0) rest = rest.subarray(n);
      else if (n === -EPIPE || n === -ECONNRESET) this.#ended = true;
      else if (n === -EAGAIN) {
        await new Promise<void>((resolve) => {
          this.#watch = loop().watch(this.#fd, EPOLL.OUT, () => {
            this.#watch?.[Symbol.dispose]();
            this.#watch = undefined;
            resolve();
          });
        });
      } else if (n < 0 && n !== -EINTR) throw kernelError("send to the daemon", undefined, -n);
    }
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    if (!this.#closed) close(this.#fd);
    this.#closed = true;
    this.#ended = true;
  }

  #closed = false;
}

/** What a descriptor has, piece by piece; each holds until the next. */
export function* pieces(fd: number): Generator<Uint8Array> {
  const buffer = new Uint8Array(PIECE);
  for (;;) {
    const n = native.syscall(NR.read, fd, buffer, buffer.length);
    if (n === 0) return;
    if (n > 0) yield buffer.subarray(0, n);
    // Whoever gave us our stdin may have made it nonblocking.
    else if (n === -EAGAIN) pollReadable([fd]);
    else if (n !== -EINTR) throw kernelError("read the archive", undefined, -n);
  }
}
