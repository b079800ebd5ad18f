/** HTTP/1.1 over node:http and node:https with kept connections, timeouts and errors of ours; no redirects, no retries. */

import type { AgentOptions, ClientRequest, Agent as HttpAgent, IncomingMessage } from "node:http";
import type { RequestOptions } from "node:https";
import type { Socket } from "node:net";
import { isCode, WharfError } from "../../common/errors.ts";
import { connectionTls } from "./authorities.ts";
import { readyFor } from "./begin.ts";
import { isLoopback, type TlsSettings } from "./config.ts";
import { NetworkError, UNREACHED } from "./errors.ts";
import { type FileFetcher, fetchFile } from "./fetch-file.ts";
import {
  gather,
  type HeaderMap,
  type HttpRequest,
  type HttpResponse,
  type StreamBody,
  type Timeouts,
} from "./message.ts";
import { canceled, throwIfCanceled } from "./retry.ts";
import { type FileSender, isFileRequest, sendFile } from "./send-file.ts";
import { WirePool } from "./wire/pool.ts";
import { Watchdog } from "./wire/watchdog.ts";

/** Not `import`ed: as an ES module it would load the whole of undici. */
const http = process.getBuiltinModule("node:http");
/** Loads TLS. */
const https = () => process.getBuiltinModule("node:https");

/** Moves files between disk and network, past this process. */
export type FileMover = FileSender & FileFetcher;

const DEFAULT_TIMEOUTS: Timeouts = { connect: 30_000, response: 60_000, stall: 30_000 };

/** Beyond this many bytes a body not wanted is cut off by closing its connection. */
const DISCARD_LIMIT = 64 << 10;

export class Transport implements Disposable {
  readonly timeouts: Timeouts;
  readonly #agents = new Map<string, HttpAgent>();
  readonly #wires = new WirePool();
  readonly #tls: TlsSettings;
  readonly #userAgent: string;
  readonly #agent: FileMover | undefined;

  constructor(
    options: {
      tls?: TlsSettings | undefined;
      timeouts?: Partial<Timeouts> | undefined;
      userAgent?: string | undefined;
      /** Sends and fetches files over plain connections. */
      agent?: FileMover | undefined;
    } = {},
  ) {
    this.timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.#tls = options.tls ?? {};
    this.#userAgent = options.userAgent ?? "wharf";
    this.#agent = options.agent;
  }

  /** Sends one request. Throws NetworkError, or Canceled. */
  async request(request: HttpRequest): Promise<HttpResponse> {
    const moved = await this.#byAgent(request);
    if (moved) return moved;
    if (request.bulk && !this.#proxied(request.url)) {
      throwIfCanceled(request.signal);
      const headers = { "user-agent": this.#userAgent, ...request.headers };
      const { timeouts } = this;
      return await this.#wires.get(request.url, { tls: this.#tls, timeouts, headers, signal: request.signal });
    }
    await readyFor(request.url);
    try {
      return await this.#attempt(request);
    } catch (error) {
      // A kept connection that the server closed in the same moment says nothing about the server.
      if (error instanceof ReusedConnectionLost) return await this.#attempt(request);
      throw error;
    }
  }

  /** Files that go or come over plain connections; undefined for all else. */
  async #byAgent(request: HttpRequest): Promise<HttpResponse | undefined> {
    const { url } = request;
    const agent = this.#agent;
    const file = isFileRequest(request);
    if (!agent || url.protocol !== "http:" || !(file || request.pour) || this.#proxied(url)) return undefined;
    await readyFor(url);
    throwIfCanceled(request.signal);
    const headers = { "user-agent": this.#userAgent, ...request.headers };
    try {
      if (file) return await sendFile(agent, { ...request, headers }, this.timeouts);
      return await fetchFile(agent, { ...request, headers }, this.timeouts);
    } catch (error) {
      // An agent that is not there is no fault of the registry's: it goes another way.
      if (error instanceof NetworkError || !isCode(error, "Unavailable", "Aborted")) throw error;
      return undefined;
    }
  }

  #attempt(request: HttpRequest): Promise<HttpResponse> {
    const { url, method, signal, body } = request;
    throwIfCanceled(signal);
    const headers: Record<string, string | string[]> = { "user-agent": this.#userAgent, ...request.headers };
    if (body !== undefined)
      headers["content-length"] = String(body instanceof Uint8Array ? body.byteLength : body.size);
    else if (method === "POST" || method === "PUT" || method === "PATCH") headers["content-length"] = "0";
    const operation = `${method} ${url.pathname}`;
    const secure = url.protocol === "https:";
    const options: RequestOptions = { method, headers, agent: this.#httpAgent(url) };

    return new Promise((resolve, reject) => {
      let settled = false;
      let timer: NodeJS.Timeout | undefined;
      const message = (secure ? https() : http).request(url, options);
      const abort = (): void => {
        message.destroy();
        finish(canceled(signal));
      };
      const finish = (outcome: HttpResponse | Error): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const expire = (after: number, what: string, code?: string): void => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          message.destroy();
          finish(new NetworkError(stall(`${what} for ${after / 1000} s`, code), url.host, operation));
        }, after);
      };
      signal?.addEventListener("abort", abort, { once: true });
      message.on("socket", (socket: Socket) => {
        if (!socket.connecting) return expire(this.timeouts.response, "no answer");
        expire(this.timeouts.connect, "no connection", UNREACHED);
        socket.once(secure ? "secureConnect" : "connect", () => {
          if (!settled) expire(this.timeouts.response, "no answer");
        });
      });
      message.on("error", (error) => {
        const lost = message.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET";
        if (lost && !settled && !(body && !(body instanceof Uint8Array))) finish(new ReusedConnectionLost());
        else finish(new NetworkError(error, url.host, operation));
      });
      message.on("response", (incoming) => finish(new Incoming(incoming, url, operation, this.timeouts.stall)));
      if (body === undefined || body instanceof Uint8Array) message.end(body);
      else {
        void send(message, body, () => expire(this.timeouts.stall, "the upload stood still")).catch((error) => {
          message.destroy();
          finish(WharfError.from(error));
        });
      }
    });
  }

  /** True when a proxy may stand in between: never on the loopback. */
  #proxied(url: URL): boolean {
    return !isLoopback(url.host) && hasProxy(process.env);
  }

  #httpAgent(url: URL): HttpAgent {
    const direct = !this.#proxied(url);
    const key = `${url.protocol}${direct}`;
    let agent = this.#agents.get(key);
    if (!agent) {
      const options: AgentOptions = {
        keepAlive: true,
        keepAliveMsecs: 15_000,
        maxFreeSockets: 8,
        scheduling: "lifo",
      };
      if (!direct) options.proxyEnv = process.env;
      agent =
        url.protocol === "https:"
          ? new (https().Agent)({ ...options, ...connectionTls(this.#tls) })
          : new http.Agent(options);
      this.#agents.set(key, agent);
    }
    return agent;
  }

  /** Closes all connections, those in use as well. */
  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
    this.#wires[Symbol.dispose]();
  }
}

class ReusedConnectionLost extends Error {}

function hasProxy(env: NodeJS.ProcessEnv): boolean {
  return Object.keys(env).some((name) => /^https?_proxy$/i.test(name));
}

function stall(text: string, code = "ESTALL"): Error {
  return Object.assign(new Error(text), { code });
}

/** Writes a streamed body, waiting where the connection cannot take more; stops when the answer came early. */
async function send(message: ClientRequest, body: StreamBody, alive: () => void): Promise<void> {
  let sent = 0;
  let answered = false;
  message.once("response", (incoming: IncomingMessage) => {
    answered = true;
    // The rest of the body is not wanted: the connection cannot be used again.
    incoming.once("close", () => {
      if (!message.writableFinished) message.destroy();
    });
  });
  for await (const chunk of body.open()) {
    if (message.destroyed || answered) return;
    sent += chunk.byteLength;
    alive();
    if (!message.write(chunk)) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          message.off("drain", go).off("close", go).off("response", go);
          resolve();
        };
        message.on("drain", go).on("close", go).on("response", go);
      });
    }
  }
  if (sent !== body.size) {
    throw new WharfError("DataLoss", `size mismatch: expected to send ${body.size} bytes, there were ${sent}`, {
      operation: "upload",
    });
  }
  message.end();
}

class Incoming implements HttpResponse {
  readonly url: URL;
  readonly status: number;
  readonly headers: HeaderMap;
  readonly #message: IncomingMessage;
  readonly #operation: string;
  readonly #stall: number;

  constructor(message: IncomingMessage, url: URL, operation: string, stallTimeout: number) {
    this.url = url;
    this.status = message.statusCode ?? 0;
    const headers: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [name, values] of Object.entries(message.headersDistinct)) headers[name] = (values ?? []).join(", ");
    this.headers = headers;
    this.#message = message;
    this.#operation = operation;
    this.#stall = stallTimeout;
    // Nobody may be reading when the connection breaks; the error is found again by pump().
    message.on("error", () => {});
  }

  bytes(limit: number): Promise<Uint8Array> {
    return gather(this, limit, this.#operation);
  }

  async text(limit: number): Promise<string> {
    return Buffer.from(await this.bytes(limit)).toString("utf8");
  }

  pump(write: (chunk: Uint8Array) => Promise<void> | void, signal?: AbortSignal): Promise<void> {
    const message = this.#message;
    return new Promise((resolve, reject) => {
      let busy: Promise<void> | undefined;
      let settled = false;
      const done = (error?: Error): void => {
        if (settled) return;
        settled = true;
        watch.stop();
        signal?.removeEventListener("abort", abort);
        message.off("data", data).off("end", end).off("close", close);
        if (error) {
          message.destroy();
          // The receiver may still be writing the last piece: it must have finished when we report.
          void Promise.resolve(busy).then(
            () => reject(error),
            () => reject(error),
          );
        } else resolve();
      };
      const abort = (): void => done(canceled(signal));
      const watch = new Watchdog(this.#stall, () => done(this.#broken(stall(`no data for ${this.#stall / 1000} s`))));
      const data = (chunk: Uint8Array): void => {
        watch.alive();
        try {
          const pending = write(chunk);
          if (!pending) return;
          message.pause();
          watch.pause();
          busy = pending.then(
            () => {
              busy = undefined;
              watch.resume();
              if (!settled) message.resume();
            },
            (error: unknown) => {
              busy = undefined;
              done(WharfError.from(error));
            },
          );
        } catch (error) {
          done(WharfError.from(error));
        }
      };
      const end = (): void => done();
      const close = (): void => {
        if (!message.complete)
          done(this.#broken(Object.assign(new Error("the body ended too early"), { code: "ETRUNCATED" })));
        else if (message.readableEnded) done();
      };
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      message.on("data", data).on("end", end).on("close", close);
      if (message.destroyed && !message.readableEnded) close();
    });
  }

  discard(): void {
    const length = Number(this.headers["content-length"] ?? Number.POSITIVE_INFINITY);
    if (length > DISCARD_LIMIT && this.headers["transfer-encoding"] === undefined) this.#message.destroy();
    else this.#message.resume();
  }

  #broken(error: Error): NetworkError {
    return new NetworkError(error, this.url.host, this.#operation);
  }
}
