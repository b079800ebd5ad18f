// A gRPC connection to a unix socket on the event loop: containerd's clients in the linux world.
import { WharfError } from "../../common/errors.ts";
import { type GrpcCallOptions, grpcClient } from "../../common/grpc/client.ts";
import { Http2Client } from "../../common/http2/client.ts";
import type { Client, Service } from "../../common/protobuf/schema.ts";
import { kernelError } from "../sys/errno.ts";
import { close } from "../sys/fs.ts";
import { EPOLL, loop, type Watch } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { connectUnix } from "../sys/socket.ts";

const EINTR = 4;
const EAGAIN = 11;
const EPIPE = 32;
const ECONNRESET = 104;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const BUFFER = 64 << 10;

export class GrpcConnection implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  readonly #watch: Watch;
  readonly #buffer = new Uint8Array(BUFFER);
  readonly #http2: Http2Client;
  /** Not taken by the socket yet. */
  #unsent: Uint8Array[] = [];
  #open = true;
  #scheduled = false;

  /** Connects at once: Unavailable when nobody listens there. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = connectUnix(path, true);
    } catch (cause) {
      throw new WharfError("Unavailable", `nobody answers at ${JSON.stringify(path)}`, {
        operation: "connect",
        subject: path,
        hint: "is the daemon running? --address names another socket",
        cause,
      });
    }
    this.#watch = loop().watch(this.#fd, EPOLL.IN | EPOLL.RDHUP, (events) => this.#ready(events));
    this.#http2 = new Http2Client((bytes) => this.#send(bytes));
  }

  /** The methods of a service as functions; `base` are options of every call. */
  client<S extends Service>(service: S, base?: GrpcCallOptions): Client<S, GrpcCallOptions> {
    return grpcClient(() => this.#http2, service, base);
  }

  #send(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    if (this.#unsent.length > 1 || this.#scheduled) return;
    // what is sent in one go is one packet, and wakes the server once
    this.#scheduled = true;
    void Promise.resolve().then(() => {
      this.#scheduled = false;
      if (!this.#open) return;
      this.#join();
      this.#flush();
    });
  }

  /** Small pieces become one. */
  #join(): void {
    const total = this.#unsent.reduce((sum, { length }) => sum + length, 0);
    if (this.#unsent.length < 2 || total > BUFFER) return;
    const whole = new Uint8Array(total);
    let at = 0;
    for (const bytes of this.#unsent) {
      whole.set(bytes, at);
      at += bytes.length;
    }
    this.#unsent = [whole];
  }

  #flush(): void {
    while (this.#unsent.length > 0 && this.#open) {
      const bytes = this.#unsent[0]!;
      const n = native.syscall(NR.sendto, this.#fd, bytes, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
      if (n === -EAGAIN) break;
      if (n === -EINTR) continue;
      // a peer that has gone is noticed by reading, which tells what it said last
      if (n === -EPIPE || n === -ECONNRESET) this.#unsent = [];
      else if (n < 0) this.#lost(kernelError("send to", this.#path, -n));
      else if (n === bytes.length) this.#unsent.shift();
      else this.#unsent[0] = bytes.subarray(n);
    }
    this.#watch.update(EPOLL.IN | EPOLL.RDHUP | (this.#unsent.length > 0 ? EPOLL.OUT : 0));
  }

  #ready(events: number): void {
    if (events & EPOLL.OUT) this.#flush();
    if (!(events & ~EPOLL.OUT) || !this.#open) return;
    const n = native.syscall(NR.read, this.#fd, this.#buffer, this.#buffer.length);
    if (n === -EAGAIN || n === -EINTR) return;
    if (n <= 0) {
      this.#lost(n === 0 || n === -ECONNRESET ? undefined : kernelError("read from", this.#path, -n));
      return;
    }
    try {
      this.#http2.receive(this.#buffer.subarray(0, n));
    } catch (error) {
      this.#lost(error);
    }
  }

  #lost(reason: unknown): void {
    this[Symbol.dispose]();
    this.#http2.close(reason);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch[Symbol.dispose]();
    close(this.#fd);
  }
}
