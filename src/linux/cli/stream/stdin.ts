// Moving our stdin to a container: by splice from a pipe, by sendfile from a file, by read from a terminal.
import { DetachKeys } from "../../../common/cli/detach-keys.ts";
import { sys } from "../../sys/call.ts";
import { kernelError } from "../../sys/errno.ts";
import { fstat, S_IFIFO, S_IFMT, S_IFREG } from "../../sys/fs.ts";
import { EPOLL, loop } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { shutdown } from "../../sys/socket.ts";

const EAGAIN = 11;
const EINTR = 4;
const EINVAL = 22;
const EIO = 5;
const EPIPE = 32;
const ECONNRESET = 104;
const MSG_DONTWAIT_NOSIGNAL = 0x4040;
const SPLICE_MOVE_NONBLOCK = 1 | 2;
const F_DUPFD_CLOEXEC = 1030;
const CHUNK = 1 << 20;

/** How long the beginning of the detach sequence is held back, and how long it then still counts. */
const HOLD_MS = 200;
const FORGET_MS = 1500;

type Outcome = "sent" | "wait-input" | "wait-output" | "end" | "gone" | "cannot";

class Stdin {
  readonly #socket: number;
  #buffer: Uint8Array | undefined;

  constructor(socket: number) {
    this.#socket = socket;
  }

  #outcome(n: number, what: string): Outcome {
    if (n > 0 || n === -EINTR) return "sent";
    if (n === 0 || n === -EIO) return "end";
    if (n === -EPIPE || n === -ECONNRESET) return "gone";
    if (n === -EINVAL) return "cannot";
    throw kernelError(what, undefined, -n);
  }

  /** Pipe to socket, inside the kernel. */
  splice(): Outcome {
    const n = native.syscall(NR.splice, 0, 0, this.#socket, 0, CHUNK, SPLICE_MOVE_NONBLOCK);
    if (n === -EAGAIN) return this.#inputReady() ? "wait-output" : "wait-input";
    return this.#outcome(n, "forward stdin");
  }

  #inputReady(): boolean {
    const poll = new Int32Array([0, EPOLL.IN]);
    return native.syscall(NR.poll, poll, 1, 0) > 0;
  }

  sendfile(): Outcome {
    const n = native.syscall(NR.sendfile, this.#socket, 0, 0, CHUNK);
    if (n === -EAGAIN) return "wait-output";
    return this.#outcome(n, "forward stdin");
  }

  /** Reads once; undefined at the end. The view holds until the next read. */
  read(): Uint8Array | undefined {
    const buffer = (this.#buffer ??= new Uint8Array(16384));
    for (;;) {
      const n = native.syscall(NR.read, 0, buffer, buffer.length);
      if (n > 0) return buffer.subarray(0, n);
      if (n === -EAGAIN) return buffer.subarray(0, 0);
      if (this.#outcome(n, "read stdin") === "end") return undefined;
    }
  }

  /** Sends all of it; false when the container's side is gone. */
  async send(data: Uint8Array): Promise<boolean> {
    for (let rest = data; rest.length > 0; ) {
      const n = native.syscall(NR.sendto, this.#socket, rest, rest.length, MSG_DONTWAIT_NOSIGNAL, 0, 0);
      if (n === -EAGAIN) await loop().writable(this.#socket);
      else if (this.#outcome(n, "forward stdin") === "gone") return false;
      else if (n > 0) rest = rest.subarray(n);
    }
    return true;
  }
}

/** Whether epoll can wait for our stdin; files and /dev/null are always ready. */
function canWait(): boolean {
  try {
    using watch = loop().watch(0, EPOLL.IN, () => undefined);
    return watch !== undefined;
  } catch {
    return false;
  }
}

/**
 * Forwards stdin until its end, which is passed on as a half-close; until the container's side is gone; or, with keys,
 * until the user detaches.
 */
export async function forwardStdin(stream: number, keys: Uint8Array | undefined): Promise<"end" | "detached"> {
  // The loop watches a descriptor once: the other direction has the original.
  const socket = sys("dup", stream, NR.fcntl, stream, F_DUPFD_CLOEXEC, 3);
  const stdin = new Stdin(socket);
  const type = fstat(0).mode & S_IFMT;
  const waits = canWait();
  if (keys) return forwardKeys(stdin, socket, new DetachKeys(keys), waits);
  let step: (() => Outcome) | undefined =
    type === S_IFIFO ? () => stdin.splice() : type === S_IFREG ? () => stdin.sendfile() : undefined;
  for (;;) {
    if (waits) await loop().once(0, EPOLL.IN);
    let outcome: Outcome;
    if (step) {
      outcome = step();
      if (outcome === "cannot") step = undefined;
      if (outcome === "wait-output") await loop().writable(socket);
    } else {
      const data = stdin.read();
      outcome = data === undefined ? "end" : (await stdin.send(data)) ? "sent" : "gone";
    }
    if (outcome === "end") shutdown(socket, 1);
    if (outcome === "end" || outcome === "gone") return "end";
  }
}

/** As typed by a person: looks for the detach sequence, holding its beginning back only for a moment. */
async function forwardKeys(
  stdin: Stdin,
  socket: number,
  keys: DetachKeys,
  waits: boolean,
): Promise<"end" | "detached"> {
  let timer: Disposable | undefined;
  for (;;) {
    if (waits) await loop().once(0, EPOLL.IN);
    timer?.[Symbol.dispose]();
    timer = undefined;
    const data = stdin.read();
    if (data === undefined) {
      await stdin.send(keys.flush());
      shutdown(socket, 1);
      return "end";
    }
    const { send, detach } = keys.push(data);
    if (!(await stdin.send(send))) return "end";
    if (detach) return "detached";
    if (keys.pending) {
      timer = loop().timer(HOLD_MS, () => {
        void stdin.send(keys.flush());
        timer = loop().timer(FORGET_MS, () => keys.forget());
      });
    }
  }
}
