// What happened, to the daemon: one event after the other, kept while the daemon is away and sent when it is back.
import { EventsService, type ForwardRequest } from "../../common/gen/containerd/events/ttrpc.ts";
import { encode } from "../../common/protobuf/codec.ts";
import type { Init, MessageType } from "../../common/protobuf/schema.ts";
import { ClientConnection } from "../../common/ttrpc/client.ts";
import { loop } from "../sys/loop.ts";
import { connectUnix } from "../sys/socket.ts";
import { now } from "./clock.ts";
import { Connection } from "./connection.ts";
import { warn } from "./log.ts";

/** The oldest are dropped beyond this. */
const MAX_QUEUE = 2048;
const TIMEOUT_MS = 5000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5000;

export class Publisher {
  readonly #address: string;
  readonly #namespace: string;
  #queue: Init<ForwardRequest>[] = [];
  #sending = false;
  #soon: Disposable | undefined;
  #retry: Disposable | undefined;
  #delay = FIRST_RETRY_MS;
  #client: ClientConnection | undefined;

  /** `address`: the daemon's ttrpc socket; "" when nobody wants events. */
  constructor(address: string, namespace: string) {
    this.#address = address.replace(/^unix:\/\//, "");
    this.#namespace = namespace;
  }

  publish<T>(topic: string, type: MessageType<T>, event: Init<T>): void {
    if (this.#address === "") return;
    const value = encode(type, event);
    const envelope = {
      timestamp: now(),
      namespace: this.#namespace,
      topic,
      event: { typeUrl: type.typeName, value },
    };
    if (this.#queue.length >= MAX_QUEUE) this.#queue.shift();
    this.#queue.push({ envelope });
    // an answer that is ready goes first: somebody waits for it
    this.#soon ??= loop().timer(0, () => {
      this.#soon = undefined;
      this.#send();
    });
  }

  /** The daemon has been heard of: what waits is tried at once. */
  wake(): void {
    if (!this.#retry) return;
    this.#retry[Symbol.dispose]();
    this.#retry = undefined;
    this.#send();
  }

  /** Resolves when nothing waits any more, or after `ms` milliseconds. */
  async flush(ms: number): Promise<void> {
    for (let waited = 0; this.#queue.length > 0 && waited < ms; waited += 10) {
      // nobody calls on a shim that ends, and its next turn may come too late: a daemon that is back has to be looked for
      if (waited % FIRST_RETRY_MS === 0) this.wake();
      await loop().sleep(10);
    }
  }

  #connect(): ClientConnection {
    const connection: Connection = new Connection(
      connectUnix(this.#address, true),
      (bytes) => client.receive(bytes),
      () => {
        client.close();
        this.#client = undefined;
      },
    );
    const client = new ClientConnection({
      send: (bytes) => connection.send(bytes),
      timer: (ms, run) => loop().timer(ms, run),
    });
    return client;
  }

  #send(): void {
    if (this.#sending || this.#retry || this.#queue.length === 0) return;
    this.#sending = true;
    this.#sendFirst().then(
      () => this.#sent(),
      (error: unknown) => this.#failed(error),
    );
  }

  async #sendFirst(): Promise<void> {
    this.#client ??= this.#connect();
    const metadata = { "containerd-namespace-ttrpc": this.#namespace };
    const options = { timeoutMs: TIMEOUT_MS, metadata };
    await this.#client.call(EventsService.typeName, EventsService.methods.forward, this.#queue[0]!, options);
  }

  #sent(): void {
    this.#sending = false;
    this.#delay = FIRST_RETRY_MS;
    this.#queue.shift();
    this.#send();
  }

  #failed(error: unknown): void {
    this.#sending = false;
    if (this.#delay === FIRST_RETRY_MS) warn("the daemon takes no events; trying again", error);
    this.#retry = loop().timer(this.#delay, () => {
      this.#retry = undefined;
      this.#send();
    });
    this.#delay = Math.min(this.#delay * 2, MAX_RETRY_MS);
  }
}
