// Work split over processes: a part is a forked child that does one step, tells its result as JSON and is gone.
import { type ErrorData, errorFromData, errorToData, WharfError } from "../../common/errors.ts";
import { sys } from "../sys/call.ts";
import { close, pipe, readAll, writeAll } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { exit, fork, getpid, kill, PR, prctl, SIGNALS, wait } from "../sys/process.ts";
import { closeRange } from "../sys/procfs.ts";

const POLLIN = 1;

/** Closes every descriptor above 2 but those kept. */
export function closeOthers(...kept: number[]): void {
  let from = 3;
  for (const fd of kept.filter((fd) => fd > 2).sort((a, b) => a - b)) {
    if (fd > from) closeRange(from, fd - 1);
    from = fd + 1;
  }
  closeRange(from);
}

export interface PartOptions {
  /** For messages: "the decompressor". */
  name: string;
  /** Descriptors it needs; all others above 2 are closed in it. */
  keep?: readonly number[] | undefined;
}

/** A step under way. Disposing it kills what has not ended. */
export class Part<T> implements Disposable {
  readonly name: string;
  readonly pid: number;
  /** Readable when it has a result. */
  readonly fd: number;
  #ended = false;

  /** Forks; `work` runs in the child, its result (plain data) is the part's. */
  constructor(options: PartOptions, work: () => T) {
    this.name = options.name;
    const parent = getpid();
    const [reader, writer] = pipe();
    const pid = fork();
    if (pid === 0) {
      try {
        prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
        if (native.syscall(NR.getppid) !== parent) exit(1);
        let text: string;
        try {
          closeOthers(writer, ...(options.keep ?? []));
          text = JSON.stringify({ value: work() });
        } catch (error) {
          text = JSON.stringify({ error: errorToData(error) });
        }
        writeAll(writer, text);
        exit(0);
      } catch {
        exit(1);
      }
    }
    close(writer);
    this.pid = pid;
    this.fd = reader;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Waits for its end; its result, or what it threw. */
  result(): T {
    const text = native.utf8(readAll(this.fd));
    const end = this.#reap();
    if (text === "") {
      throw new WharfError("Internal", `${this.name} ended without a result (${end})`);
    }
    const told = JSON.parse(text) as { value: T } | { error: ErrorData };
    if ("error" in told) throw errorFromData(told.error);
    return told.value;
  }

  #reap(): string {
    if (this.#ended) return "";
    this.#ended = true;
    close(this.fd);
    const end = wait(this.pid);
    return end?.signal ? `signal ${end.signal}` : `exit ${end?.status}`;
  }

  [Symbol.dispose](): void {
    if (this.#ended) return;
    kill(this.pid, SIGNALS.KILL);
    this.#reap();
  }
}

/** Waits until one of the descriptors is readable or hung up, `ms` milliseconds at most (-1: for ever); undefined when none is. */
export function waitReadable(fds: readonly number[], ms: number): number | undefined {
  const entries = new Int32Array(fds.length * 2);
  for (const [i, fd] of fds.entries()) {
    entries[i * 2] = fd;
    entries[i * 2 + 1] = POLLIN;
  }
  const ready = sys("poll", undefined, NR.poll, entries, fds.length, ms);
  if (ready === 0) return undefined;
  return fds[fds.findIndex((_, i) => entries[i * 2 + 1]! >>> 16 !== 0)];
}
