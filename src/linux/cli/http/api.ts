// The Docker Engine API over kept connections: JSON requests, streams, hijacked connections, errors as WharfError.
import { formatRequest, type Head } from "../../../common/cli/http1.ts";
import { type Code, WharfError } from "../../../common/errors.ts";
import { Connection, Response } from "./connection.ts";
import { connectTo, type Endpoint, formatEndpoint } from "./endpoint.ts";
import { Sender } from "./upload.ts";

/** The version we speak. A server that is older says so, and is then asked again in its own. */
export const API_VERSION = "1.51";

export type QueryValue = string | number | boolean | undefined | readonly string[];

export interface RequestOptions {
  /** Undefined and false ones are left out, true is 1, of a list each entry is sent. */
  readonly query?: Readonly<Record<string, QueryValue>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is being done, for errors: "remove container". */
  readonly doing?: string;
  /** So many further connections are opened while the answer is awaited, for the requests that follow. */
  readonly spare?: number;
}

/** A hijacked connection: the caller owns the descriptor. */
export interface Stream {
  readonly fd: number;
  /** What the server has sent already. */
  readonly first: Uint8Array;
  /** True when output comes in frames (stdout and stderr apart); undefined when the server does not say. */
  readonly framed: boolean | undefined;
}

export interface ApiOptions {
  readonly endpoint: Endpoint;
  /** Pins the API version. */
  readonly version?: string | undefined;
  /** W3C trace context of each request. */
  readonly traceparent?: () => string;
  /** Called when nobody listens at the endpoint; true when it is worth another try. */
  readonly onUnreachable?: (error: unknown) => Promise<boolean>;
  readonly log?: (text: string) => void;
}

const CODE_BY_STATUS: Readonly<Record<number, Code>> = {
  400: "InvalidArgument",
  401: "Unauthenticated",
  403: "PermissionDenied",
  404: "NotFound",
  409: "FailedPrecondition",
  429: "ResourceExhausted",
  499: "Canceled",
  501: "Unimplemented",
  503: "Unavailable",
  504: "DeadlineExceeded",
};

export function encodeQuery(query: Readonly<Record<string, QueryValue>> | undefined): string {
  let text = "";
  const add = (name: string, value: string) => {
    text += `${text === "" ? "?" : "&"}${name}=${encodeURIComponent(value)}`;
  };
  for (const name in query) {
    const value = query[name];
    if (value === undefined || value === false) continue;
    if (value === true) add(name, "1");
    else if (typeof value === "object") for (const entry of value) add(name, entry);
    else add(name, String(value));
  }
  return text;
}

export class Api implements Disposable {
  readonly endpoint: Endpoint;
  readonly #options: ApiOptions;
  #version: string;
  #idle: Connection[] = [];

  constructor(options: ApiOptions) {
    this.endpoint = options.endpoint;
    this.#options = options;
    this.#version = options.version ?? API_VERSION;
  }

  /** The version in use: negotiated, once a request was answered. */
  get version(): string {
    return this.#version;
  }

  async #connect(): Promise<Connection> {
    const idle = this.#idle.pop();
    if (idle) return idle;
    try {
      return new Connection(await connectTo(this.endpoint));
    } catch (error) {
      if (!(await this.#options.onUnreachable?.(error))) throw error;
      return new Connection(await connectTo(this.endpoint));
    }
  }

  async #prepare(spare: number): Promise<void> {
    try {
      while (this.#idle.length < spare) this.#idle.push(new Connection(await connectTo(this.endpoint)));
    } catch (error) {
      // The request that needs it will say so.
      this.#options.log?.(`no spare connection: ${String(error)}`);
    }
  }

  #bytes(
    method: string,
    path: string,
    options: RequestOptions,
    more: Record<string, string>,
    body: Uint8Array | null = method === "POST" || method === "PUT" ? new Uint8Array(0) : null,
  ): Uint8Array {
    const headers: Record<string, string> = { Host: "docker", "User-Agent": "wharf", ...more, ...options.headers };
    if (options.json !== undefined) {
      headers["Content-Type"] = "application/json";
      body = native.bytes(JSON.stringify(options.json));
    }
    const prefix = path === "/_ping" || path.startsWith("/wharf/") ? "" : `/v${this.#version}`;
    const target = `${prefix}${path}${encodeQuery(options.query)}`;
    this.#options.log?.(`${method} ${target}${options.json === undefined ? "" : ` ${JSON.stringify(options.json)}`}`);
    return formatRequest(method, target, headers, body ?? undefined);
  }

  /** Sends a request and reads the response's head, on a fresh connection where a kept one turns out to be closed. */
  async #exchange(
    method: string,
    path: string,
    options: RequestOptions,
    more: Record<string, string>,
  ): Promise<[Head, Connection]> {
    // The trace context is that of the caller's moment, before anything is waited for.
    const headers = this.#options.traceparent ? { ...more, traceparent: this.#options.traceparent() } : more;
    for (;;) {
      const connection = await this.#connect();
      try {
        await connection.send(this.#bytes(method, path, options, headers));
        if (options.spare) await this.#prepare(options.spare);
        const head = await connection.head();
        if (head) {
          connection.used++;
          this.#options.log?.(`${head.status} ${head.reason}`);
          return [head, connection];
        }
        if (connection.used === 0) {
          throw new WharfError("Unavailable", `the daemon at ${formatEndpoint(this.endpoint)} closed the connection`, {
            operation: options.doing,
          });
        }
        connection[Symbol.dispose]();
      } catch (error) {
        connection[Symbol.dispose]();
        throw error;
      }
    }
  }

  /**
   * Sends a request; the response's body is the caller's. Any status from 400 on is thrown.
   * @throws WharfError with the server's message, and its hint where it gives one.
   */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const [head, connection] = await this.#exchange(method, path, options, {});
    const response = new Response(method, head, connection, (reusable) => {
      if (reusable) this.#idle.push(connection);
      else connection[Symbol.dispose]();
    });
    if (head.status < 400) return response;
    const error = await this.#error(response, options.doing);
    if (this.#older(head, error)) return this.request(method, path, options);
    throw error;
  }

  /**
   * A request with a body of any length, in pieces that hold until the next is asked for. The answer may come before the
   * body is through: then the rest is not sent.
   */
  async upload(method: string, path: string, options: RequestOptions, source: Iterable<Uint8Array>): Promise<Response> {
    // What was read from a pipe cannot be sent again: the version is settled before.
    await this.call("GET", "/version");
    const kept = this.#idle;
    this.#idle = [];
    const connection = await this.#connect().finally(() => {
      this.#idle = kept;
    });
    const sender = new Sender(connection.fd);
    const stop = () => {
      sender[Symbol.dispose]();
      connection[Symbol.dispose]();
    };
    try {
      const trace = this.#options.traceparent ? { traceparent: this.#options.traceparent() } : {};
      const headers = { ...options.headers, ...trace, "Transfer-Encoding": "chunked" };
      await connection.send(this.#bytes(method, path, { ...options, headers }, {}, null));
      const sent = sender.run(source);
      const head = await Promise.race([connection.head(), sent]);
      if (!head)
        throw new WharfError("Unavailable", `the daemon at ${formatEndpoint(this.endpoint)} closed the connection`);
      this.#options.log?.(`${head.status} ${head.reason}`);
      const response = new Response(method, head, connection, stop);
      if (head.status < 400) return response;
      throw await this.#error(response, options.doing);
    } catch (error) {
      stop();
      throw error;
    }
  }

  /** A request answered with JSON, or with nothing (undefined). */
  async json<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    using response = await this.request(method, path, options);
    const text = await response.text();
    if (text === "") return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new WharfError("Unavailable", `the answer to ${method} ${path} is no JSON`, { cause });
    }
  }

  /** A request whose answer does not matter, as long as it is no error. */
  async call(method: string, path: string, options: RequestOptions = {}): Promise<void> {
    using response = await this.request(method, path, options);
    await response.each(() => undefined);
  }

  /** Turns the connection into a stream to a container. */
  async hijack(path: string, options: RequestOptions = {}): Promise<Stream> {
    const upgrade = { Connection: "Upgrade", Upgrade: "tcp" };
    const [head, connection] = await this.#exchange("POST", path, options, upgrade);
    if (head.status !== 101 && head.status !== 200) {
      using response = new Response("POST", head, connection, () => connection[Symbol.dispose]());
      const error = await this.#error(response, options.doing);
      if (this.#older(head, error)) return this.hijack(path, options);
      throw error;
    }
    const type = head.headers.get("content-type") ?? "";
    const framed = type.includes("multiplexed-stream") ? true : undefined;
    return { fd: connection.fd, first: connection.leftover(), framed };
  }

  /** True when the server refused our version and is asked again in its own. */
  #older(head: Head, error: WharfError): boolean {
    if (this.#options.version !== undefined || head.status !== 400 || !error.message.includes("is too new"))
      return false;
    const theirs = head.headers.get("api-version") ?? /version is (1\.\d+)/.exec(error.message)?.[1];
    if (!theirs || !/^1\.\d+$/.test(theirs) || Number(theirs.slice(2)) >= Number(this.#version.slice(2))) return false;
    this.#version = theirs;
    return true;
  }

  async #error(response: Response, doing: string | undefined): Promise<WharfError> {
    const { status, reason } = response.head;
    const text = (await response.text()).trim();
    let message = text.slice(0, 2000) || `${status} ${reason}`;
    let hint: string | undefined;
    let errno: string | undefined;
    let code = CODE_BY_STATUS[status] ?? "Internal";
    try {
      const body = JSON.parse(text) as { message?: unknown; hint?: unknown; errno?: unknown; code?: unknown };
      if (typeof body.message === "string") message = body.message;
      if (typeof body.hint === "string") hint = body.hint;
      if (typeof body.errno === "string") errno = body.errno;
      if (typeof body.code === "string") code = body.code as Code;
    } catch {
      // no JSON: another program's words, as they are
    }
    return new WharfError(code, message.trim(), { operation: doing, hint, errno });
  }

  [Symbol.dispose](): void {
    for (const connection of this.#idle) connection[Symbol.dispose]();
    this.#idle = [];
  }
}
