/**
 * The OCI distribution client (distribution-spec v1.1): one `Registry` for the daemon, which keeps connections, tokens and
 * what it learned about hosts; one `Repository` for a name as one user sees it.
 */

import { createHash } from "node:crypto";
import { type Digest, isDigest, verifyContent } from "../../common/digest.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import { type Descriptor, type ImageDocument, MAX_MANIFEST, parseImageDocument } from "../../common/oci/image.ts";
import { bareMediaType, isSchema1Type, MANIFEST_TYPES } from "../../common/oci/media-types.ts";
import { formatReference, type Reference, referenceObject, repositoryName } from "../../common/reference.ts";
import { type Endpoint, endpointsOf } from "./config.ts";
import type { CredentialSource, Credentials } from "./credentials.ts";
import { type ByteSink, type DownloadOptions, download } from "./download.ts";
import { RegistryHost, type RetryNotice } from "./host.ts";
import { type FileMover, Transport } from "./http.ts";
import type { Timeouts } from "./message.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";
import type { Capability, RegistryConfig, RegistrySettings } from "./settings.ts";
import { sha256 } from "./sha256.ts";
import { Uploader, type UploadOptions, type UploadSource } from "./upload.ts";
import { type RequestWatch, watched } from "./watch.ts";

/** Attempts at a mirror: the registry behind it is better than waiting for it. */
const MIRROR_ATTEMPTS = 2;
/** Tags are listed in pages; a registry that never stops paging is cut off. */
const MAX_TAG_PAGES = 10_000;
const TAG_PAGE = 1000;
const TAG_BODY = 8 << 20;

export interface RegistryOptions {
  config?: RegistryConfig;
  /** For callers that bring none. */
  credentials?: CredentialSource;
  timeouts?: Partial<Timeouts>;
  retry?: Partial<RetryPolicy>;
  userAgent?: string;
  /** Sends and fetches files over plain connections; they are read and written here without it. */
  agent?: FileMover;
}

/** How one caller wants a registry to be spoken to. */
export interface Way {
  /** What to speak to the registry itself; by default what suits its address. */
  scheme?: "http" | "https" | undefined;
  /** In place of what the configuration says of it. */
  settings?: RegistrySettings | undefined;
  /** Further headers of each request; names in lower case. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Is told of each request and its answer. */
  watch?: RequestWatch | undefined;
}

export interface Options {
  signal?: AbortSignal | undefined;
  onRetry?: ((notice: RetryNotice) => void) | undefined;
  /** Hosts to ask only when all others fail, by name. */
  avoid?: ReadonlySet<string> | undefined;
}

/** A manifest or index with its exact bytes. */
export interface FetchedDocument {
  descriptor: Descriptor;
  bytes: Uint8Array;
  document: ImageDocument;
}

export class Registry implements Disposable {
  readonly #options: RegistryOptions;
  readonly #retry: RetryPolicy;
  readonly #config: RegistryConfig;
  readonly #transports = new Map<string, Transport>();
  readonly #endpoints = new Map<string, Promise<Endpoint[]>>();
  readonly #hosts = new Map<string, RegistryHost>();
  readonly #askers = new WeakMap<CredentialSource, string>();
  #askerCount = 0;

  constructor(options: RegistryOptions = {}) {
    this.#options = options;
    this.#config = options.config ?? {};
    this.#retry = { ...DEFAULT_RETRY, ...options.retry };
  }

  /**
   * The repository a reference names. With `credentials` (or what asks for them, when a registry wants some) they are used, otherwise those
   * of the configuration.
   */
  repository(reference: Reference, credentials?: Credentials | CredentialSource, way: Way = {}): Repository {
    // What is watched is the caller's own, with its tokens.
    const known = way.watch ? new Map<string, RegistryHost>() : this.#hosts;
    const hosts = (capability: Capability) => this.#hostsFor(reference.domain, capability, credentials, way, known);
    return new Repository(reference, hosts);
  }

  async #hostsFor(
    domain: string,
    capability: Capability,
    credentials: Credentials | CredentialSource | undefined,
    way: Way,
    known = this.#hosts,
  ): Promise<RegistryHost[]> {
    const { scheme, settings, headers } = way;
    let endpoints = settings
      ? endpointsOf(domain, { ...this.#config, registries: { [domain]: settings }, mirrors: {} })
      : this.#endpoints.get(domain);
    if (!endpoints) {
      endpoints = endpointsOf(domain, this.#config);
      // what stands in folders is read anew each time: it may have changed
      if (!this.#config.directories?.length) {
        this.#endpoints.set(domain, endpoints);
        endpoints.catch(() => this.#endpoints.delete(domain));
      }
    }
    const able = (await endpoints).filter(
      (one) => one.capabilities.has(capability) && (capability !== "push" || !one.mirror),
    );
    if (able.length === 0) {
      throw new WharfError("FailedPrecondition", `no host of ${domain} is configured to ${capability}`, {
        operation: capability,
        subject: domain,
      });
    }
    const adapted = (one: Endpoint): Endpoint => ({
      ...one,
      schemes: scheme && !one.mirror ? [scheme] : one.schemes,
      headers: { ...headers, ...one.headers },
    });
    const { watch } = way;
    return able.map((endpoint) => this.#host(adapted(endpoint), domain, credentials, { known, watch }));
  }

  #host(
    endpoint: Endpoint,
    domain: string,
    credentials: Credentials | CredentialSource | undefined,
    { known, watch }: { known: Map<string, RegistryHost>; watch: RequestWatch | undefined },
  ): RegistryHost {
    const user =
      typeof credentials === "function"
        ? this.#asker(credentials)
        : credentials && sha256(Buffer.from(JSON.stringify(credentials)));
    const own = connectionKey(endpoint);
    const key = JSON.stringify([
      domain,
      endpoint.host,
      endpoint.prefix,
      endpoint.schemes,
      endpoint.headers,
      user ?? "",
      own,
    ]);
    let host = known.get(key);
    if (!host) {
      const source = this.#options.credentials;
      // What the caller gave is meant for the registry, not for whoever mirrors it.
      const theirs = credentials !== undefined && !endpoint.mirror;
      const given = async () => (typeof credentials === "function" ? await credentials(domain) : credentials);
      const who = theirs ? given : async () => await source?.(endpoint.mirror ? endpoint.host : domain);
      host = new RegistryHost({
        endpoint,
        transport: watched(this.#transport(endpoint, own), watch),
        credentials: who,
        retry: this.#retry,
        insecure: this.#config.insecure ?? [],
      });
      // Each user of each host has an entry with tokens: the oldest goes.
      if (known.size >= 64) known.delete(known.keys().next().value!);
    } else known.delete(key);
    known.set(key, host);
    return host;
  }

  /** Tells those who ask for credentials apart: each may get others. */
  #asker(source: CredentialSource): string {
    let name = this.#askers.get(source);
    if (name === undefined) {
      name = `asker-${++this.#askerCount}`;
      this.#askers.set(source, name);
    }
    return name;
  }

  /** Asks the registry itself whether it takes the credentials. Unauthenticated when it does not. */
  async login(domain: string, credentials: Credentials | undefined, signal?: AbortSignal): Promise<void> {
    const hosts = await this.#hostsFor(domain, "pull", credentials, {});
    const host = hosts.find(({ endpoint }) => !endpoint.mirror) ?? hosts[0]!;
    const request = { method: "GET", path: "/", scopes: [], operation: "log in", subject: domain, signal } as const;
    try {
      (await host.expect(request, 200)).discard();
    } catch (cause) {
      if (!isCode(cause, "Unauthenticated", "PermissionDenied")) throw cause;
      const { code, message, subject } = WharfError.from(cause);
      // without its hint, which is for those who ask for a repository
      throw new WharfError(code, `${domain} does not take this user name and password: ${message}`, {
        ...{ operation: "log in", subject },
      });
    }
  }

  /** Endpoints without settings of their own share one transport with its connections. */
  #transport(endpoint: Endpoint, own: string): Transport {
    const key = own && `${endpoint.host}${endpoint.prefix} ${own}`;
    let transport = this.#transports.get(key);
    if (!transport) {
      const timeouts = { ...this.#options.timeouts };
      if (endpoint.dialTimeout !== undefined) timeouts.connect = endpoint.dialTimeout;
      transport = new Transport({ ...this.#options, tls: endpoint.tls, timeouts });
      // those of settings that have been changed since
      if (this.#transports.size >= 64) this.#transports.delete(this.#transports.keys().next().value!);
      this.#transports.set(key, transport);
    }
    return transport;
  }

  /** Closes all connections. */
  [Symbol.dispose](): void {
    for (const transport of this.#transports.values()) transport[Symbol.dispose]();
    this.#transports.clear();
    this.#hosts.clear();
  }
}

export class Repository {
  readonly reference: Reference;
  readonly #hosts: (capability: Capability) => Promise<RegistryHost[]>;

  constructor(reference: Reference, hosts: (capability: Capability) => Promise<RegistryHost[]>) {
    this.reference = reference;
    this.#hosts = hosts;
  }

  get name(): string {
    return repositoryName(this.reference);
  }

  /**
   * What the reference's digest or tag stands for now, by HEAD: cheap, and free of Docker Hub's limits. Undefined when the
   * registry does not tell; then manifest() does. NotFound, Unauthenticated …
   */
  async resolve(options: Options = {}): Promise<Descriptor | undefined> {
    const object = referenceObject(this.reference);
    return await this.#first("resolve", "resolve", formatReference(this.reference), options, async (host, request) => {
      const response = await host.expect(
        { ...request, method: "HEAD", path: this.#path(host, `/manifests/${object}`), headers: accept() },
        200,
      );
      response.discard();
      const { "docker-content-digest": digest, "content-type": type, "content-length": length } = response.headers;
      if (digest === undefined || !type || length === undefined) return undefined;
      if (!isDigest(digest))
        throw lie(this.name, `${host.name} answered with the digest ${JSON.stringify(digest.slice(0, 100))}`);
      const mediaType = bareMediaType(type);
      if (!MANIFEST_TYPES.includes(mediaType) && !isSchema1Type(mediaType)) return undefined;
      if (this.reference.digest !== undefined)
        verifyContent(formatReference(this.reference), { digest: this.reference.digest }, { digest });
      return { mediaType, digest, size: Number(length) };
    });
  }

  /**
   * Fetches a manifest or index, by the reference's own tag or digest, or by descriptor. Its digest is verified against the
   * descriptor's, the reference's, or at least the header's. DataLoss, NotFound, InvalidArgument, Unimplemented (schema 1).
   */
  async manifest(
    wanted?: Pick<Descriptor, "digest"> & Partial<Descriptor>,
    options: Options = {},
  ): Promise<FetchedDocument> {
    const object = wanted?.digest ?? referenceObject(this.reference);
    const subject = wanted ? `${this.name}@${wanted.digest}` : formatReference(this.reference);
    const capability = wanted ? "pull" : "resolve";
    return await this.#first(capability, "fetch manifest", subject, options, async (host, request) => {
      const response = await host.expect(
        { ...request, method: "GET", path: this.#path(host, `/manifests/${object}`), headers: accept() },
        200,
      );
      const bytes = await response.bytes(MAX_MANIFEST);
      const digest = sha256(bytes);
      const header = response.headers["docker-content-digest"];
      const expected = wanted?.digest ?? this.reference.digest ?? (isDigest(header) ? header : undefined);
      if (expected !== undefined && !expected.startsWith("sha256:"))
        verifyContent(subject, { digest: expected }, { digest: hash(expected, bytes) });
      else if (expected !== undefined)
        verifyContent(subject, { digest: expected, size: wanted?.size }, { digest, size: bytes.byteLength });
      const document = parseImageDocument(
        Buffer.from(bytes).toString("utf8"),
        wanted?.mediaType ?? response.headers["content-type"],
        subject,
      );
      const descriptor: Descriptor = {
        mediaType: document.mediaType,
        digest: expected ?? digest,
        size: bytes.byteLength,
      };
      return { descriptor, bytes, document };
    });
  }

  /**
   * Writes a blob into `sink`, from the offset the sink has on. Broken connections are taken up again where they broke;
   * mirrors and then the registry are tried in turn. The sink verifies the digest. Answers the name of the host that sent
   * the last of it.
   */
  async blob(descriptor: Descriptor, sink: ByteSink, options: DownloadOptions = {}): Promise<string> {
    const subject = `${this.name}@${descriptor.digest}`;
    return await this.#first("pull", "fetch blob", subject, options, async (host, request) => {
      const path = this.#path(host, `/blobs/${descriptor.digest}`);
      await download(host, { ...request, method: "GET", path }, descriptor, sink, options);
      return host.name;
    });
  }

  /** All tags, in the registry's order. */
  async tags(options: Options = {}): Promise<string[]> {
    return await this.#first("resolve", "list tags", this.name, options, async (host, request) => {
      const tags: string[] = [];
      let path: string | URL = this.#path(host, `/tags/list`, { n: String(TAG_PAGE) });
      for (let page = 0; page < MAX_TAG_PAGES; page++) {
        const response = await host.expect({ ...request, method: "GET", path }, 200);
        const body = JSON.parse(await response.text(TAG_BODY)) as { tags?: unknown };
        if (Array.isArray(body.tags)) tags.push(...body.tags.filter((tag) => typeof tag === "string"));
        const next: string | undefined = /<([^>]+)>\s*;\s*rel="?next"?/i.exec(response.headers.link ?? "")?.[1];
        if (next === undefined) return tags;
        path = new URL(next, response.url);
        if (path.host !== response.url.host) throw lie(this.name, `${host.name} continues its list at ${path.host}`);
      }
      throw lie(this.name, `the list of tags does not end`);
    });
  }

  /** Uploads blobs and manifests. */
  async uploader(options: UploadOptions = {}): Promise<Uploader> {
    const hosts = await this.#hosts("push");
    return new Uploader(hosts[0]!, this.reference, options);
  }

  /** Convenience for uploader().blob(). */
  async pushBlob(descriptor: Descriptor, source: UploadSource, options: UploadOptions = {}): Promise<void> {
    await (await this.uploader(options)).blob(descriptor, source);
  }

  #path(host: RegistryHost, rest: string, query: Record<string, string> = {}): string {
    const parameters = new URLSearchParams(query);
    // A mirror may serve several registries: this tells it which is meant (containerd's convention).
    if (host.endpoint.mirror) parameters.set("ns", this.reference.domain);
    const text = parameters.toString();
    return `/${this.reference.path}${rest}${text ? `?${text}` : ""}`;
  }

  /** Asks the hosts in turn until one can do it; what the last of them said is the error. */
  async #first<T>(
    capability: Capability,
    operation: string,
    subject: string,
    options: Options,
    ask: (host: RegistryHost, request: RequestBase) => Promise<T>,
  ): Promise<T> {
    const all = await this.#hosts(capability);
    const avoided = (host: RegistryHost): boolean => options.avoid?.has(host.name) ?? false;
    const hosts = [...all.filter((host) => !avoided(host)), ...all.filter(avoided)];
    const scopes = [`repository:${this.reference.path}:pull`];
    const failed: string[] = [];
    for (const [at, host] of hosts.entries()) {
      try {
        const last = at === hosts.length - 1;
        const { signal, onRetry } = options;
        return await ask(host, {
          scopes,
          operation,
          subject,
          signal,
          onRetry,
          attempts: last ? undefined : MIRROR_ATTEMPTS,
        });
      } catch (error) {
        if (options.signal?.aborted || isCode(error, "Canceled") || at === hosts.length - 1 || isLocal(error)) {
          throw failed.length > 0 ? withMirrors(error, failed) : error;
        }
        failed.push(`${host.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    throw new WharfError("Internal", `no host for ${this.name}`, { operation, subject });
  }
}

interface RequestBase extends Pick<Options, "signal" | "onRetry"> {
  scopes: readonly string[];
  operation: string;
  subject: string;
  attempts: number | undefined;
}

/** Thrown by a sink: another host would not help. */
function isLocal(error: unknown): boolean {
  return error instanceof WharfError && error.operation === "store blob";
}

function withMirrors(error: unknown, failed: string[]): WharfError {
  const from = WharfError.from(error);
  return new WharfError(from.code, from.message, {
    operation: from.operation,
    subject: from.subject,
    hint: [from.hint, `the mirrors failed, too: ${failed.join("; ")}`].filter(Boolean).join("; "),
    cause: from,
  });
}

function accept(): Record<string, string> {
  return { accept: [...MANIFEST_TYPES, "*/*"].join(", ") };
}

function lie(subject: string, why: string): WharfError {
  return new WharfError("DataLoss", why, { operation: "ask registry", subject });
}

function hash(like: Digest, bytes: Uint8Array): Digest {
  const algorithm = like.slice(0, like.indexOf(":"));
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}` as Digest;
}

/** Tells apart what connections of their own are for: the same host may be given other certificates by another caller, or tomorrow. */
function connectionKey({ tls, dialTimeout }: Endpoint): string {
  if (tls === undefined && dialTimeout === undefined) return "";
  const { ca, cert, key, rejectUnauthorized } = tls ?? {};
  const files = [ca, cert, key].map((all) => all?.map((file) => file.toString("latin1")));
  return sha256(Buffer.from(JSON.stringify([files, rejectUnauthorized, dialTimeout])));
}
