// The attach socket of one process: any number of clients at once (docs/architecture.md, "Task I/O").
import { dirname } from "../../../../common/path.ts";
import { close, mkdirs, unlinkIfThere } from "../../../sys/fs.ts";
import { takeConnections, takeWaiting } from "../../../sys/listen.ts";
import { EPOLL, loop, type Watch } from "../../../sys/loop.ts";
import { NR } from "../../../sys/nr.ts";
import { listenUnix } from "../../../sys/socket.ts";
import { warn } from "../../log.ts";
import type { Reaper } from "../../reaper.ts";
import { Relay } from "../relay.ts";
import { smallBuffer } from "../scratch.ts";
import { Client, type Hello, temporaryFile } from "./client.ts";
import type { Stream } from "./encode.ts";
import { type History, replay } from "./replay.ts";

const MSG_PEEK_DONTWAIT = 0x42;
const AGAIN = -11;
const NEWLINE = 0x0a;
const F_DUPFD_CLOEXEC = 1030;

/** Where a client's input goes. */
export interface Input {
  /** The pipe's end or the terminal's master; -1 when there is none, or no more. */
  readonly fd: number;
  /** A client's input has ended. */
  ended(): void;
}

interface Attached {
  client: Client;
  relay: Relay | undefined;
  /** Its input was given to the process, or it has none. */
  fed: boolean;
}

export interface AttachOptions {
  path: string;
  /** Where the arrears of slow clients may be kept. */
  spill: string;
  terminal: boolean;
  input: Input;
  /** What the log holds now; undefined without a log. */
  history: () => History | undefined;
  reaper: Reaper;
  /** A client for which the container waited has caught up. */
  onCaughtUp: () => void;
}

function duplicate(fd: number): number {
  return native.syscall(NR.fcntl, fd, F_DUPFD_CLOEXEC, 0);
}

export class AttachServer {
  readonly #options: AttachOptions;
  readonly #attached = new Set<Attached>();
  /** Connections that have not said what they want. */
  readonly #silent = new Map<number, Watch>();
  #listener: number;
  #watch: Watch | undefined;

  constructor(options: AttachOptions) {
    this.#options = options;
    mkdirs(dirname(options.path));
    unlinkIfThere(options.path);
    this.#listener = listenUnix(options.path);
    native.syscall(NR.fchmodat, -100, options.path, 0o600);
    this.#watch = takeConnections(this.#listener, (fd) => this.#greet(fd));
  }

  /** A client asked the container to wait for it, and is behind. */
  get blocked(): boolean {
    for (const { client } of this.#attached) if (client.blocked) return true;
    return false;
  }

  /** Also called before output is passed on: a client that connected earlier gets it. */
  acceptWaiting(): void {
    if (this.#listener < 0) return;
    takeWaiting(this.#listener, (fd) => this.#greet(fd));
  }

  #greet(fd: number): void {
    if (this.#hello(fd)) return;
    const watch = loop().watch(fd, EPOLL.IN, () => {
      if (this.#hello(fd)) this.#silent.delete(fd);
    });
    this.#silent.set(fd, watch);
  }

  /** Reads the first line, and not a byte more. False while it has not come. */
  #hello(fd: number): boolean {
    const buffer = smallBuffer();
    const n = native.syscall(NR.recvfrom, fd, buffer, buffer.length, MSG_PEEK_DONTWAIT, 0, 0);
    const end = n > 0 ? buffer.subarray(0, n).indexOf(NEWLINE) : -1;
    if (end < 0 && (n === AGAIN || (n > 0 && n < buffer.length))) return false;
    this.#silent.get(fd)?.[Symbol.dispose]();
    let hello: Hello | undefined;
    try {
      hello = end < 0 ? undefined : (JSON.parse(native.utf8(buffer, 0, end)) as Hello);
    } catch (error) {
      warn("attach: a client's first line is not JSON", error);
    }
    if (typeof hello !== "object" || hello === null) {
      close(fd);
      return true;
    }
    native.syscall(NR.recvfrom, fd, buffer, end + 1, 0, 0, 0);
    this.#attach(fd, hello);
    return true;
  }

  #attach(fd: number, hello: Hello): void {
    const { terminal, spill, onCaughtUp } = this.#options;
    const gone = () => this.#gone(attached);
    const client = new Client(fd, hello, hello.frames ?? !terminal, spill, gone, onCaughtUp);
    const attached: Attached = { client, relay: undefined, fed: hello.stdin !== true };
    this.#attached.add(attached);
    if (hello.logs) this.#replay(client);
    this.feedWaiting();
  }

  /** Takes the input of clients that came before the process's stdin was there. */
  feedWaiting(): void {
    if (this.#options.input.fd < 0) return;
    for (const attached of this.#attached) if (!attached.fed) this.#feed(attached);
  }

  /** What the client gets meanwhile waits; a line that has begun is in no log, so its beginning is sent as well. */
  #replay(client: Client): void {
    const { history: look, reaper, spill, terminal } = this.#options;
    const history = look();
    if (!history) return;
    const output = temporaryFile(spill);
    client.hold();
    for (const { stream, bytes } of history.unfinished) client.send(stream, bytes, 0, bytes.length);
    replay(reaper, history, output, client.hello, client.hello.frames ?? !terminal).then(
      (size) => client.release(output, size),
      (error: unknown) => {
        warn("attach: reading the log back", error);
        client.release(output, 0);
      },
    );
  }

  /** Both ends are copies: the loop watches a descriptor once. */
  #feed(attached: Attached): void {
    const { input, terminal } = this.#options;
    attached.fed = true;
    const from = duplicate(attached.client.fd);
    const to = duplicate(input.fd);
    const onEnd = () => {
      close(from);
      close(to);
      attached.relay = undefined;
      input.ended();
    };
    attached.relay = new Relay(from, to, { splice: !terminal, onEnd });
  }

  #gone(attached: Attached): void {
    this.#attached.delete(attached);
    attached.relay?.stop();
    this.#options.onCaughtUp();
  }

  /** The process takes no input any more. */
  stopInput(): void {
    for (const attached of [...this.#attached]) attached.relay?.stop();
  }

  send(stream: Stream, buffer: Uint8Array, from: number, length: number): void {
    for (const { client } of this.#attached) client.send(stream, buffer, from, length);
  }

  #stopListening(): void {
    if (this.#listener < 0) return;
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    close(this.#listener);
    this.#listener = -1;
    unlinkIfThere(this.#options.path);
    for (const [fd, watch] of this.#silent) {
      watch[Symbol.dispose]();
      close(fd);
    }
    this.#silent.clear();
  }

  /** All output has come: each client is closed once it has everything. */
  end(): void {
    this.acceptWaiting();
    this.#stopListening();
    for (const { client } of [...this.#attached]) client.end();
  }

  /** The shim may end: clients that have not got all yet get the rest from a process of their own. */
  handOver(): void {
    for (const { client } of [...this.#attached]) client.handOver(this.#options.reaper);
  }

  close(): void {
    this.#stopListening();
    for (const { client } of [...this.#attached]) client.close();
  }
}
