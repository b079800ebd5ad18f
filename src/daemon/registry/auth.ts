/** Basic and bearer authentication at one host for one user: answers challenges, keeps tokens per scope. */

import { type Challenge, parseChallenges } from "../../common/challenge.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import { isInsecure } from "./config.ts";
import type { Credentials } from "./credentials.ts";
import { isTransient, statusError } from "./errors.ts";
import type { Requester } from "./message.ts";

/** A token's first days are counted from now, its last seconds are not trusted; milliseconds. */
const EXPIRY_MARGIN = 5_000;
/** What a token lasts when the server does not say; the token spec's default, milliseconds. */
const DEFAULT_LIFETIME = 60_000;
/** How long credentials are taken to be the same; milliseconds. */
const CREDENTIALS_AGE = 30_000;
const TOKEN_LIMIT = 1 << 20;
const CLIENT_ID = "wharf";

interface Token {
  value: string;
  /** Milliseconds since the epoch. */
  expires: number;
}

/** `repository:library/busybox:pull,push` and the like (distribution token scope). */
export type Scope = string;

export interface AuthorizerOptions {
  transport: Requester;
  credentials: () => Promise<Credentials | undefined>;
  /** Hosts to which credentials may go without TLS. */
  insecure: readonly string[];
  /** For messages. */
  host: string;
}

export class Authorizer {
  readonly #options: AuthorizerOptions;
  #challenge: Challenge | undefined;
  #credentials: { at: number; value: Promise<Credentials | undefined> } | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();
  /** Scopes a server wanted beyond those we thought of. */
  readonly #wanted = new Map<string, Scope[]>();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** The Authorization header for these scopes; undefined as long as the host has not asked for any. */
  async header(scopes: readonly Scope[], signal: AbortSignal | undefined): Promise<string | undefined> {
    const challenge = this.#challenge;
    if (!challenge) return undefined;
    const credentials = await this.#who();
    if (credentials?.registryToken) return `Bearer ${credentials.registryToken}`;
    if (challenge.scheme === "basic") {
      if (credentials?.username === undefined) return undefined;
      return `Basic ${Buffer.from(`${credentials.username}:${credentials.password ?? ""}`).toString("base64")}`;
    }
    const key = keyOf(scopes);
    const wanted = mergeScopes([...scopes, ...(this.#wanted.get(key) ?? [])]);
    for (;;) {
      let token = this.#tokens.get(key);
      if (!token) {
        token = this.#fetch(challenge, wanted, credentials, signal);
        this.#tokens.set(key, token);
      }
      try {
        const { value, expires } = await token;
        if (expires > Date.now()) return `Bearer ${value}`;
        if (this.#tokens.get(key) === token) this.#tokens.delete(key);
      } catch (error) {
        if (this.#tokens.get(key) === token) this.#tokens.delete(key);
        // Another caller's cancellation ended the request that both were waiting for.
        if (!isCode(error, "Canceled", "DeadlineExceeded") || signal?.aborted) throw error;
        if (isTransient(error)) throw error;
      }
    }
  }

  /**
   * Learns from a 401. True when the request is worth repeating with a new header.
   * @param sent the Authorization header that was refused, if there was one
   */
  async learn(
    wwwAuthenticate: string | undefined,
    scopes: readonly Scope[],
    sent: string | undefined,
  ): Promise<boolean> {
    const challenges = parseChallenges(wwwAuthenticate ?? "");
    const bearer = challenges.find((one) => one.scheme === "bearer" && one.parameters.realm);
    const basic = challenges.find((one) => one.scheme === "basic");
    const credentials = await this.#who();
    const challenge =
      bearer ?? (credentials?.username !== undefined || credentials?.registryToken !== undefined ? basic : undefined);
    if (!challenge) return false;
    const first = this.#challenge === undefined;
    this.#challenge = challenge;
    if (sent !== undefined && (sent.startsWith("Basic ") || credentials?.registryToken !== undefined)) return false;
    const key = keyOf(scopes);
    if (sent !== undefined || first) this.#tokens.delete(key);
    const scope = challenge.parameters.scope;
    if (scope) this.#wanted.set(key, scope.split(" ").filter(Boolean));
    return true;
  }

  /** Asked anew now and then: `docker login` may have changed the answer. */
  async #who(): Promise<Credentials | undefined> {
    const known = this.#credentials;
    if (known && Date.now() - known.at < CREDENTIALS_AGE) return await known.value;
    const fresh = { at: Date.now(), value: this.#options.credentials() };
    this.#credentials = fresh;
    try {
      const value = await fresh.value;
      if (known && JSON.stringify(value) !== JSON.stringify(await known.value.catch(() => undefined)))
        this.#tokens.clear();
      return value;
    } catch (error) {
      if (this.#credentials === fresh) this.#credentials = undefined;
      throw error;
    }
  }

  async #fetch(
    challenge: Challenge,
    scopes: Scope[],
    credentials: Credentials | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Token> {
    const { realm, service } = challenge.parameters;
    const url = this.#realm(realm ?? "", credentials);
    const oauth = credentials?.identityToken !== undefined;
    let answer = oauth
      ? await this.#post(url, service, scopes, credentials, signal)
      : await this.#get(url, service, scopes, credentials, signal);
    if (!oauth && answer.status === 405 && credentials?.username !== undefined) {
      answer.discard();
      answer = await this.#post(url, service, scopes, credentials, signal);
    }
    if (answer.status !== 200) {
      const error: WharfError = await statusError("get token", url.host, answer);
      if (error.code === "NotFound" || isTransient(error as unknown)) throw error;
      throw credentials
        ? new WharfError(error.code, `${this.#options.host} refused the credentials`, {
            operation: "log in",
            subject: this.#options.host,
            hint: error.hint,
            cause: error,
          })
        : error;
    }
    return parseToken(await answer.text(TOKEN_LIMIT), url.host);
  }

  #realm(realm: string, credentials: Credentials | undefined): URL {
    let url: URL;
    try {
      url = new URL(realm);
    } catch {
      throw this.#refuse(`its token server ${JSON.stringify(realm)} is no URL`);
    }
    if (url.protocol !== "https:" && url.protocol !== "http:")
      throw this.#refuse(`its token server is at ${url.protocol}`);
    if (credentials && url.protocol === "http:" && !isInsecure(url.host, this.#options.insecure)) {
      throw this.#refuse(`it wants the password sent to ${url.host} without encryption`);
    }
    return url;
  }

  #get(
    url: URL,
    service: string | undefined,
    scopes: Scope[],
    credentials: Credentials | undefined,
    signal: AbortSignal | undefined,
  ) {
    const target = new URL(url);
    if (service) target.searchParams.set("service", service);
    for (const scope of scopes) target.searchParams.append("scope", scope);
    const headers: Record<string, string> = {};
    if (credentials?.username !== undefined) {
      target.searchParams.set("account", credentials.username);
      headers.authorization = `Basic ${Buffer.from(`${credentials.username}:${credentials.password ?? ""}`).toString("base64")}`;
    }
    return this.#options.transport.request({ method: "GET", url: target, headers, signal });
  }

  /** OAuth2 (distribution, "token/oauth"): with a refresh token, or a password where GET is not served. */
  #post(
    url: URL,
    service: string | undefined,
    scopes: Scope[],
    credentials: Credentials | undefined,
    signal: AbortSignal | undefined,
  ) {
    const form = new URLSearchParams({ client_id: CLIENT_ID, scope: scopes.join(" ") });
    if (service) form.set("service", service);
    if (credentials?.identityToken !== undefined) {
      form.set("grant_type", "refresh_token");
      form.set("refresh_token", credentials.identityToken);
    } else {
      form.set("grant_type", "password");
      form.set("username", credentials?.username ?? "");
      form.set("password", credentials?.password ?? "");
    }
    const headers = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
    return this.#options.transport.request({
      method: "POST",
      url,
      headers,
      body: Buffer.from(form.toString()),
      signal,
    });
  }

  #refuse(why: string): WharfError {
    return new WharfError("FailedPrecondition", `cannot log in to ${this.#options.host}: ${why}`, {
      operation: "log in",
      subject: this.#options.host,
    });
  }
}

function parseToken(body: string, host: string): Token {
  let value: { token?: unknown; access_token?: unknown; expires_in?: unknown };
  try {
    value = JSON.parse(body) as typeof value;
  } catch (cause) {
    throw new WharfError("Unavailable", `the token server ${host} did not answer with JSON`, {
      operation: "get token",
      subject: host,
      cause,
    });
  }
  const token = value?.token || value?.access_token;
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw new WharfError("Unavailable", `the token server ${host} answered without a token`, {
      operation: "get token",
      subject: host,
    });
  }
  const seconds =
    typeof value.expires_in === "number" && value.expires_in > 0 ? value.expires_in : DEFAULT_LIFETIME / 1000;
  return { value: token, expires: Date.now() + Math.max(1000, seconds * 1000 - EXPIRY_MARGIN) };
}

function keyOf(scopes: readonly Scope[]): string {
  return [...scopes].sort().join(" ");
}

/** One entry a resource, its actions joined: some token servers look at the first only. */
export function mergeScopes(scopes: readonly Scope[]): Scope[] {
  const byResource = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const colon = scope.lastIndexOf(":");
    const resource = colon < 0 ? scope : scope.slice(0, colon);
    const actions = byResource.get(resource) ?? new Set<string>();
    for (const action of colon < 0 ? [] : scope.slice(colon + 1).split(",")) actions.add(action);
    byResource.set(resource, actions);
  }
  return [...byResource]
    .map(([resource, actions]) => (actions.size > 0 ? `${resource}:${[...actions].sort().join(",")}` : resource))
    .sort();
}
