// One containerd socket and what came of each call: the same calls go to a real containerd and to ours, and the records are compared.
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectSocket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ContentService } from "../../../../src/common/gen/containerd/services/content.ts";
import { EventsService } from "../../../../src/common/gen/containerd/services/events.ts";
import { LeasesService } from "../../../../src/common/gen/containerd/services/leases.ts";
import { frame, MessageReader } from "../../../../src/common/grpc/message.ts";
import { decodeText } from "../../../../src/common/grpc/status.ts";
import { decode, encode } from "../../../../src/common/protobuf/codec.ts";
import {
  type Init,
  type MessageType,
  type Method,
  type Service,
  unknownFields,
} from "../../../../src/common/protobuf/schema.ts";
import { FieldsSeen } from "../../../support/fields.ts";

/** Milliseconds after which a call that answers nothing more counts as such. */
const ANSWER = 60_000;

/** What a call came to, without what differs from run to run. */
export interface Outcome {
  name: string;
  code: number;
  message: string;
  answers: unknown[];
}

export interface CallOptions {
  /** None with "". */
  namespace?: string;
  lease?: string;
  metadata?: Readonly<Record<string, string>>;
  /** Milliseconds. */
  timeoutMs?: number;
}

/** A method of a service by its local name. */
type Local<S extends Service> = keyof S["methods"] & string;
type Input<S extends Service, M extends Local<S>> = S["methods"][M] extends Method<infer I, unknown> ? Init<I> : never;
type Output<S extends Service, M extends Local<S>> = S["methods"][M] extends Method<unknown, infer O> ? O : never;

/** An open call: answers as they come. */
export interface Open<I, O> {
  send(request: Init<I>): void;
  /** The next answer; undefined when the call is over. */
  next(): Promise<O | undefined>;
  end(): void;
  cancel(): void;
  outcome: Promise<{ code: number; message: string }>;
}

export class Side implements Disposable {
  readonly outcomes: Outcome[] = [];
  /** What was answered, and what was asked for where it was done. */
  readonly fields = new FieldsSeen();
  readonly ours: boolean;
  /** A folder that the daemon sees, too. */
  readonly dir: string;
  /** Where shims tell of their events. */
  readonly ttrpc: string;
  /** The namespace of calls that name none: another in each run. */
  readonly space: string;
  readonly #session: ClientHttp2Session;
  #subscribed = Promise.withResolvers<void>();
  readonly #drop: readonly [RegExp, string][];

  /** `drop`: texts that stand for the same thing on either side. */
  constructor(socket: string, dir: string, ours: boolean, space: string, drop: readonly [RegExp, string][] = []) {
    this.space = space;
    this.ours = ours;
    this.dir = dir;
    this.ttrpc = `${socket}.ttrpc`;
    this.#drop = [...drop, [new RegExp(this.space, "g"), "<N>"]];
    this.#session = connectHttp2("http://localhost", { createConnection: () => connectSocket(socket) });
    this.#session.on("error", () => {});
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }

  /** Takes away what scenarios leave: unfinished ingests, and leases with what they hold. */
  async clear(): Promise<void> {
    for (const namespace of [this.space, `${this.space}-o`]) {
      const { answers } = await this.quiet(ContentService, "listStatuses", {}, { namespace });
      for (const { ref } of answers[0]?.statuses ?? [])
        await this.quiet(ContentService, "abort", { ref }, { namespace });
      const { answers: held } = await this.quiet(LeasesService, "list", {}, { namespace });
      for (const { id } of held[0]?.leases ?? [])
        await this.quiet(LeasesService, "delete", { id, sync: true }, { namespace });
    }
  }

  /** A subscription to the topic `/there` has heard something. */
  there(): void {
    this.#subscribed.resolve();
  }

  /** Until it has: a subscription begins some time after its call was made. */
  async subscribed(): Promise<void> {
    this.#subscribed = Promise.withResolvers();
    let heard = false;
    void this.#subscribed.promise.then(() => {
      heard = true;
    });
    while (!heard) {
      await this.quiet(EventsService, "publish", { topic: "/there", event: { typeUrl: "t" } });
      await Promise.race([this.#subscribed.promise, sleep(50)]);
    }
  }

  /** Makes a call, notes what came of it, and gives the first answer. */
  async call<S extends Service, M extends Local<S>>(
    name: string,
    service: S,
    method: M,
    request: Input<S, M> | readonly Input<S, M>[],
    options: CallOptions = {},
  ): Promise<Output<S, M> | undefined> {
    const { outcome, answers } = await this.quiet(service, method, request, options);
    this.note(name, outcome, answers);
    return answers[0];
  }

  /** As `call`, without a note. */
  async quiet<S extends Service, M extends Local<S>>(
    service: S,
    method: M,
    request: Input<S, M> | readonly Input<S, M>[],
    options: CallOptions = {},
  ): Promise<{ outcome: { code: number; message: string }; answers: Output<S, M>[] }> {
    const open = this.open(service, method, options);
    for (const one of Array.isArray(request) ? request : [request]) open.send(one);
    open.end();
    const answers: Output<S, M>[] = [];
    for (let one = await open.next(); one !== undefined; one = await open.next()) answers.push(one);
    return { outcome: await open.outcome, answers };
  }

  note(name: string, { code, message }: { code: number; message: string }, answers: readonly unknown[]): void {
    this.outcomes.push({ name, code, message: this.#text(message), answers: answers.map((one) => this.#plain(one)) });
  }

  open<S extends Service, M extends Local<S>>(
    service: S,
    method: M,
    { namespace = this.space, lease, metadata = {}, timeoutMs }: CallOptions = {},
    raw?: Uint8Array,
  ): Open<Init<Input<S, M>>, Output<S, M>> {
    const { name, input, output } = service.methods[method] as Method<unknown, unknown>;
    const headers: Record<string, string> = {
      ":method": "POST",
      ":path": `/${service.typeName}/${name}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...(namespace && { "containerd-namespace": namespace }),
      ...(lease && { "containerd-lease": lease }),
      ...(timeoutMs && { "grpc-timeout": `${timeoutMs}m` }),
      ...metadata,
    };
    const stream = this.#session.request(headers, { endStream: false });
    const reader = new MessageReader();
    const queue: unknown[] = [];
    const asked: Uint8Array[] = [];
    const done = () => {
      for (const one of asked.splice(0)) this.fields.add(input, one);
    };
    let wake = () => {};
    let over = false;
    const ended = Promise.withResolvers<{ code: number; message: string }>();
    let status: { code: number; message: string } = { code: -1, message: "no status" };
    const trailers = (fields: Record<string, unknown>) => {
      if (fields["grpc-status"] === undefined) return;
      status = { code: Number(fields["grpc-status"]), message: decodeText(String(fields["grpc-message"] ?? "")) };
    };
    stream
      .on("response", trailers)
      .on("trailers", trailers)
      .on("error", () => {});
    stream.on("data", (chunk: Buffer) => {
      reader.push(chunk, (message) => {
        this.fields.add(output, message);
        queue.push(decode(output, message));
        done();
      });
      late.refresh();
      wake();
    });
    const late = setTimeout(() => {
      status = { code: -2, message: "no answer" };
      stream.close(8);
    }, ANSWER);
    stream.on("close", () => {
      clearTimeout(late);
      if (status.code === 0) done();
      over = true;
      ended.resolve(status);
      wake();
    });
    if (raw) stream.write(frame(raw));
    return {
      send: (request) => {
        const bytes = encode(input as MessageType<unknown>, request as Init<unknown>);
        asked.push(bytes);
        stream.write(frame(bytes));
      },
      next: async () => {
        while (queue.length === 0 && !over) await new Promise<void>((resolve) => (wake = resolve));
        return queue.shift() as Output<S, M> | undefined;
      },
      end: () => void stream.end(),
      cancel: () => stream.close(8),
      outcome: ended.promise,
    };
  }

  #text(text: string): string {
    return this.#drop.reduce((all, [pattern, by]) => all.replaceAll(pattern, by), text);
  }

  #plain(value: unknown): unknown {
    if (typeof value === "string") return this.#text(value);
    if (typeof value === "bigint") return Number(value);
    if (value === undefined || value === null || typeof value !== "object") return value;
    if (value instanceof Uint8Array)
      return value.length > 200 ? `${value.length} bytes` : Buffer.from(value).toString("latin1");
    if (Array.isArray(value)) return value.map((one) => this.#plain(one));
    const record = value as Record<string, unknown>;
    if (typeof record.seconds === "number" && typeof record.nanos === "number") {
      return record.seconds > 1e9 ? "now" : `${record.seconds}s${record.nanos}`;
    }
    const known = Object.keys(record)
      .sort()
      .map((key) => [this.#text(key), key === "pid" && record[key] !== 0 ? "pid" : this.#plain(record[key])]);
    const unknown = (record as { [unknownFields]?: Uint8Array })[unknownFields];
    return Object.fromEntries(unknown ? [...known, ["fields unknown", this.#plain(unknown)]] : known);
  }
}
