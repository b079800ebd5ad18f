// A registry asked by ctr itself, for the commands that fetch or push a single object: no daemon takes part.
import { parseChallenges } from "../../common/challenge.ts";
import { cut, type FlagValues } from "../../common/cli/flags.ts";
import { formatRequest, type Head } from "../../common/cli/http1.ts";
import { type Code, WharfError } from "../../common/errors.ts";
import { paddedBase64 } from "../../common/grpc/base64.ts";
import { HUB_HOST, parseReference, type Reference } from "../../common/reference.ts";
import { Connection, Response } from "../cli/http/connection.ts";
import { connectTo, parseEndpoint } from "../cli/http/endpoint.ts";
import { readSecret } from "../cli/stream/ask.ts";
import { type Ctr, usage } from "./ctr.ts";
import type { REGISTRY } from "./flags.ts";

type RegistryFlags = FlagValues<typeof REGISTRY>;

interface Ask {
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array;
}

const REDIRECTS = 10;
const CODE: Readonly<Record<number, Code>> = {
  ...{ 401: "Unauthenticated", 403: "PermissionDenied", 404: "NotFound", 429: "ResourceExhausted" },
};

export class RegistryClient {
  readonly reference: Reference;
  readonly #ctr: Ctr;
  readonly #flags: RegistryFlags;
  readonly #origin: string;
  #authorization: string | undefined;
  #password: string | undefined;

  constructor(ctr: Ctr, reference: string, flags: RegistryFlags) {
    if (flags["hosts-dir"]) throw usage("--hosts-dir is for what the daemon does: name the registry itself here");
    this.#ctr = ctr;
    this.#flags = flags;
    this.reference = parseReference(reference);
    const { domain } = this.reference;
    this.#origin = `${flags["plain-http"] ? "http" : "https"}://${domain === "docker.io" ? HUB_HOST : domain}`;
  }

  /** `path` is below the repository, such as blobs/DIGEST. Answers with another status than `good` are errors. */
  async ask(path: string, good: readonly number[], request: Ask = {}): Promise<Response> {
    const url =
      path.includes("://") || path.startsWith("/")
        ? this.absolute(path)
        : `${this.#origin}/v2/${this.reference.path}/${path}`;
    let answer = await this.#authorized(url, request);
    if (answer.head.status === 401 && (await this.#authorize(answer.head, request.method ?? "GET"))) {
      answer[Symbol.dispose]();
      answer = await this.#authorized(url, request);
    }
    if (good.includes(answer.head.status)) return answer;
    const { status } = answer.head;
    const told = (await answer.text()).slice(0, 500).trim();
    const message = `${request.method ?? "GET"} ${url.replace(/\?.*/s, "")}: status ${status}${told ? `: ${told}` : ""}`;
    throw new WharfError(CODE[status] ?? "Unknown", message);
  }

  /** A place that the registry named. */
  absolute(location: string): string {
    return location.startsWith("/") ? `${this.#origin}${location}` : location;
  }

  /** Follows redirects; the authorization is the registry's own, and stays with it. */
  async #authorized(url: string, request: Ask): Promise<Response> {
    for (let at = url, left = REDIRECTS; left > 0; left--) {
      const own = at.startsWith(`${this.#origin}/`);
      const answer = await this.#send(at, request, own ? this.#authorization : undefined);
      const location = answer.head.headers.get("location");
      if (![301, 302, 303, 307, 308].includes(answer.head.status) || !location) return answer;
      answer[Symbol.dispose]();
      const [origin = ""] = /^[a-z]+:\/\/[^/]+/.exec(at) ?? [];
      at = location.startsWith("/") ? `${origin}${location}` : location;
    }
    throw new WharfError("Unavailable", `${url}: more than ${REDIRECTS} redirects`);
  }

  async #send(url: string, { method = "GET", headers = {}, body }: Ask, authorization?: string): Promise<Response> {
    const [, scheme, host = "", target = "/"] = /^(https?):\/\/([^/?#]+)([^#]*)/.exec(url) ?? [];
    if (!scheme) throw new WharfError("InvalidArgument", `${JSON.stringify(url)} is no address of a registry`);
    const { tlscacert: ca, tlscert: cert, tlskey: key } = this.#flags;
    const tls = {
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
      verify: !this.#flags["skip-verify"],
    };
    const port = /:\d+$/.test(host) ? "" : scheme === "https" ? ":443" : ":80";
    const endpoint = parseEndpoint(`${scheme}://${host}${port}`, scheme === "https" ? tls : undefined);
    const connection = new Connection(await connectTo(endpoint));
    const all = {
      Host: host,
      "User-Agent": "ctr",
      Connection: "close",
      ...(authorization ? { Authorization: authorization } : {}),
      ...headers,
    };
    if (this.#flags["http-dump"]) this.#ctr.err(`${method} ${url.replace(/\?.*/s, "")}\n`);
    await connection.send(formatRequest(method, target === "" ? "/" : target, all, body));
    const head = await connection.head();
    if (!head) throw new WharfError("Unavailable", `${host} closed the connection without an answer`);
    if (this.#flags["http-dump"]) this.#ctr.err(`${head.status} ${head.reason}\n`);
    return new Response(method, head, connection, () => connection[Symbol.dispose]());
  }

  #credentials(): { name: string; password: string } | undefined {
    if (!this.#flags.user) return undefined;
    const [name, given] = cut(this.#flags.user, ":");
    this.#password ??= given ?? readSecret(this.#ctr, "Password: ");
    return { name, password: this.#password };
  }

  /** Does what the registry asks for; false when nothing can be done. */
  async #authorize({ headers }: Head, method: string): Promise<boolean> {
    if (this.#authorization !== undefined) return false;
    const credentials = this.#credentials();
    const basic = credentials && `Basic ${paddedBase64(native.bytes(`${credentials.name}:${credentials.password}`))}`;
    for (const { scheme, parameters } of parseChallenges(headers.get("www-authenticate") ?? "")) {
      if (scheme === "basic" && basic) this.#authorization = basic;
      else if (scheme === "bearer" && parameters.realm) {
        this.#authorization = `Bearer ${await this.#token(parameters, basic, method)}`;
      } else continue;
      return true;
    }
    return false;
  }

  async #token(
    parameters: Readonly<Record<string, string>>,
    basic: string | undefined,
    method: string,
  ): Promise<string> {
    const { realm = "", service = "" } = parameters;
    const actions = method === "GET" || method === "HEAD" ? "pull" : "pull,push";
    const query = { service, scope: parameters.scope ?? `repository:${this.reference.path}:${actions}` };
    const encode = (fields: Record<string, string>) =>
      Object.entries(fields)
        .filter(([, value]) => value !== "")
        .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
        .join("&");
    const form = { ...query, grant_type: "refresh_token", client_id: "ctr", refresh_token: this.#flags.refresh };
    using answer = this.#flags.refresh
      ? await this.#send(realm, {
          method: "POST",
          headers: { "Content-Type": "application/x-www-form-urlencoded" },
          body: native.bytes(encode(form)),
        })
      : await this.#send(`${realm}${realm.includes("?") ? "&" : "?"}${encode(query)}`, {}, basic);
    const { status } = answer.head;
    if (status !== 200)
      throw new WharfError("Unauthenticated", `the token server ${realm} answers with status ${status}`);
    const told = JSON.parse(await answer.text()) as { token?: string; access_token?: string };
    const token = told.token || told.access_token;
    if (!token) throw new WharfError("Unauthenticated", `the token server ${realm} gives no token`);
    return token;
  }
}
