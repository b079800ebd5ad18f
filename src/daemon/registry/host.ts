/**
 * One endpoint of a registry as one user sees it: requests with scheme, authentication, redirects, waiting and trying
 * again taken care of.
 */

import { WharfError } from "../../common/errors.ts";
import { withSpan } from "../trace/trace.ts";
import { Authorizer, type Scope } from "./auth.ts";
import { type Endpoint, isInsecure } from "./config.ts";
import type { Credentials } from "./credentials.ts";
import { isTransient, NetworkError, statusError, UNREACHED } from "./errors.ts";
import type { HttpRequest, HttpResponse, Requester } from "./message.ts";
import { backoff, isTransientStatus, pause, type RetryPolicy } from "./retry.ts";

const MAX_REDIRECTS = 10;
/** A connection that is refused, or nobody takes, is seldom mended by waiting long. */
const REFUSED_ATTEMPTS = 3;

/** What a caller hears while it has to wait. */
export interface RetryNotice {
  /** Milliseconds until the next attempt. */
  delay: number;
  error: WharfError;
}

export interface WaitOptions {
  signal?: AbortSignal | undefined;
  onRetry?: ((notice: RetryNotice) => void) | undefined;
}

export interface RegistryRequest extends WaitOptions {
  method: HttpRequest["method"];
  /** Below the prefix, with the leading slash and query; or a whole URL, as uploads' Location headers are. */
  path: string | URL;
  headers?: Record<string, string | string[]>;
  body?: HttpRequest["body"];
  /** The answer's body is large. */
  bulk?: boolean;
  /** It is to be poured into a file where that can be. */
  pour?: boolean;
  scopes: readonly Scope[];
  /** For messages: "fetch blob". */
  operation: string;
  subject: string;
  /** Attempts, instead of the policy's. */
  attempts?: number | undefined;
}

export interface RegistryHostOptions {
  endpoint: Endpoint;
  transport: Requester;
  credentials: () => Promise<Credentials | undefined>;
  retry: RetryPolicy;
  insecure: readonly string[];
}

export class RegistryHost {
  readonly endpoint: Endpoint;
  readonly #options: RegistryHostOptions;
  readonly #authorizer: Authorizer;
  #schemes: readonly ("http" | "https")[];

  constructor(options: RegistryHostOptions) {
    this.endpoint = options.endpoint;
    this.#options = options;
    this.#schemes = options.endpoint.schemes;
    const { transport, credentials, insecure, endpoint } = options;
    this.#authorizer = new Authorizer({ transport, credentials, insecure, host: endpoint.host });
  }

  get name(): string {
    return this.endpoint.host;
  }

  get retry(): RetryPolicy {
    return this.#options.retry;
  }

  /** Sends a request and answers its response, whatever its status, once it is not one that waiting may mend. */
  async send(request: RegistryRequest): Promise<HttpResponse> {
    const most = request.attempts ?? this.retry.attempts;
    for (let failures = 0; ; ) {
      try {
        const attributes = { host: this.name, method: request.method };
        const response = await withSpan(request.operation, () => this.#authorized(request), attributes);
        if (!isTransientStatus(response.status)) return response;
        throw await this.fail(request, response);
      } catch (error) {
        // Nobody took the connection in all that time: asked again, the caller would only wait several times as long.
        const unreached = error instanceof NetworkError && error.reason === UNREACHED;
        await this.wait(error, ++failures, unreached ? 1 : most, request);
      }
    }
  }

  /** Waits before the next attempt, or throws `error` when there is to be none. */
  async wait(error: unknown, failures: number, most: number, options: WaitOptions): Promise<void> {
    if (!isTransient(error)) throw error;
    const refused = error instanceof NetworkError && ["ECONNREFUSED", UNREACHED].includes(error.reason);
    if (failures >= (refused ? Math.min(most, REFUSED_ATTEMPTS) : most)) throw error;
    const asked = error instanceof NetworkError ? undefined : error.delay;
    if (asked !== undefined && asked > this.retry.patience) throw tooLong(error, this.name, asked);
    const delay = Math.max(asked ?? 0, backoff(this.retry, failures));
    options.onRetry?.({ delay, error });
    await pause(delay, options.signal);
  }

  /** As send(), but an answer with another status than those expected is an error. */
  async expect(request: RegistryRequest, ...statuses: number[]): Promise<HttpResponse> {
    const response = await this.send(request);
    if (statuses.includes(response.status)) return response;
    throw await this.fail(request, response);
  }

  /** The error that a response stands for; its body is used up. */
  async fail(request: Pick<RegistryRequest, "operation" | "subject">, response: HttpResponse): Promise<WharfError> {
    return await statusError(request.operation, request.subject, response);
  }

  /** The URL of a path, in the scheme that works. */
  url(path: string | URL): URL {
    if (path instanceof URL) return path;
    return new URL(`${this.#schemes[0]}://${this.endpoint.host}${this.endpoint.prefix}${path}`);
  }

  async #authorized(request: RegistryRequest): Promise<HttpResponse> {
    let header = await this.#authorizer.header(request.scopes, request.signal);
    for (let attempt = 0; ; attempt++) {
      const response = await this.#followed(request, header);
      if (response.status !== 401 || attempt >= 2) return response;
      if (response.url.host !== this.url("/").host) return response;
      let next: string | undefined;
      try {
        if (!(await this.#authorizer.learn(response.headers["www-authenticate"], request.scopes, header)))
          return response;
        next = await this.#authorizer.header(request.scopes, request.signal);
      } catch (error) {
        response.discard();
        throw error;
      }
      if (next === undefined) return response;
      response.discard();
      header = next;
    }
  }

  /** Follows redirects of reads. What proves who we are stays with the host it is meant for. */
  async #followed(request: RegistryRequest, authorization: string | undefined): Promise<HttpResponse> {
    const read = request.method === "GET" || request.method === "HEAD";
    let response = await this.#schemed(request, authorization);
    for (let hops = 0; read && isRedirect(response.status); hops++) {
      const from = response.url;
      const location = response.headers.location;
      if (location === undefined) return response;
      response.discard();
      const to = this.#target(location, from, request);
      if (hops >= MAX_REDIRECTS) throw broken(request, `${from.host} redirects in a circle`);
      const same = to.origin === this.url("/").origin;
      const headers = { ...request.headers, ...(same ? this.endpoint.headers : {}) };
      if (same && authorization !== undefined) headers.authorization = authorization;
      response = await this.#options.transport.request({
        method: request.method,
        url: to,
        headers,
        signal: request.signal,
        bulk: request.bulk,
        pour: request.pour,
      });
    }
    return response;
  }

  #target(location: string, from: URL, request: RegistryRequest): URL {
    let to: URL;
    try {
      to = new URL(location, from);
    } catch {
      throw broken(request, `${from.host} redirects to ${JSON.stringify(location.slice(0, 200))}, which is no URL`);
    }
    if (to.protocol !== "https:" && to.protocol !== "http:")
      throw broken(request, `${from.host} redirects to ${to.protocol}`);
    if (from.protocol === "https:" && to.protocol === "http:" && !isInsecure(to.host, this.#options.insecure)) {
      throw broken(request, `${from.host} redirects from https to plain http at ${to.host}`);
    }
    return to;
  }

  async #schemed(request: RegistryRequest, authorization: string | undefined): Promise<HttpResponse> {
    const send = (): Promise<HttpResponse> => {
      const url = this.url(request.path);
      const own = url.host === this.endpoint.host || url.origin === this.url("/").origin;
      const headers: Record<string, string | string[]> = { ...(own ? this.endpoint.headers : {}), ...request.headers };
      if (authorization !== undefined && own) headers.authorization = authorization;
      return this.#options.transport.request({
        method: request.method,
        url,
        headers,
        body: request.body,
        signal: request.signal,
        bulk: request.bulk,
        pour: request.pour,
      });
    };
    if (this.#schemes.length === 1) return await send();
    const both = this.#schemes;
    try {
      const response = await send();
      if (!(await speaksTls(response))) {
        this.#schemes = both.slice(0, 1);
        return response;
      }
    } catch (error) {
      const other =
        error instanceof NetworkError &&
        (error.wrongScheme || (error.reason === "ECONNREFUSED" && !/:\d+$/.test(this.name)));
      if (!other) throw error;
      this.#schemes = both.slice(1);
      try {
        return await send();
      } catch (second) {
        this.#schemes = both;
        // The first failure is the better explanation unless the second got further.
        throw second instanceof NetworkError && second.wrongScheme ? error : second;
      }
    }
    this.#schemes = both.slice(1);
    return await send();
  }
}

/** True for the 400 with which Go's and nginx's TLS servers answer plain http. */
async function speaksTls(response: HttpResponse): Promise<boolean> {
  if (
    response.status !== 400 ||
    response.url.protocol !== "http:" ||
    response.headers["docker-distribution-api-version"]
  )
    return false;
  return /http request to an https server|plain http request was sent to https port/i.test(
    await response.text(64 << 10).catch(() => ""),
  );
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

function broken(request: RegistryRequest, why: string): WharfError {
  return new WharfError("FailedPrecondition", why, { operation: request.operation, subject: request.subject });
}

function tooLong(error: WharfError, host: string, delay: number): WharfError {
  return new WharfError("ResourceExhausted", `${host} asks to wait ${Math.ceil(delay / 1000)} s`, {
    operation: error.operation,
    subject: error.subject,
    hint: `try again in ${Math.ceil(delay / 60_000)} min, log in, or configure a mirror`,
    cause: error,
  });
}
