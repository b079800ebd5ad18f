// A stream to a container: its output to our stdout and stderr as it comes, our stdin to it.
import { FrameDecoder, STDERR } from "../../../common/cli/stdcopy.ts";
import { kernelError } from "../../sys/errno.ts";
import { close } from "../../sys/fs.ts";
import { blockSignals, loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { SIGNALS } from "../../sys/process.ts";
import type { Stream } from "../http/api.ts";
import { rawMode } from "../terminal.ts";
import { ReaderGone, Sink } from "./sink.ts";
import { forwardStdin } from "./stdin.ts";

const EAGAIN = 11;
const EINTR = 4;
const ECONNRESET = 104;
const FIRST_BUFFER = 16 * 1024;
const BUFFER = 256 * 1024;

export interface AttachOptions {
  /** The container has a terminal: its output is one raw stream. */
  readonly tty: boolean;
  readonly stdin: boolean;
  /** The keys that detach, when stdin is typed by a person. */
  readonly keys?: Uint8Array | undefined;
  /** Puts our own terminal into raw mode. */
  readonly raw: boolean;
}

/** How a stream ended: the container closed it, the user detached, or the reader of our output went away. */
export type Ending = "closed" | "detached" | "reader-gone";

/** Our stdout and stderr, opened when the first byte comes. */
export class Outputs implements Disposable {
  #sinks: (Sink | undefined)[] = [];

  write(stream: number, data: Uint8Array): Promise<void> | undefined {
    const fd = stream === STDERR ? 2 : 1;
    return (this.#sinks[fd] ??= new Sink(fd)).write(data);
  }

  [Symbol.dispose](): void {
    for (const sink of this.#sinks) sink?.[Symbol.dispose]();
  }
}

async function copyOutput(stream: Stream, tty: boolean, outputs: Outputs): Promise<void> {
  const decoder = tty || stream.framed === false ? undefined : new FrameDecoder();
  const waits: Promise<void>[] = [];
  const emit = (which: number, piece: Uint8Array) => {
    // A piece is a view into the buffer: while one waits, the next waits behind it.
    const wait = waits.length > 0 ? waits.at(-1)!.then(() => outputs.write(which, piece)) : outputs.write(which, piece);
    if (wait) waits.push(wait);
  };
  const take = async (bytes: Uint8Array, length: number) => {
    if (decoder) decoder.push(bytes, length, emit);
    else emit(1, bytes.subarray(0, length));
    if (waits.length > 0) {
      await waits.at(-1);
      waits.length = 0;
    }
  };
  if (stream.first.length > 0) await take(stream.first, stream.first.length);
  let buffer = new Uint8Array(FIRST_BUFFER);
  for (;;) {
    const n = native.syscall(NR.read, stream.fd, buffer, buffer.length);
    if (n > 0) {
      await take(buffer, n);
      if (n === buffer.length && n < BUFFER) buffer = new Uint8Array(BUFFER);
    } else if (n === -EAGAIN) await loop().readable(stream.fd);
    else if (n === 0 || n === -ECONNRESET) return;
    else if (n !== -EINTR) throw kernelError("read the container's output", undefined, -n);
  }
}

/** Serves the stream until it ends, in whatever way; the terminal is then as it was. */
export async function attach(stream: Stream, options: AttachOptions): Promise<Ending> {
  blockSignals([SIGNALS.PIPE]);
  using outputs = new Outputs();
  using _terminal = options.raw ? rawMode(0) : undefined;
  try {
    const output = copyOutput(stream, options.tty, outputs).then((): Ending => "closed");
    if (!options.stdin) return await output;
    const input = forwardStdin(stream.fd, options.keys);
    const first = await Promise.race([output, input]);
    return first === "end" ? await output : first;
  } catch (error) {
    if (error instanceof ReaderGone) return "reader-gone";
    throw error;
  } finally {
    close(stream.fd);
  }
}
