// A client of the Transfer and Streaming services that sends each field of their messages as a test wants it.
import { setTimeout as sleep } from "node:timers/promises";
import { StreamInit, StreamingService } from "../../../src/common/gen/containerd/services/streaming.ts";
import { TransferService } from "../../../src/common/gen/containerd/services/transfer.ts";
import { Progress } from "../../../src/common/gen/containerd/transfer/progress.ts";
import { AuthRequest, AuthResponse } from "../../../src/common/gen/containerd/transfer/registry.ts";
import { Data, WindowUpdate } from "../../../src/common/gen/containerd/transfer/streaming.ts";
import { type AnyLike as Any, isAny, packAny, unpackAny } from "../../../src/common/protobuf/any.ts";
import type { Init, MessageType } from "../../../src/common/protobuf/schema.ts";
import { GrpcConnection } from "../../../src/daemon/grpc/client/connection.ts";

/** One stream of a client's: what it sends, and a call for each message that comes. */
interface OpenStream {
  id: string;
  send(any: Any): void;
  end(): void;
  /** Resolves when the other side has ended it. */
  over: Promise<void>;
}

let count = 0;

/** Not every test waits for every stream. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

export class TransferClient implements Disposable {
  readonly #connection: GrpcConnection;
  readonly #metadata: Record<string, string>;

  constructor(socket: string, namespace = "default") {
    this.#connection = new GrpcConnection(socket);
    this.#metadata = { "containerd-namespace": namespace };
  }

  /** Carries one out. Answers what was told of its progress. */
  async transfer<S, D>(
    source: readonly [MessageType<S>, Init<S>],
    destination: readonly [MessageType<D>, Init<D>],
  ): Promise<Progress[]> {
    const told: Progress[] = [];
    const stream = await this.open((any) => told.push(unpackAny(Progress, any)));
    const { transfer } = this.#connection.client(TransferService, { metadata: this.#metadata });
    await transfer({
      source: packAny(...source),
      destination: packAny(...destination),
      options: { progressStream: stream.id },
    });
    await stream.over;
    return told;
  }

  /** A stream that answers questions for credentials. */
  async credentials(answer: (asked: AuthRequest) => Init<AuthResponse>): Promise<string> {
    const stream = await this.open((any) => stream.send(packAny(AuthResponse, answer(unpackAny(AuthRequest, any)))));
    return stream.id;
  }

  /** A stream of bytes from the daemon. */
  async receiver(): Promise<{ id: string; bytes: Promise<Buffer> }> {
    const parts: Uint8Array[] = [];
    const stream = await this.open((any) => {
      if (!isAny(any, Data)) return;
      const { data } = unpackAny(Data, any);
      parts.push(data);
      stream.send(packAny(WindowUpdate, { update: data.length }));
    });
    stream.send(packAny(WindowUpdate, { update: 1 << 16 }));
    return { id: stream.id, bytes: handled(stream.over.then(() => Buffer.concat(parts))) };
  }

  /** A stream of bytes to the daemon. */
  async sender(bytes: Uint8Array): Promise<string> {
    let room = 0;
    let at = 0;
    const stream = await this.open((any) => {
      if (isAny(any, WindowUpdate)) room += unpackAny(WindowUpdate, any).update;
      while (room > 0 && at < bytes.length) {
        const data = bytes.subarray(at, at + Math.min(room, 32 * 1024));
        at += data.length;
        room -= data.length;
        stream.send(packAny(Data, { data }));
      }
      if (at === bytes.length) stream.end();
    });
    return stream.id;
  }

  /** Opens one; resolves when the daemon knows its id. */
  async open(take: (any: Any) => void): Promise<OpenStream> {
    const id = `test-${++count}`;
    const waiting: Any[] = [packAny(StreamInit, { id })];
    let ended = false;
    let wake = () => {};
    const outgoing = (async function* () {
      for (;;) {
        const next = waiting.shift();
        if (next) yield next;
        else if (ended) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    })();
    const { stream } = this.#connection.client(StreamingService, { metadata: this.#metadata });
    const ready = Promise.withResolvers<void>();
    const over = (async () => {
      let first = true;
      for await (const any of stream(outgoing)) {
        if (first) ready.resolve();
        else take(any);
        first = false;
      }
    })();
    over.catch(ready.reject);
    await ready.promise;
    const send = (any: Any) => {
      waiting.push(any);
      wake();
    };
    const end = () => {
      ended = true;
      wake();
    };
    const late = sleep(60_000, undefined, { ref: false }).then(() => {
      throw new Error(`the daemon did not end the stream ${id}`);
    });
    return { id, send, end, over: handled(Promise.race([over, late])) };
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }
}
