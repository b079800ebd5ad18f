/** What plugins answer (CNI specification 1.1.0, sections 4 and 5): results of every version in the form of the latest, and errors. */
import { type Code, WharfError } from "../errors.ts";

export interface Interface {
  name: string;
  mac?: string;
  mtu?: number;
  /** The network namespace's path; absent for an interface of the host. */
  sandbox?: string;
  socketPath?: string;
  pciID?: string;
}

export interface Address {
  /** With its prefix length. */
  address: string;
  gateway?: string;
  /** In `interfaces`. */
  interface?: number;
}

export interface Route {
  dst: string;
  gw?: string;
  mtu?: number;
  advmss?: number;
  priority?: number;
  table?: number;
  scope?: number;
}

export interface Dns {
  nameservers?: string[];
  domain?: string;
  search?: string[];
  options?: string[];
}

export interface Result {
  interfaces: Interface[];
  ips: Address[];
  routes: Route[];
  dns: Dns;
}

/** A result as a plugin wrote it: what the next plugin, and CHECK and DEL, get back. */
export type RawResult = Readonly<Record<string, unknown>>;

interface OldAddress {
  ip?: string;
  gateway?: string;
  routes?: Route[];
}

/** The same, whatever version it was written in. */
export function resultOf(raw: RawResult): Result {
  const { interfaces, ips, routes, dns } = raw as Partial<Result>;
  const result: Result = { interfaces: interfaces ?? [], ips: ips ?? [], routes: routes ?? [], dns: dns ?? {} };
  // versions before 0.3.0 have one address of each family
  for (const old of [raw.ip4, raw.ip6] as (OldAddress | undefined)[]) {
    if (!old?.ip) continue;
    result.ips.push({ address: old.ip, ...(old.gateway ? { gateway: old.gateway } : {}) });
    result.routes.push(...(old.routes ?? []));
  }
  for (const one of result.ips) {
    if (one.interface === undefined || (one.interface >= 0 && one.interface < result.interfaces.length)) continue;
    const message = `the result's address ${one.address} is of interface ${one.interface}, which is not in it`;
    throw new WharfError("InvalidArgument", message);
  }
  return result;
}

/** The specification's codes that have a meaning of their own here; the others, and those of plugins, are Unknown. */
const CODES: Readonly<Record<number, Code>> = {
  1: "FailedPrecondition",
  2: "Unimplemented",
  3: "NotFound",
  4: "InvalidArgument",
  6: "InvalidArgument",
  7: "InvalidArgument",
  11: "Unavailable",
  50: "Unavailable",
  51: "Unavailable",
};

/**
 * What plugins of before version 1.0 have to say when they are to detach what is gone already, with code 100, or 999, or no code at all: the one place
 * where their text is read (containerd's go-cni knows them by it, too).
 */
const GONE = /no such file or directory|not found/;

/** What a plugin that failed had to say; `stderr` is told where it wrote no error in CNI's form. */
export function pluginError(
  plugin: string,
  command: string,
  status: number,
  stdout: string,
  stderr: string,
): WharfError {
  const codeOf = (text: string, code = 0) =>
    CODES[code] ?? (command === "DEL" && GONE.test(text) ? "NotFound" : "Unknown");
  const what = `CNI plugin ${JSON.stringify(plugin)} failed (${command.toLowerCase()})`;
  let told: { code?: number; msg?: string; details?: string } | undefined;
  try {
    told = JSON.parse(stdout) as typeof told;
  } catch {
    // it is text then
  }
  if (typeof told?.msg === "string") {
    const details = told.details ? `; ${told.details}` : "";
    return new WharfError(codeOf(told.msg + details, told.code), `${what}: ${told.msg}${details}`, { subject: plugin });
  }
  const text = (stderr || stdout).trim();
  return new WharfError(codeOf(text), `${what}: it ended with ${status}${text ? `: ${text}` : ""}`, {
    subject: plugin,
  });
}
