// The streams of a task: FIFOs between the shim and our own stdin, stdout and stderr.
import { dirname, join } from "../../common/path.ts";
import { Sink } from "../cli/stream/sink.ts";
import { kernelError } from "../sys/errno.ts";
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  close,
  fstat,
  mkdirs,
  mkfifo,
  O,
  open,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  statIfThere,
  unlinkIfThere,
} from "../sys/fs.ts";
import { EPOLL, loop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { randomBytes } from "../sys/time.ts";
import { hex, usage } from "./ctr.ts";

const EAGAIN = 11;
const EINTR = 4;
const EIO = 5;
const EPIPE = 32;
const CHUNK = 64 << 10;
const DEFAULT_DIR = "/run/containerd/fifo";

/** What Create and Exec are told. */
export interface Streams {
  stdin: string;
  stdout: string;
  stderr: string;
  terminal: boolean;
}

export interface IoChoice {
  tty: boolean;
  nullIo?: boolean | undefined;
  logUri?: string | undefined;
  fifoDir?: string | undefined;
}

/** Nothing to connect: no streams at all, or a log that the shim writes. */
function unconnected({ tty, nullIo, logUri }: IoChoice): Streams | undefined {
  if (tty && (nullIo || logUri)) throw usage("a terminal cannot be used with --null-io or --log-uri");
  if (nullIo) return { stdin: "", stdout: "", stderr: "", terminal: false };
  if (logUri) return { stdin: "", stdout: logUri, stderr: logUri, terminal: false };
  return undefined;
}

/** A process's streams. Disposing removes the FIFOs; with `keep`, for a detached process, it leaves them to it. */
export class TaskIo implements Disposable {
  readonly streams: Streams;
  readonly #folder: string | undefined;
  readonly #open: number[] = [];
  readonly #outputs: Promise<void>[] = [];
  #stdin: number | undefined;
  keep = false;

  /** Connects to the FIFOs that `streams` names; `folder` is theirs alone. Without FIFOs there is nothing to connect. */
  private constructor(streams: Streams, folder: string | undefined) {
    this.streams = streams;
    this.#folder = folder;
    // before the shim opens its ends, which would wait for ours
    if (streams.stdout.startsWith("/")) this.#outputs.push(this.#copy(streams.stdout, 1));
    if (streams.stderr.startsWith("/")) this.#outputs.push(this.#copy(streams.stderr, 2));
    if (streams.stdin) this.#stdin = open(streams.stdin, O.RDWR | O.NONBLOCK | O.CLOEXEC);
  }

  /** New streams for a process that is to be made. */
  static create(id: string, choice: IoChoice): TaskIo {
    const none = unconnected(choice);
    if (none) return new TaskIo(none, undefined);
    const folder = join(choice.fifoDir || DEFAULT_DIR, hex(randomBytes(8)));
    mkdirs(folder, 0o700);
    const path = (name: string) => join(folder, `${id}-${name}`);
    const stderr = choice.tty ? "" : path("stderr");
    const streams = { stdin: path("stdin"), stdout: path("stdout"), stderr, terminal: choice.tty };
    for (const name of [streams.stdin, streams.stdout, stderr]) if (name) mkfifo(name);
    return new TaskIo(streams, folder);
  }

  /** The streams of a process that was started by somebody else, and stay when we go. */
  static attach(streams: Streams): TaskIo {
    return new TaskIo(streams, undefined);
  }

  /** Copies a FIFO to a stream of ours until its last writer has gone. */
  async #copy(path: string, to: 1 | 2): Promise<void> {
    const fifo = open(path, O.RDONLY | O.NONBLOCK | O.CLOEXEC);
    this.#open.push(fifo);
    using sink = new Sink(to);
    const buffer = new Uint8Array(CHUNK);
    for (;;) {
      // says nothing before the first writer is there
      await loop().once(fifo, EPOLL.IN | EPOLL.HUP);
      const n = native.syscall(NR.read, fifo, buffer, buffer.length);
      if (n === 0) return;
      if (n < 0 && n !== -EAGAIN && n !== -EINTR) throw kernelError("read", path, -n);
      if (n > 0) await sink.write(buffer.subarray(0, n));
    }
  }

  /** Passes our stdin on; `ended` is called when it has ended. */
  async forward(ended: () => Promise<unknown>): Promise<void> {
    const fifo = this.#stdin;
    if (fifo === undefined) return;
    const waits = (fstat(0).mode & S_IFMT) !== S_IFREG && canWatch(0);
    const buffer = new Uint8Array(CHUNK);
    for (;;) {
      if (waits) await loop().once(0, EPOLL.IN | EPOLL.HUP);
      const n = native.syscall(NR.read, 0, buffer, buffer.length);
      if (n === -EAGAIN || n === -EINTR) continue;
      if (n === 0 || n === -EIO) break;
      if (n < 0) throw kernelError("read", "stdin", -n);
      if (!(await this.#write(fifo, buffer.subarray(0, n)))) return;
    }
    this.#closeStdin();
    await ended();
  }

  async #write(fifo: number, data: Uint8Array): Promise<boolean> {
    for (let rest = data; rest.length > 0; ) {
      if (this.#stdin === undefined) return false;
      const n = native.syscall(NR.write, fifo, rest, rest.length);
      if (n === -EAGAIN) await loop().once(fifo, EPOLL.OUT);
      else if (n === -EPIPE) return false;
      else if (n < 0 && n !== -EINTR) throw kernelError("write", this.streams.stdin, -n);
      else if (n > 0) rest = rest.subarray(n);
    }
    return true;
  }

  #closeStdin(): void {
    if (this.#stdin !== undefined) close(this.#stdin);
    this.#stdin = undefined;
  }

  /** Resolves when all output of a process that has ended has been copied. */
  async drained(): Promise<void> {
    // Who attaches after the end would wait for a writer for ever: one that comes and goes is the end where there is no other.
    for (const fifo of this.#open) close(open(`/proc/self/fd/${fifo}`, O.WRONLY | O.NONBLOCK | O.CLOEXEC));
    await Promise.all(this.#outputs);
  }

  [Symbol.dispose](): void {
    if (this.keep) return;
    this.#closeStdin();
    for (const fd of this.#open.splice(0)) close(fd);
    if (this.#folder === undefined) return;
    const { stdin, stdout, stderr } = this.streams;
    for (const path of [stdin, stdout, stderr]) if (path) unlinkIfThere(path);
    native.syscall(NR.unlinkat, AT_FDCWD, this.#folder, AT_REMOVEDIR);
  }
}

function canWatch(fd: number): boolean {
  try {
    using watch = loop().watch(fd, EPOLL.IN, () => {});
    return watch !== undefined;
  } catch {
    return false;
  }
}

/** The FIFOs of a process that ran in the background, with their folder when nothing else is in it. */
export function removeFifos({ stdin, stdout, stderr }: Pick<Streams, "stdin" | "stdout" | "stderr">): void {
  for (const path of [stdin, stdout, stderr]) {
    const found = path.startsWith("/") ? statIfThere(path) : undefined;
    if (found && (found.mode & S_IFMT) === S_IFIFO) unlinkIfThere(path);
  }
  // others may have put something beside them
  if (stdout.startsWith("/")) native.syscall(NR.unlinkat, AT_FDCWD, dirname(stdout), AT_REMOVEDIR);
}
