/**
 * The HTTP server of an API made of operations: versions in the path, routing, checking, errors, traces, hijacking.
 * It knows nothing of Docker but the form of its versions and errors.
 */

import type { IncomingMessage, Server, ServerResponse, ServerOptions as ServerSettings } from "node:http";
import type { Socket } from "node:net";
import { check } from "../../common/docker/schema.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import { contextFromHeader, inContext, startSpan } from "../trace/trace.ts";
import { nextTurn } from "../turn.ts";
import { declaredLength, readAll, readJson } from "./body.ts";
import { messageOf, statusOf } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { Hijack } from "./hijack.ts";
import type { Operation } from "./operation.ts";
import { Presence } from "./presence.ts";
import { readQuery } from "./query.ts";
import { type Match, Router } from "./router.ts";

/** Not `import`ed: making an ES module of it reads all its exports, some of which load the whole of undici (12 ms). */
const http = process.getBuiltinModule("node:http");

export interface ServerOptions {
  operations: Iterable<Operation>;
  /** Minor numbers of the API versions spoken: 24 and 51 for 1.24 to 1.51. */
  versions: { lowest: number; highest: number };
  /** Sent with every answer. */
  headers: Readonly<Record<string, string>>;
  /** TLS in which both sides show certificates. */
  tls?: { ca: Buffer; cert: Buffer; key: Buffer } | undefined;
  /** Milliseconds in which a request's header, and its JSON body, must have come. */
  patience?: number | undefined;
  /** Told of every request that failed on our side, and of every request when debugging. */
  log: (level: "debug" | "error", message: string, fields: Record<string, unknown>) => void;
}

/** All headers of a request together, in bytes. An X-Registry-Auth or a filter can be long. */
const MAX_HEADERS = 64 << 10;
/** Milliseconds: as dockerd has it for headers. */
const PATIENCE = 60_000;
const NO_QUERY = new URLSearchParams();
const VERSION = /^\/v(\d{1,4})\.(\d{1,4})(?=\/)/;

export function createApiServer(options: ServerOptions): Server {
  const router = new Router(options.operations);
  const headers = Object.entries(options.headers).flat();
  const findHijack = (request: IncomingMessage): Match | undefined => {
    const { method = "" } = request;
    if (method !== "POST" && !(method === "GET" && request.headers.upgrade)) return undefined;
    const match = router.match(method, splitPath(request.url ?? "").path);
    return match?.operation.hijack ? match : undefined;
  };
  const patience = options.patience ?? PATIENCE;
  const settings = {
    maxHeaderSize: MAX_HEADERS,
    headersTimeout: patience,
    connectionsCheckingInterval: Math.min(30_000, patience / 2),
    // Bodies (an image to load) and answers (logs that are followed) take as long as they take.
    requestTimeout: 0,
    keepAliveTimeout: 600_000,
    // Other upgrades (h2c, which clients offer when in doubt) are not taken: the request is answered as it is.
    shouldUpgradeCallback: () => false,
  };
  const { tls } = options;
  const server = tls ? createSecure(settings, tls) : http.createServer(settings);
  server.on(tls ? "secureConnection" : "connection", (socket: Socket) => {
    markHijacks(socket, (request) => findHijack(request) !== undefined);
  });
  // The last answer of each connection, which ends after those before it.
  const last = new WeakMap<Socket, ServerResponse>();
  server.on("request", (request, response) => {
    last.set(request.socket, response);
    void answer(options, headers, router, request, response, undefined);
  });
  server.on("upgrade", async (request: IncomingMessage, stream, head: Buffer) => {
    const socket = stream as Socket;
    socket.on("error", () => socket.destroy());
    // A client that has read the answer before may ask before Node has noticed its end, with TLS above all; other requests Node has waiting by itself.
    const before = last.get(socket);
    if (before && !before.closed) await new Promise((resolve) => before.once("close", resolve));
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on("finish", () => {
      response.detachSocket(socket);
      socket.end();
    });
    void answer(options, headers, router, request, response, new Hijack(request, socket, head, response));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket;
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    const tooLong = error.code === "HPE_HEADER_OVERFLOW";
    const body = JSON.stringify({
      message: tooLong ? `the request's headers are larger than ${MAX_HEADERS >> 10} KiB` : "not an HTTP request",
    });
    const status = tooLong ? "431 Request Header Fields Too Large" : "400 Bad Request";
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
  return server;
}

/** Nobody without a certificate of the authority gets as far as a request. */
function createSecure(settings: ServerSettings, tls: NonNullable<ServerOptions["tls"]>): Server {
  const https = process.getBuiltinModule("node:https");
  return https.createServer({
    ...settings,
    ...tls,
    // As plain sockets are: a client that has sent all its input still reads.
    allowHalfOpen: true,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    handshakeTimeout: 10_000,
    // An end that vanished without a word is found out.
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  }) as unknown as Server;
}

/**
 * Hands connections over right after the header of a request that hijacks, with an Upgrade header or without: the parser
 * is told (by 2) that what follows is not HTTP, body or not. Node has no public way for this; `parser.onIncoming` is what
 * `node:http` itself goes through (lib/_http_server.js, parserOnIncoming). Which Node runs is ours to choose, and
 * server.test.ts guards it.
 */
function markHijacks(socket: Socket, hijacks: (request: IncomingMessage) => boolean): void {
  const { parser } = socket as Socket & {
    parser?: { onIncoming(request: IncomingMessage, keepAlive: boolean): number };
  };
  if (!parser) return;
  const { onIncoming } = parser;
  parser.onIncoming = (request, keepAlive) => {
    if (!hijacks(request)) return onIncoming.call(parser, request, keepAlive);
    (request as IncomingMessage & { upgrade: boolean }).upgrade = true;
    return 2;
  };
}

/** What was asked for before. */
const tried = new Set<Operation>();

async function answer(
  options: ServerOptions,
  headers: readonly string[],
  router: Router,
  request: IncomingMessage,
  response: ServerResponse,
  hijack: Hijack | undefined,
): Promise<void> {
  const method = request.method ?? "GET";
  const { path, search, version: asked } = splitPath(request.url ?? "/");
  const presence = new Presence();
  response.on("close", () => {
    if (!response.writableFinished) presence.leave();
  });
  // Each request that is the first of its kind takes many times as long as the next: code is compiled, its pages come. So it gets turns of its own.
  if (tried.size === 0) await nextTurn();
  const parent = contextFromHeader(request.headers.traceparent as string | undefined);
  using span = startSpan(`${method} ${path}`, undefined, parent);
  try {
    const version = checkVersion(asked, options.versions);
    const match = router.match(method, path);
    if (!match) throw new WharfError("NotFound", "page not found");
    const { operation, params } = match;
    const first = !tried.has(operation);
    tried.add(operation);
    if (first) await nextTurn();
    await inContext(span.context, async () => {
      const exchange = new Exchange<unknown, unknown>(
        request,
        response,
        {
          params,
          query: readQuery(operation.query, search === "" ? NO_QUERY : new URLSearchParams(search)),
          body:
            operation.body || hijack
              ? await within(options.patience ?? PATIENCE, () => readBody(operation, request, hijack))
              : undefined,
          version,
          presence,
          span,
        },
        headers,
        hijack,
      );
      if (first) await nextTurn();
      await operation.handler(exchange);
    });
    options.log("debug", "request", { method, path, status: response.statusCode });
  } catch (error) {
    if (isCode(error, "Canceled") && presence.gone) return;
    const status = statusOf(error);
    span.set("error", messageOf(error));
    if (status >= 500 && status !== 501) options.log("error", "request failed", { method, path, status, error });
    else options.log("debug", "request refused", { method, path, status, error: messageOf(error) });
    if (response.headersSent || response.destroyed || (hijack && !response.socket)) {
      // Too late for a status: what a reader must notice is that the answer is not whole.
      response.destroy();
      hijack?.socket.destroy();
      return;
    }
    const body = Buffer.from(`${JSON.stringify({ message: messageOf(error) })}\n`);
    // What of the body is still to come would have to be read as well.
    if (isCode(error, "DeadlineExceeded"))
      response.on("finish", () => (hijack?.socket ?? request.socket).destroySoon());
    const more = ["Content-Type", "application/json", "Content-Length", String(body.length)];
    response.writeHead(status, headers.concat(more));
    response.end(body);
  }
}

/** DeadlineExceeded when a body that is to be read whole does not come in time; the connection is given up then. */
async function within<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new WharfError("DeadlineExceeded", "the request's body did not come in time"));
  }, milliseconds);
  try {
    return await Promise.race([work(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function readBody(operation: Operation, request: IncomingMessage, hijack: Hijack | undefined): Promise<unknown> {
  const { body } = operation;
  if (!body) {
    // What a client announces as body is not part of the stream that follows it.
    if (hijack && request.headers["transfer-encoding"] === undefined) await hijack.readBody();
    return undefined;
  }
  if (!hijack) declaredLength(request.headers);
  const bytes = hijack ? await hijack.readBody() : await readAll(request);
  const value = readJson(bytes, request.headers);
  if (value === undefined && operation.bodyOptional) return undefined;
  return check(body, value);
}

function splitPath(url: string): { path: string; search: string; version: [number, number] | undefined } {
  const question = url.indexOf("?");
  const whole = question < 0 ? url : url.slice(0, question);
  const search = question < 0 ? "" : url.slice(question + 1);
  const match = VERSION.exec(whole);
  if (!match) return { path: whole, search, version: undefined };
  return { path: whole.slice(match[0].length), search, version: [Number(match[1]), Number(match[2])] };
}

/** The version to speak: what the path asks for, the highest without one. */
function checkVersion(asked: [number, number] | undefined, versions: { lowest: number; highest: number }): number {
  if (asked === undefined) return versions.highest;
  const [major, minor] = asked;
  if (major > 1 || (major === 1 && minor > versions.highest)) {
    throw new WharfError(
      "InvalidArgument",
      `client version ${major}.${minor} is too new. Maximum supported API version is 1.${versions.highest}`,
    );
  }
  if (major < 1 || minor < versions.lowest) {
    throw new WharfError(
      "InvalidArgument",
      `client version ${major}.${minor} is too old. Minimum supported API version is 1.${versions.lowest}, please upgrade your client to a newer version`,
    );
  }
  return minor;
}
