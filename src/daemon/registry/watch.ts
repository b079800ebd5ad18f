/** What goes between us and a registry, told to who wants to see it: heads, bodies that are text, and how long it took. */

import type { HttpRequest, HttpResponse, Requester } from "./message.ts";

export interface RequestWatch {
  /** Takes requests and answers as they go over the wire, but for what proves who we are. */
  dump?: ((text: string) => void) | undefined;
  /** Takes a line for each request that was answered or failed. */
  trace?: ((line: { request: string; answer: string; ms: number }) => void) | undefined;
}

/** Bodies of these types are shown. */
const TEXT = /^(?:text\/|application\/(?:[\w.+-]*\+)?json\b|application\/x-www-form-urlencoded\b)/i;
const SECRET = /^(?:authorization|proxy-authorization|cookie|set-cookie)$/i;
/** In forms, token servers' answers, and addresses that a signature opens to who knows them. */
const SECRET_FIELDS = /((?:^|[?&{,"\s])(?:[\w-]*(?:password|token|signature)|sig|verify)"?\s*[=:]\s*"?)[^&",\s}]+/gi;
const NOT_SHOWN = "[not shown]";
/** Bytes of a body that are shown. */
const SHOWN = 64 << 10;

export function watched(requester: Requester, watch: RequestWatch | undefined): Requester {
  if (!watch) return requester;
  return {
    async request(request) {
      const { dump, trace } = watch;
      const began = performance.now();
      const told = (answer: string) => {
        const what = `${request.method} ${request.url.origin}${request.url.pathname}`;
        trace?.({ request: what, answer, ms: Math.round(performance.now() - began) });
      };
      dump?.(describeRequest(request));
      try {
        const response = await requester.request(request);
        told(String(response.status));
        return dump ? new WatchedResponse(response, dump) : response;
      } catch (error) {
        told((error as Error).message);
        throw error;
      }
    },
  };
}

function describeRequest({ method, url, headers = {}, body }: HttpRequest): string {
  const head = `${method} ${url.pathname}${withoutSecrets(url.search)} HTTP/1.1\r\nhost: ${url.host}\r\n${describeHeaders(headers)}\r\n`;
  if (body === undefined) return head;
  if (!(body instanceof Uint8Array)) return `${head}[${body.size} bytes]\r\n`;
  return head + describeBody([headers["content-type"] ?? ""].flat()[0] ?? "", [body], body.byteLength);
}

function describeHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): string {
  let text = "";
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    for (const one of [value].flat()) {
      const shown = SECRET.test(name) ? NOT_SHOWN : name === "location" ? withoutSecrets(one) : one;
      text += `${name}: ${shown}\r\n`;
    }
  }
  return text;
}

function describeBody(type: string, parts: readonly Uint8Array[], size: number): string {
  if (size === 0) return "";
  if (!TEXT.test(type) || size > SHOWN) return `[${size} bytes]\r\n`;
  return `${withoutSecrets(Buffer.concat(parts).toString("utf8"))}\r\n`;
}

function withoutSecrets(text: string): string {
  return text.replace(SECRET_FIELDS, `$1${NOT_SHOWN}`);
}

class WatchedResponse implements HttpResponse {
  readonly url: URL;
  readonly status: number;
  readonly headers: HttpResponse["headers"];
  readonly #response: HttpResponse;
  readonly #dump: (text: string) => void;

  constructor(response: HttpResponse, dump: (text: string) => void) {
    const { url, status, headers } = response;
    this.url = url;
    this.status = status;
    this.headers = headers;
    this.#response = response;
    this.#dump = dump;
    dump(`HTTP/1.1 ${status}\r\n${describeHeaders(headers)}\r\n`);
  }

  async bytes(limit: number): Promise<Uint8Array> {
    const bytes = await this.#response.bytes(limit);
    this.#body([bytes], bytes.byteLength);
    return bytes;
  }

  async text(limit: number): Promise<string> {
    return Buffer.from(await this.bytes(limit)).toString("utf8");
  }

  async pump(write: (chunk: Uint8Array) => Promise<void> | void, signal?: AbortSignal): Promise<void> {
    const parts: Uint8Array[] = [];
    let size = 0;
    try {
      await this.#response.pump((chunk) => {
        size += chunk.byteLength;
        if (size <= SHOWN && TEXT.test(this.headers["content-type"] ?? "")) parts.push(Uint8Array.from(chunk));
        return write(chunk);
      }, signal);
    } finally {
      this.#body(parts, size);
    }
  }

  discard(): void {
    this.#response.discard();
  }

  #body(parts: readonly Uint8Array[], size: number): void {
    const text = describeBody(this.headers["content-type"] ?? "", parts, size);
    if (text !== "") this.#dump(text);
  }
}
