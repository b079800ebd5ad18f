// Streams that are FIFOs of the daemon: the process gets the FIFO itself, so nothing is ever copied. The shim holds the other end
// open, so that a reader that goes away and comes back costs the process neither data nor a SIGPIPE.
import { sys } from "../../sys/call.ts";
import { close, Fd, fstat, O, open, S_IFIFO, S_IFMT, statIfThere } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import type { Stdio } from "../child.ts";
import type { Owner, ProcessIO, StdioSpec } from "./io.ts";

export function isFifo(path: string): boolean {
  const found = statIfThere(path);
  return found !== undefined && (found.mode & S_IFMT) === S_IFIFO;
}

const FIONREAD = 0x541b;

/** Whether there is something in a pipe or FIFO. */
export function holdsBytes(fd: number): boolean {
  const count = new Int32Array(1);
  return native.syscall(NR.ioctl, fd, FIONREAD, count) === 0 && count[0]! > 0;
}

export interface FifoEnds {
  /** Kept by the shim. */
  held: number;
  /** For the process. */
  given: number;
}

/** Gives a pipe's or FIFO's end to `owner`, that a process without rights may open it anew by /dev/stdout. */
export function own(fd: number, { uid, gid }: Owner): void {
  if (uid !== 0 || gid !== 0) sys("chown", fd, NR.fchown, fd, uid, gid);
}

/** A FIFO to write to; never blocks, for the shim reads first. */
export function openOutput(path: string): FifoEnds {
  using held = new Fd(open(path, O.RDONLY | O.NONBLOCK));
  const given = open(path, O.WRONLY);
  return { held: held.release(), given };
}

/** A FIFO to read from; never blocks, for the shim writes first. */
export function openInput(path: string): FifoEnds {
  using first = new Fd(open(path, O.RDONLY | O.NONBLOCK));
  using held = new Fd(open(path, O.WRONLY | O.NONBLOCK));
  // another open file description: O_NONBLOCK must not reach the process
  const given = open(path, O.RDONLY);
  void first;
  return { held: held.release(), given };
}

export class FifoIO implements ProcessIO {
  readonly #spec: StdioSpec;
  readonly #owner: Owner;
  #given: number[] = [];
  #held: number[] = [];
  #stdin = -1;

  constructor(spec: StdioSpec, owner: Owner) {
    this.#spec = spec;
    this.#owner = owner;
  }

  #output(path: string): number | undefined {
    if (path === "") return undefined;
    const { held, given } = openOutput(path);
    this.#held.push(held);
    this.#given.push(given);
    own(given, this.#owner);
    return given;
  }

  open(): Stdio {
    const { stdin, stdout, stderr } = this.#spec;
    let input: number | undefined;
    if (stdin !== "") {
      const ends = openInput(stdin);
      this.#stdin = ends.held;
      this.#given.push(ends.given);
      own(ends.given, this.#owner);
      input = ends.given;
    }
    const output = this.#output(stdout);
    return [input, output, stderr === stdout ? output : this.#output(stderr)];
  }

  launched(): void {
    for (const fd of this.#given) close(fd);
    this.#given = [];
  }

  closeStdin(): void {
    if (this.#stdin >= 0) close(this.#stdin);
    this.#stdin = -1;
  }

  exited(): void {}

  unread(): boolean {
    return this.#held.some(holdsBytes);
  }

  async drained(): Promise<void> {}

  close(): void {
    this.launched();
    this.closeStdin();
    for (const fd of this.#held) close(fd);
    this.#held = [];
  }
}

/** No streams at all. */
export class NullIO implements ProcessIO {
  open(): Stdio {
    return [undefined, undefined, undefined];
  }
  launched(): void {}
  closeStdin(): void {}
  exited(): void {}
  async drained(): Promise<void> {}
  close(): void {}
}

/** Whether `fd` is a pipe or FIFO: one end of every splice must be. */
export function isPipe(fd: number): boolean {
  return (fstat(fd).mode & S_IFMT) === S_IFIFO;
}
