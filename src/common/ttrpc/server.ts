// The serving end of one ttrpc connection, without a transport: it is given bytes and gives bytes.
import { WharfError } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import { Request, Response } from "../gen/ttrpc/ttrpc.ts";
import { decode, encode } from "../protobuf/codec.ts";
import type { Handlers, Method, Service } from "../protobuf/schema.ts";
import { encodeFrame, type Frame, FrameReader, MAX_DATA, TYPE } from "./frame.ts";
import { statusOf } from "./status.ts";

/** What a handler learns about its call. */
export interface CallContext {
  readonly metadata: ReadonlyMap<string, readonly string[]>;
  /** Nanoseconds the client is ready to wait; 0 when it did not say. */
  readonly timeout: number;
  /** False once the client has gone away: nobody reads the answer. */
  readonly connected: boolean;
}

type AnyMethod = Method<unknown, unknown>;
type AnyHandler = (request: unknown, context: CallContext) => unknown;

/** Runs each call: may note it, time it, refuse it. */
export type Around = (method: string, context: CallContext, run: () => unknown) => unknown;

/** Services under their full names, with what implements them. Made once, used by all connections. */
export class Router {
  readonly around: Around | undefined;
  readonly #services = new Map<string, { service: Service; handlers: Record<string, AnyHandler>; names: string[] }>();

  constructor(around?: Around) {
    this.around = around;
  }

  /** Handlers are called as methods of `handlers`. `as`: serve under another name as well (shim API 2 and 3 have the same calls). */
  add<S extends Service>(service: S, handlers: Partial<Handlers<S, CallContext>>, as = service.typeName): this {
    const names = Object.keys(service.methods);
    this.#services.set(as, { service, handlers: handlers as Record<string, AnyHandler>, names });
    return this;
  }

  /** Unimplemented when there is no such service or method. */
  find(service: string, method: string): { method: AnyMethod; handler: AnyHandler; handlers: object } {
    const entry = this.#services.get(service);
    if (!entry) throw new WharfError("Unimplemented", `service ${service}`);
    for (const name of entry.names) {
      const found = entry.service.methods[name]!;
      const handler = entry.handlers[name];
      if (found.name === method && handler) return { method: found, handler, handlers: entry.handlers };
    }
    throw new WharfError("Unimplemented", `method ${service}/${method}`);
  }
}

export class ServerConnection {
  readonly #router: Router;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #reader = new FrameReader();
  #lastStream = 0;
  #connected = true;
  /** Calls that have not been answered. */
  pending = 0;

  constructor(router: Router, send: (bytes: Uint8Array) => void) {
    this.#router = router;
    this.#send = send;
  }

  /** The client is gone: answers are dropped from now on. */
  close(): void {
    this.#connected = false;
  }

  /** Takes what came from the client and answers its calls when they are done, each in its own time. */
  receive(chunk: Uint8Array): void {
    for (const frame of this.#reader.push(chunk)) this.#frame(frame);
  }

  #frame(frame: Frame): void {
    const { stream, type } = frame;
    try {
      if (stream % 2 === 0) throw new WharfError("InvalidArgument", "stream number of a client must be odd");
      if (frame.oversized) throw new WharfError("ResourceExhausted", `message of more than ${MAX_DATA} bytes`);
      if (type === TYPE.DATA) throw new WharfError("InvalidArgument", `stream ${stream} takes no data`);
      if (type !== TYPE.REQUEST) return;
      if (stream <= this.#lastStream)
        throw new WharfError("InvalidArgument", `stream number ${stream} was used before`);
      this.#lastStream = stream;
      this.#call(stream, decode(Request, frame.data));
    } catch (error) {
      this.#fail(stream, error);
    }
  }

  #call(stream: number, request: Request): void {
    const { method, handler, handlers } = this.#router.find(request.service, request.method);
    const metadata = new Map<string, string[]>();
    for (const { key, value } of request.metadata) {
      const values = metadata.get(key);
      if (values) values.push(value);
      else metadata.set(key, [value]);
    }
    const self = this;
    const context: CallContext = {
      metadata,
      timeout: request.timeoutNano,
      get connected() {
        return self.#connected;
      },
    };
    const input = decode(method.input, request.payload);
    failpoint("ttrpc.serve", method.name);
    const run = () => handler.call(handlers, input, context);
    const { around } = this.#router;
    const answer = around ? around(method.name, context, run) : run();
    if (!(answer instanceof Promise)) {
      this.#answer(stream, method, answer);
      return;
    }
    this.pending++;
    answer.then(
      (value) => {
        this.pending--;
        try {
          this.#answer(stream, method, value);
        } catch (error) {
          this.#fail(stream, error);
        }
      },
      (error: unknown) => {
        this.pending--;
        this.#fail(stream, error);
      },
    );
  }

  #answer(stream: number, method: AnyMethod, value: unknown): void {
    if (!this.#connected) return;
    const payload = encode(method.output, value as never);
    if (payload.length > MAX_DATA - 16) throw new WharfError("ResourceExhausted", `answer of ${payload.length} bytes`);
    this.#send(encodeFrame(stream, TYPE.RESPONSE, 0, encode(Response, { status: { code: 0 }, payload })));
  }

  #fail(stream: number, error: unknown): void {
    if (!this.#connected) return;
    this.#send(encodeFrame(stream, TYPE.RESPONSE, 0, encode(Response, { status: statusOf(error) })));
  }
}
