// Writing to stdout and stderr without ever stopping the event loop, and without making the shared descriptor nonblocking.
import { kernelError } from "../../sys/errno.ts";
import { close, fstat, O, S_IFCHR, S_IFIFO, S_IFMT } from "../../sys/fs.ts";
import { EPOLL, loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";

const EAGAIN = 11;
const EINTR = 4;
const EPIPE = 32;

/** The reader of our output has gone away. */
export class ReaderGone extends Error {}

export class Sink implements Disposable {
  readonly #fd: number;
  readonly #own: boolean;

  /**
   * A pipe or terminal is opened anew through /proc, since O_NONBLOCK belongs to the open file, which other processes
   * share. Where that is not permitted, and for files and sockets, writes simply block.
   */
  constructor(fd: 1 | 2) {
    const type = fstat(fd).mode & S_IFMT;
    const flags = O.WRONLY | O.NONBLOCK | O.NOCTTY | O.CLOEXEC;
    const own =
      type === S_IFIFO || type === S_IFCHR ? native.syscall(NR.openat, -100, `/proc/self/fd/${fd}`, flags, 0) : -1;
    this.#own = own >= 0;
    this.#fd = this.#own ? own : fd;
  }

  /** Writes all of `data`; a promise only when it has to wait. Throws ReaderGone. */
  write(data: Uint8Array): Promise<void> | undefined {
    const rest = this.#some(data);
    return rest.length > 0 ? this.#slow(rest) : undefined;
  }

  /** Writes what goes without waiting and answers the rest. */
  #some(data: Uint8Array): Uint8Array {
    let rest = data;
    while (rest.length > 0) {
      const n = native.syscall(NR.write, this.#fd, rest, rest.length);
      if (n === -EAGAIN) return rest;
      if (n === -EPIPE) throw new ReaderGone();
      if (n < 0 && n !== -EINTR) throw kernelError("write output", undefined, -n);
      if (n > 0) rest = rest.subarray(n);
    }
    return rest;
  }

  async #slow(data: Uint8Array): Promise<void> {
    for (let rest = data; rest.length > 0; rest = this.#some(rest)) await loop().once(this.#fd, EPOLL.OUT);
  }

  [Symbol.dispose](): void {
    if (this.#own) close(this.#fd);
  }
}
