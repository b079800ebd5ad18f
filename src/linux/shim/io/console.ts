// Terminals: the socket on which a runtime hands over the master of a container's pty, and what a master can do.
import { WharfError } from "../../../common/errors.ts";
import { sys } from "../../sys/call.ts";
import { close, setNonblocking, unlinkIfThere } from "../../sys/fs.ts";
import { EPOLL, loop, type Watch } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { accept, closeAll, listenUnix, receiveFds } from "../../sys/socket.ts";

const TIOCSWINSZ = 0x5414;
const TIMEOUT_MS = 30_000;

let count = 0;

/** Listens for one descriptor (the console socket of the OCI runtime command line). */
export class ConsoleSocket implements Disposable {
  readonly path: string;
  /** The terminal's master, nonblocking. DeadlineExceeded when none came in time, Canceled when disposed of. */
  readonly master: Promise<number>;
  readonly #listener: number;
  readonly #timer: Disposable;
  readonly #resolve: (master: number) => void;
  readonly #reject: (error: WharfError) => void;
  #watched: number;
  #watch: Watch | undefined;

  /** `folder` must have a short path: a socket's is limited to 107 bytes. */
  constructor(folder: string) {
    this.path = `${folder}/c${native.syscall(NR.getpid)}.${count++}`;
    this.#listener = this.#watched = listenUnix(this.path, 1);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.master = promise;
    // disposed of before anybody waits for it: no rejection without a handler
    promise.catch(() => {});
    this.#resolve = resolve;
    this.#reject = reject;
    this.#watch = loop().watch(this.#listener, EPOLL.IN, () => this.#accept());
    const late = () => reject(new WharfError("DeadlineExceeded", "the OCI runtime sent no terminal within 30 s"));
    this.#timer = loop().timer(TIMEOUT_MS, late);
  }

  #accept(): void {
    const connection = accept(this.#listener);
    if (connection === undefined) return;
    this.#watch?.[Symbol.dispose]();
    this.#watched = connection;
    this.#watch = loop().watch(connection, EPOLL.IN, () => this.#receive(connection));
  }

  #receive(connection: number): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    const { fds } = receiveFds(connection, new Uint8Array(4096));
    const master = fds.shift();
    closeAll(fds);
    if (master === undefined) {
      this.#reject(new WharfError("Internal", "the OCI runtime sent no terminal"));
      return;
    }
    setNonblocking(master);
    this.#resolve(master);
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    if (this.#watched !== this.#listener) close(this.#watched);
    close(this.#listener);
    unlinkIfThere(this.path);
    this.#reject(new WharfError("Canceled", "nobody waits for the terminal any more"));
  }
}

export function resize(master: number, width: number, height: number): void {
  sys("resize terminal", undefined, NR.ioctl, master, TIOCSWINSZ, new Uint16Array([height, width, 0, 0]));
}
