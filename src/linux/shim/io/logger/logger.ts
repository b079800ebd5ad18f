// Our own logger, inside the shim: output goes into the log file and to attached clients, input comes from them.
import { dirname } from "../../../../common/path.ts";
import { close, pipe, setNonblocking } from "../../../sys/fs.ts";
import { inChild, type Stdio } from "../../child.ts";
import type { Reaper } from "../../reaper.ts";
import type { ProcessIO } from "../io.ts";
import type { LoggerOptions } from "../uri.ts";
import { drainedWithin, type Waiters } from "../wait.ts";
import { AttachServer, type Input } from "./attach.ts";
import { encodeCri, jsonEncoder } from "./encode.ts";
import { LogFile } from "./file.ts";
import { packFile } from "./pack.ts";
import type { History } from "./replay.ts";
import { LogStream, type Sinks } from "./stream.ts";

export class LoggerIO implements ProcessIO, Input {
  readonly #terminal: boolean;
  readonly #once: boolean;
  readonly #input: boolean;
  readonly #sinks: Sinks;
  readonly #waiters: Waiters = [];
  #streams: LogStream[] = [];
  #given: number[] = [];
  #readers: number[] = [];
  #stdin = -1;
  #closed = false;

  /** The attach socket is there from now on: clients may come before the process is started. */
  constructor(reaper: Reaper, options: LoggerOptions, terminal: boolean) {
    const { driver, path, maxSize, maxFiles, attrs, attach, stdin } = options;
    const pack = options.compress ? (file: string) => inChild(reaper, () => packFile(file)) : undefined;
    this.#terminal = terminal;
    this.#once = stdin === "once" && !terminal;
    this.#input = stdin !== "none";
    const log =
      driver === "none"
        ? undefined
        : {
            file: new LogFile(path, maxSize, maxFiles, pack),
            encode: driver === "cri" ? encodeCri : jsonEncoder(attrs),
          };
    this.#sinks = { log, attach: undefined };
    if (attach === "") return;
    try {
      this.#sinks.attach = new AttachServer({
        path: attach,
        spill: dirname(path || attach),
        terminal,
        input: this,
        reaper,
        history: () => log && { form: driver as History["form"], ...this.#history(log.file) },
        onCaughtUp: () => this.#resume(),
      });
    } catch (error) {
      log?.file.close();
      throw error;
    }
  }

  /** Where clients' input goes. */
  get fd(): number {
    return this.#input ? this.#stdin : -1;
  }

  ended(): void {
    if (this.#once) this.closeStdin();
  }

  #history(file: LogFile): Omit<History, "form"> {
    return { parts: file.snapshot(), unfinished: this.#streams.map((stream) => stream.unfinished) };
  }

  #resume(): void {
    for (const stream of this.#streams) stream.resume();
  }

  open(): Stdio {
    if (this.#terminal) return [undefined, undefined, undefined];
    let stdin: number | undefined;
    if (this.#input) {
      const [reader, writer] = pipe();
      setNonblocking(writer);
      this.#stdin = writer;
      this.#given.push(reader);
      stdin = reader;
      this.#sinks.attach?.feedWaiting();
    }
    const [outReader, outWriter] = pipe();
    const [errReader, errWriter] = pipe();
    this.#given.push(outWriter, errWriter);
    this.#readers = [outReader, errReader];
    for (const reader of this.#readers) setNonblocking(reader);
    return [stdin, outWriter, errWriter];
  }

  launched(master: number | undefined): void {
    for (const fd of this.#given) close(fd);
    this.#given = [];
    if (master !== undefined) {
      this.#readers = [master];
      this.#stdin = master;
      this.#sinks.attach?.feedWaiting();
    }
    const end = () => this.#streamEnded();
    this.#streams = this.#readers.map((fd, i) => new LogStream(fd, i === 0 ? "stdout" : "stderr", this.#sinks, end));
  }

  get #done(): boolean {
    return this.#streams.every((stream) => stream.ended);
  }

  #streamEnded(): void {
    if (!this.#done) return;
    this.#sinks.attach?.end();
    for (const run of this.#waiters.splice(0)) run();
  }

  closeStdin(): void {
    // a terminal's master is also its output
    if (this.#terminal || this.#stdin < 0) return;
    const fd = this.#stdin;
    this.#stdin = -1;
    this.#sinks.attach?.stopInput();
    close(fd);
  }

  exited(): void {
    this.closeStdin();
    for (const stream of this.#streams) stream.finish();
  }

  drained(ms: number): Promise<void> {
    return drainedWithin(ms, this.#waiters, this.#done);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams) stream.stop();
    if (this.#terminal) this.#stdin = -1;
    this.closeStdin();
    this.#sinks.attach?.stopInput();
    this.#sinks.attach?.end();
    this.#sinks.attach?.handOver();
    for (const fd of [...this.#given, ...this.#readers]) close(fd);
    this.#given = this.#readers = [];
    // nothing collects cycles here
    this.#streams = [];
    this.#sinks.attach = undefined;
    this.#sinks.log?.file.close();
    for (const run of this.#waiters.splice(0)) run();
  }
}
