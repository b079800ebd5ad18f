// A terminal whose output goes to a FIFO or a file and whose input comes from a FIFO.
import { dirname } from "../../../common/path.ts";
import { close, mkdirs, O, open, setNonblocking } from "../../sys/fs.ts";
import type { Stdio } from "../child.ts";
import { holdsBytes, isPipe, openInput, openOutput } from "./fifo.ts";
import type { ProcessIO, StdioSpec } from "./io.ts";
import { Relay } from "./relay.ts";
import type { OutputUri } from "./uri.ts";
import { drainedWithin, type Waiters } from "./wait.ts";

export class TtyIO implements ProcessIO {
  readonly #spec: StdioSpec;
  readonly #uri: OutputUri;
  readonly #waiters: Waiters = [];
  #fds: number[] = [];
  #stdin = -1;
  #master = -1;
  /** The reader's end of the output. */
  #held = -1;
  #output: Relay | undefined;
  #input: Relay | undefined;

  constructor(spec: StdioSpec, uri: OutputUri) {
    this.#spec = spec;
    this.#uri = uri;
  }

  open(): Stdio {
    return [undefined, undefined, undefined];
  }

  launched(master: number | undefined): void {
    if (master === undefined) return;
    this.#master = master;
    this.#openOutput(master);
    if (this.#spec.stdin === "") return;
    const { held, given } = openInput(this.#spec.stdin);
    this.#stdin = held;
    this.#fds.push(given);
    setNonblocking(given);
    this.#input = new Relay(given, master, { splice: isPipe(given) });
  }

  #openOutput(master: number): void {
    const { scheme, path } = this.#uri;
    let to: number;
    if (path === "") to = open("/dev/null", O.WRONLY);
    else if (scheme === "file") {
      mkdirs(dirname(path));
      to = open(path, O.WRONLY | O.CREAT | O.APPEND, 0o644);
    } else {
      const { held, given } = openOutput(path);
      this.#held = held;
      this.#fds.push(held);
      setNonblocking(given);
      to = given;
    }
    this.#fds.push(to);
    const onEnd = () => {
      // who reads is told at once, as with other streams: dockerd deletes the task only then
      this.#fds = this.#fds.filter((fd) => fd !== to);
      close(to);
      for (const run of this.#waiters.splice(0)) run();
    };
    this.#output = new Relay(master, to, { splice: isPipe(to), onEnd });
  }

  closeStdin(): void {
    if (this.#stdin >= 0) close(this.#stdin);
    this.#stdin = -1;
  }

  exited(): void {
    this.#output?.pump();
  }

  /** Nor is that read which the terminal still holds, after a reader who has just emptied the FIFO: until it is passed on to its end. */
  unread(): boolean {
    this.#output?.pump();
    return this.#held >= 0 && (this.#output?.ended === false || holdsBytes(this.#held));
  }

  drained(ms: number): Promise<void> {
    return drainedWithin(ms, this.#waiters, !this.#output || this.#output.ended);
  }

  close(): void {
    this.#input?.stop();
    this.#output?.stop();
    this.closeStdin();
    for (const fd of this.#fds) close(fd);
    this.#fds = [];
    this.#held = -1;
    if (this.#master >= 0) close(this.#master);
    this.#master = -1;
  }
}
