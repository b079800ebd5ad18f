// The calling end of one ttrpc connection, without a transport: it is given bytes and gives bytes.
import { WharfError } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import { Request, Response } from "../gen/ttrpc/ttrpc.ts";
import { decode, encode } from "../protobuf/codec.ts";
import type { Client, Init, Method, Service } from "../protobuf/schema.ts";
import { encodeFrame, FrameReader, MAX_DATA, TYPE } from "./frame.ts";
import { errorOfStatus } from "./status.ts";

/** What the connection needs from its surroundings. */
export interface ClientTransport {
  send(bytes: Uint8Array): void;
  /** Runs `run` once after `ms`; needed for timeouts only. */
  timer?(ms: number, run: () => void): Disposable;
}

/** The part of AbortSignal that is used; both worlds have something of this form. */
export interface Signal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

export interface TtrpcCallOptions {
  metadata?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds; told to the server and enforced here. DeadlineExceeded. */
  timeoutMs?: number | undefined;
  /** Ends the waiting (Canceled); ttrpc has no way to tell the server. */
  signal?: Signal | undefined;
}

interface Waiting {
  resolve(payload: Uint8Array): void;
  reject(error: unknown): void;
}

export class ClientConnection {
  readonly #transport: ClientTransport;
  readonly #reader = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  #nextStream = 1;
  #closed: WharfError | undefined;

  constructor(transport: ClientTransport) {
    this.#transport = transport;
  }

  /** Calls without an answer so far. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** The connection is gone: every open call fails with Unavailable, and so do later ones. */
  close(reason?: unknown): void {
    this.#closed ??= new WharfError("Unavailable", "ttrpc: connection is closed", { cause: reason });
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(this.#closed);
  }

  receive(chunk: Uint8Array): void {
    for (const { stream, type, data, oversized } of this.#reader.push(chunk)) {
      const call = this.#waiting.get(stream);
      // an answer nobody waits for: its call was given up
      if (!call || type !== TYPE.RESPONSE) continue;
      this.#waiting.delete(stream);
      try {
        if (oversized) throw new WharfError("ResourceExhausted", `answer of more than ${MAX_DATA} bytes`);
        const { status, payload } = decode(Response, data);
        if (status && status.code !== 0) throw errorOfStatus(status);
        call.resolve(payload);
      } catch (error) {
        call.reject(error);
      }
    }
  }

  /** One unary call of `serviceName`. */
  async call<I, O>(
    serviceName: string,
    method: Method<I, O>,
    request: Init<I>,
    options: TtrpcCallOptions = {},
  ): Promise<O> {
    if (this.#closed) throw this.#closed;
    if (options.signal?.aborted) throw new WharfError("Canceled", `${method.name} was canceled`);
    const data = encode(Request, {
      service: serviceName,
      method: method.name,
      payload: encode(method.input, request),
      timeoutNano: options.timeoutMs === undefined ? 0 : Math.round(options.timeoutMs * 1e6),
      metadata: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    });
    if (data.length > MAX_DATA) throw new WharfError("ResourceExhausted", `request of ${data.length} bytes`);
    const stream = this.#nextStream;
    this.#nextStream += 2;
    failpoint("ttrpc.before", method.name);
    const payload = await this.#wait(stream, method.name, options, () =>
      this.#transport.send(encodeFrame(stream, TYPE.REQUEST, 0, data)),
    );
    failpoint("ttrpc.after", method.name);
    return decode(method.output, payload);
  }

  async #wait(stream: number, name: string, options: TtrpcCallOptions, send: () => void): Promise<Uint8Array> {
    const { signal, timeoutMs } = options;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const abandon = (error: WharfError) => {
      if (this.#waiting.delete(stream)) reject(error);
    };
    const canceled = () => abandon(new WharfError("Canceled", `${name} was canceled`));
    this.#waiting.set(stream, { resolve, reject });
    const late = () => abandon(new WharfError("DeadlineExceeded", `${name} had no answer within ${timeoutMs} ms`));
    using _timer = timeoutMs === undefined ? undefined : this.#transport.timer?.(timeoutMs, late);
    signal?.addEventListener("abort", canceled, { once: true });
    try {
      send();
      return await promise;
    } finally {
      this.#waiting.delete(stream);
      signal?.removeEventListener("abort", canceled);
    }
  }

  /** The service's methods as functions. `as`: under another name. */
  client<S extends Service>(service: S, as = service.typeName): Client<S, TtrpcCallOptions> {
    const calls: Record<string, unknown> = {};
    for (const [name, method] of Object.entries(service.methods)) {
      calls[name] = (request: unknown, options?: TtrpcCallOptions) => this.call(as, method, request as never, options);
    }
    return calls as Client<S, TtrpcCallOptions>;
  }
}
