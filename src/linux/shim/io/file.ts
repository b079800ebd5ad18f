// Output into plain files (`file://`, or a path that is no FIFO): through pipes, so that the process cannot reach the file itself.
import { dirname } from "../../../common/path.ts";
import { close, mkdirs, O, open, pipe, setNonblocking } from "../../sys/fs.ts";
import type { Stdio } from "../child.ts";
import { openInput, own } from "./fifo.ts";
import type { Owner, ProcessIO, StdioSpec } from "./io.ts";
import { Relay } from "./relay.ts";
import { drainedWithin, type Waiters } from "./wait.ts";

export class FileIO implements ProcessIO {
  readonly #spec: StdioSpec;
  readonly #owner: Owner;
  readonly #files = new Map<string, number>();
  readonly #relays: Relay[] = [];
  readonly #waiters: Waiters = [];
  #given: number[] = [];
  #readers: number[] = [];
  #stdin = -1;

  /** Paths in `spec`; an empty one is /dev/null. */
  constructor(spec: StdioSpec, owner: Owner) {
    this.#spec = spec;
    this.#owner = owner;
  }

  /** One descriptor a file: both streams may go to the same. */
  #file(path: string): number {
    let fd = this.#files.get(path);
    if (fd === undefined) {
      mkdirs(dirname(path));
      fd = open(path, O.WRONLY | O.CREAT | O.APPEND, 0o644);
      this.#files.set(path, fd);
    }
    return fd;
  }

  #output(path: string): number | undefined {
    if (path === "") return undefined;
    const file = this.#file(path);
    const [reader, writer] = pipe();
    this.#readers.push(reader);
    this.#given.push(writer);
    own(writer, this.#owner);
    setNonblocking(reader);
    // no splice: the kernel refuses it for files that are appended to
    this.#relays.push(new Relay(reader, file, { splice: false, onEnd: () => this.#ended() }));
    return writer;
  }

  #ended(): void {
    if (!this.#done) return;
    for (const run of this.#waiters.splice(0)) run();
  }

  get #done(): boolean {
    return this.#relays.every((relay) => relay.ended);
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
    return [input, this.#output(stdout), this.#output(stderr)];
  }

  launched(): void {
    for (const fd of this.#given) close(fd);
    this.#given = [];
  }

  closeStdin(): void {
    if (this.#stdin >= 0) close(this.#stdin);
    this.#stdin = -1;
  }

  exited(): void {
    for (const relay of this.#relays) relay.pump();
  }

  drained(ms: number): Promise<void> {
    return drainedWithin(ms, this.#waiters, this.#done);
  }

  close(): void {
    this.launched();
    this.closeStdin();
    for (const relay of this.#relays) relay.stop();
    for (const fd of [...this.#readers, ...this.#files.values()]) close(fd);
    this.#readers = [];
    this.#files.clear();
  }
}
