/** A proxy before a registry that misbehaves as told, and writes down every request. */

import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  request,
  type Server,
  type ServerResponse,
} from "node:http";

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
}

/** What to do with a request instead of passing it on. */
export interface Fault {
  /** Only requests whose method and URL match. */
  match: RegExp;
  /** So many times; always by default. */
  times?: number;
  /** Answers this status, with headers and body. */
  status?: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Breaks the connection after so many bytes of the body. */
  dropAfter?: number;
  /** Ends the body after so many bytes, with a Content-Length that says so. */
  truncateTo?: number;
  /** Flips one bit of the body at this offset (modulo its length). */
  corruptAt?: number;
  /** Adds bytes to the body. */
  append?: string;
  /** Announces this length, whatever comes. */
  claimLength?: number;
  /** Stops in the middle of the body for ever. */
  stallAfter?: number;
  /** Waits so many milliseconds between pieces of 16 KiB. */
  slow?: number;
  /** Redirects to this origin (path kept). */
  redirect?: string;
  /** Drops the Range header. */
  ignoreRange?: boolean;
  /** Closes the connection without an answer. */
  reset?: boolean;
  /** Changes headers of the answer; undefined removes one. */
  rewrite?: Record<string, string | undefined>;
}

export interface FaultyProxy extends AsyncDisposable {
  host: string;
  port: number;
  faults: Fault[];
  seen: SeenRequest[];
  /** Requests seen that match, as "METHOD url". */
  count(match: RegExp): number;
}

/** Starts a proxy to `upstream` (a port on the loopback). */
export async function startFaultyProxy(upstream: number): Promise<FaultyProxy> {
  const faults: Fault[] = [];
  const seen: SeenRequest[] = [];
  const server: Server = createServer((incoming, response) => {
    const line = `${incoming.method} ${incoming.url}`;
    seen.push({ method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers });
    const fault = faults.find((one) => one.match.test(line) && (one.times === undefined || one.times > 0));
    if (fault?.times !== undefined) fault.times--;
    handle(upstream, incoming, response, fault);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address && typeof address === "object" ? address.port : 0;
  return {
    host: `localhost:${port}`,
    port,
    faults,
    seen,
    count: (match) => seen.filter((one) => match.test(`${one.method} ${one.url}`)).length,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function handle(upstream: number, incoming: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
  if (fault?.reset) return void incoming.socket.destroy();
  if (fault?.status !== undefined) {
    incoming.resume();
    response.writeHead(fault.status, fault.headers).end(fault.body);
    return;
  }
  if (fault?.redirect !== undefined) {
    incoming.resume();
    response.writeHead(307, { location: `${fault.redirect}${incoming.url}`, "content-length": "0" }).end();
    return;
  }
  const headers: IncomingHttpHeaders = { ...incoming.headers };
  if (fault?.ignoreRange) delete headers.range;
  const options: RequestOptions = {
    host: "127.0.0.1",
    port: upstream,
    method: incoming.method,
    path: incoming.url,
    headers,
    agent: false,
  };
  const outgoing = request(options, (answer) => void relay(answer, response, fault));
  outgoing.on("error", () => response.destroy());
  response.on("close", () => outgoing.destroy());
  incoming.pipe(outgoing);
}

async function relay(answer: IncomingMessage, response: ServerResponse, fault: Fault | undefined): Promise<void> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) headers[name] = value;
  if (fault?.truncateTo !== undefined) headers["content-length"] = String(fault.truncateTo);
  if (fault?.append !== undefined)
    headers["content-length"] = String(Number(headers["content-length"]) + fault.append.length);
  if (fault?.claimLength !== undefined) headers["content-length"] = String(fault.claimLength);
  for (const [name, value] of Object.entries(fault?.rewrite ?? {})) {
    if (value === undefined) delete headers[name];
    else headers[name] = value;
  }
  // Written by hand so that a lie in Content-Length is possible.
  response.strictContentLength = false;
  response.writeHead(answer.statusCode ?? 502, headers);
  response.flushHeaders();
  let position = 0;
  const write = (chunk: Buffer): Promise<void> | undefined => {
    if (response.write(chunk)) return undefined;
    return new Promise((resolve) => {
      const go = (): void => {
        response.off("drain", go).off("close", go);
        resolve();
      };
      response.on("drain", go).on("close", go);
    });
  };
  try {
    for await (const whole of answer as AsyncIterable<Buffer>) {
      for (let at = 0; at < whole.length; at += 16 << 10) {
        let chunk = whole.subarray(at, at + (16 << 10));
        if (response.destroyed) return;
        const limit = fault?.dropAfter ?? fault?.truncateTo ?? fault?.stallAfter;
        if (
          fault?.corruptAt !== undefined &&
          fault.corruptAt >= position &&
          fault.corruptAt < position + chunk.length
        ) {
          chunk = Buffer.from(chunk);
          chunk[fault.corruptAt - position]! ^= 1;
        }
        const rest = limit === undefined ? chunk : chunk.subarray(0, Math.max(0, limit - position));
        position += chunk.length;
        if (rest.length > 0) await write(rest);
        if (limit !== undefined && position >= limit) {
          if (fault?.dropAfter !== undefined) return void response.socket?.end(() => response.destroy());
          if (fault?.stallAfter !== undefined) return;
          response.end();
          return;
        }
        if (fault?.slow) await new Promise((resolve) => setTimeout(resolve, fault.slow));
      }
    }
    if (fault?.append !== undefined) response.write(fault.append);
    response.end();
  } catch {
    response.destroy();
  }
}
