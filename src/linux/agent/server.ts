// The agent's server: short operations in turn, every long one in a forked child that dies when its client hangs up.
import { encodeJson, FRAME, FRAME_HEADER, parseHeader } from "../../common/agent/frame.ts";
import { SHORT } from "../../common/agent/protocol.ts";
import { errorToData, WharfError } from "../../common/errors.ts";
import { failpoint } from "../../common/failpoint.ts";
import { close } from "../sys/fs.ts";
import { takeConnections } from "../sys/listen.ts";
import { EPOLL, loop, onSignals, type Watch } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { type Exit, fork, getpid, SIGNALS, WNOHANG, wait } from "../sys/process.ts";
import { type Channel, parseRequest } from "./channel.ts";
import { noteEnd } from "./orphans.ts";
import { runWorker } from "./worker.ts";

export type Request = { op: string } & Record<string, unknown>;

/** Operations by name. What they return is the answer. */
export interface Handlers {
  short(request: Request): unknown;
  /** Runs in a process of its own. */
  long(request: Request, channel: Channel): unknown;
}

interface Client {
  fd: number;
  watch: Watch;
  /** Where the next bytes go: exactly one frame is read, for what follows a long request is its worker's. */
  buffer: Uint8Array;
  have: number;
  /** Process group of the child that serves this connection; 0 while the agent does. */
  worker: number;
  /** The worker has been waited for: its pid may be another's. */
  reaped: boolean;
}

const AGAIN = -11;
const INTERRUPTED = -4;
const NOSIGNAL_DONTWAIT = 0x4040;

export class Server {
  readonly #handlers: Handlers;
  readonly #clients = new Set<Client>();
  readonly #pid = getpid();
  #served = 0;

  constructor(listener: number, handlers: Handlers) {
    this.#handlers = handlers;
    takeConnections(listener, (fd) => this.#serve(fd));
    onSignals([SIGNALS.CHLD], () => this.#reap());
  }

  #serve(fd: number): void {
    const client = { fd, buffer: new Uint8Array(FRAME_HEADER), have: 0, worker: 0, reaped: false } as Client;
    client.watch = loop().watch(fd, EPOLL.IN, () => this.#readable(client));
    this.#clients.add(client);
  }

  #close(client: Client): void {
    if (!this.#clients.delete(client)) return;
    client.watch[Symbol.dispose]();
    close(client.fd);
    if (client.worker === 0) return;
    // Itself first: it may not lead its group yet. Nobody but the worker sets its group, or a late change from here could take back its
    // leaving (ops/spawn-shim.ts), and the shim that it starts would be killed with it.
    if (!client.reaped) native.syscall(NR.kill, client.worker, SIGNALS.KILL);
    native.syscall(NR.kill, -client.worker, SIGNALS.KILL);
  }

  /** Ends every operation under way. */
  closeAll(): void {
    for (const client of [...this.#clients]) this.#close(client);
  }

  #send(client: Client, bytes: Uint8Array): void {
    // answers are small and a client takes one before it asks again: a full socket is a client that does not read
    const n = native.syscall(NR.sendto, client.fd, bytes, bytes.length, NOSIGNAL_DONTWAIT, 0, 0);
    if (n !== bytes.length) this.#close(client);
  }

  #readable(client: Client): void {
    // once a worker serves it, only a hang-up wakes us
    if (client.worker !== 0) {
      this.#close(client);
      return;
    }
    const { buffer, have } = client;
    const n = native.syscall(NR.read, client.fd, native.address(buffer) + have, buffer.length - have);
    if (n === AGAIN || n === INTERRUPTED) return;
    if (n <= 0) {
      this.#close(client);
      return;
    }
    client.have += n;
    if (client.have < buffer.length) return;
    try {
      if (buffer.length === FRAME_HEADER) this.#header(client);
      else this.#request(client);
    } catch (error) {
      this.#send(client, encodeJson(FRAME.error, errorToData(error)));
      this.#close(client);
    }
  }

  #header(client: Client): void {
    const { type, length } = parseHeader(client.buffer);
    if (type !== FRAME.request || length === 0) {
      throw new WharfError("InvalidArgument", "agent protocol: a request belongs here");
    }
    const grown = new Uint8Array(FRAME_HEADER + length);
    grown.set(client.buffer);
    client.buffer = grown;
  }

  #request(client: Client): void {
    const request = parseRequest(client.buffer.subarray(FRAME_HEADER));
    client.buffer = new Uint8Array(FRAME_HEADER);
    client.have = 0;
    if (!SHORT.has(request.op as never)) {
      this.#delegate(client, request);
      return;
    }
    let answer: Uint8Array;
    failpoint("agent", request.op);
    try {
      answer = encodeJson(FRAME.result, this.#handlers.short(request));
    } catch (error) {
      answer = encodeJson(FRAME.error, errorToData(error));
    }
    this.#send(client, answer);
    failpoint("agent.done");
    // closures leave cycles, which the engine does not collect by itself
    if (++this.#served % 1000 === 0) native.collect();
  }

  #delegate(client: Client, request: Request): void {
    const pid = fork();
    if (pid === 0) runWorker(client.fd, this.#pid, (channel) => this.#handlers.long(request, channel));
    client.worker = pid;
    client.watch.update(EPOLL.RDHUP);
    if (++this.#served % 1000 === 0) native.collect();
  }

  #reap(): void {
    for (;;) {
      let end: Exit | undefined;
      try {
        end = wait(-1, WNOHANG);
      } catch {
        return; // no child is left
      }
      if (!end) return;
      const { pid, signal } = end;
      let worker = false;
      for (const client of this.#clients) {
        if (client.worker !== pid) continue;
        worker = client.reaped = true;
        if (signal !== 0) {
          const error = new WharfError("Aborted", `the agent's worker was ended by signal ${signal}`);
          this.#send(client, encodeJson(FRAME.error, errorToData(error)));
        }
        // helpers of a worker that was killed must not stay: the group goes with it
        this.#close(client);
        break;
      }
      if (!worker) noteEnd(end);
    }
  }
}
