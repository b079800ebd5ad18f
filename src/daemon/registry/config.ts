/** Which hosts stand for a registry: mirrors in order, then the registry itself, each with its TLS settings. */

import { readFile } from "node:fs/promises";
import { BlockList, isIP } from "node:net";
import { WharfError } from "../../common/errors.ts";
import { DEFAULT_DOMAIN, HUB_HOST } from "../../common/reference.ts";
import { parseDuration } from "./duration.ts";
import type { Capability, HostSettings, RegistryConfig, RegistrySettings } from "./settings.ts";

/** TLS settings with the files read. */
export interface TlsSettings {
  ca?: Buffer[];
  /** Of the client, with the key of each at the same place. */
  cert?: Buffer[];
  key?: Buffer[];
  rejectUnauthorized?: boolean;
}

/** One place where a registry's content can be had. */
export interface Endpoint {
  /** `host[:port]`. */
  host: string;
  /** Path before `/<repository>/…`, `/v2` as a rule. */
  prefix: string;
  /** What to speak, the likelier first; what works is remembered. */
  schemes: ("http" | "https")[];
  capabilities: ReadonlySet<Capability>;
  mirror: boolean;
  tls: TlsSettings | undefined;
  headers: Record<string, string | string[]>;
  /** Milliseconds. */
  dialTimeout: number | undefined;
}

/** Of the first folder that knows the registry. Read anew each time: changes count from the next pull on. */
async function settingsIn(directories: readonly string[], domain: string): Promise<RegistrySettings | undefined> {
  if (directories.length === 0) return undefined;
  const { settingsOf } = await import("./hosts-dir.ts");
  for (const directory of directories) {
    const settings = await settingsOf(directory, domain);
    if (settings) return settings;
  }
  return undefined;
}

const ALL: readonly Capability[] = ["pull", "resolve", "push"];

/** The endpoints of a registry, in the order they are to be tried. Throws InvalidArgument for bad settings. */
export async function endpointsOf(domain: string, config: RegistryConfig): Promise<Endpoint[]> {
  const settings =
    (await settingsIn(config.directories ?? [], domain)) ??
    config.registries?.[domain] ??
    config.registries?._default ??
    {};
  const { server, host: hosts, ...own } = settings;
  const list: Endpoint[] = [];
  for (const [url, one] of Object.entries(hosts ?? {})) list.push(await endpoint(url, one, config, true));
  for (const url of config.mirrors?.[domain] ?? config.mirrors?._default ?? []) {
    list.push(await endpoint(url, { capabilities: ["pull", "resolve"] }, config, true));
  }
  if (server !== "") {
    const name = domain === DEFAULT_DOMAIN ? HUB_HOST : domain;
    list.push(await endpoint(server ?? name, own, config, false));
  }
  return list;
}

async function endpoint(
  address: string,
  settings: HostSettings,
  config: RegistryConfig,
  mirror: boolean,
): Promise<Endpoint> {
  const fail = (why: string, cause?: unknown): never => {
    throw new WharfError("InvalidArgument", `registry host ${JSON.stringify(address)}: ${why}`, {
      operation: "read registry settings",
      subject: address,
      cause,
    });
  };
  const given = /^(https?):\/\//i.exec(address)?.[1]?.toLowerCase() as "http" | "https" | undefined;
  let url: URL;
  try {
    url = new URL(given ? address : `https://${address}`);
  } catch (cause) {
    return fail("it is no URL", cause);
  }
  if (url.username || url.password || url.search || url.hash) fail("only scheme, host, port and path may be given");
  const capabilities = (settings.capabilities ?? []).map((one) => one.toLowerCase() as Capability);
  for (const capability of capabilities) {
    if (!ALL.includes(capability)) fail(`unknown capability ${JSON.stringify(capability)}`);
  }
  const path = url.pathname.replace(/\/+$/, "");
  const host = given ? url.host : address.replace(/\/.*$/, "");
  const insecure = isInsecure(host, config.insecure ?? []);
  const loopback = isLoopback(host);
  // As with containerd: who says how TLS is to be made does not mean plain http alone, unless the port is that of http.
  const secured = settings.ca ?? settings.client ?? settings.skip_verify;
  const tls = await tlsOf(settings, insecure && !given, fail);
  return {
    host,
    prefix: settings.override_path || path.endsWith("/v2") ? path : `${path}/v2`,
    schemes: given
      ? given === "http" && secured && url.port !== ""
        ? ["https", "http"]
        : [given]
      : settings.ca || settings.client
        ? ["https"]
        : loopback
          ? ["http", "https"]
          : insecure
            ? ["https", "http"]
            : ["https"],
    capabilities: new Set(capabilities.length > 0 ? capabilities : ALL),
    mirror,
    tls,
    headers: settings.header ?? {},
    dialTimeout:
      settings.dial_timeout === undefined
        ? undefined
        : (parseDuration(settings.dial_timeout) ?? fail("dial_timeout is no duration")),
  };
}

async function tlsOf(
  settings: HostSettings,
  insecure: boolean,
  fail: (why: string, cause?: unknown) => never,
): Promise<TlsSettings | undefined> {
  const tls: TlsSettings = {};
  const read = async (path: string): Promise<Buffer> => {
    try {
      return await readFile(path);
    } catch (cause) {
      return fail(`cannot read ${path}`, cause);
    }
  };
  if (settings.ca !== undefined) tls.ca = await Promise.all([settings.ca].flat().map(read));
  if (settings.client !== undefined) {
    const pairs = [settings.client].flat().map((one) => (typeof one === "string" ? [one, one] : one));
    if (
      pairs.some((pair) => !Array.isArray(pair) || pair.length !== 2 || pair.some((name) => typeof name !== "string"))
    )
      fail("client is a file, a list of files, or a list of pairs of certificate and key");
    tls.cert = await Promise.all(pairs.map(([cert]) => read(cert!)));
    tls.key = await Promise.all(pairs.map(([, key]) => read(key!)));
  }
  if (settings.skip_verify || (insecure && settings.ca === undefined)) tls.rejectUnauthorized = false;
  return Object.keys(tls).length > 0 ? tls : undefined;
}

/** `host[:port]` without the port and an address's brackets. */
export function hostName(host: string): string {
  return host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

/** True for localhost, 127.0.0.0/8 and ::1. */
export function isLoopback(host: string): boolean {
  const name = hostName(host).toLowerCase();
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** True when `host` is on the loopback or named by the list. */
export function isInsecure(host: string, list: readonly string[]): boolean {
  if (isLoopback(host)) return true;
  const name = hostName(host);
  const family = isIP(name);
  for (const entry of list) {
    if (entry === host || entry === name) return true;
    const network = /^(.+)\/(\d+)$/.exec(entry);
    if (!network || family === 0 || isIP(network[1]!) !== family) continue;
    const block = new BlockList();
    const type = family === 6 ? "ipv6" : "ipv4";
    block.addSubnet(network[1]!, Number(network[2]), type);
    if (block.check(name, type)) return true;
  }
  return false;
}
