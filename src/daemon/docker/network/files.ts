/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a container, written into its folder on the host. */

import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerRecord } from "../containers/record.ts";
import type { OwnFile } from "../spec/mounts.ts";
import type { Surroundings } from "../surroundings.ts";
import type { NetworkAttachment } from "./driver.ts";

const LOCALHOST = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

const NAMES = ["resolv.conf", "hostname", "hosts"] as const;

/** What --add-host has for the host's own address on the bridge. */
const HOST_GATEWAY = "host-gateway";

export function wantsGateway({ hostConfig }: Pick<ContainerRecord, "hostConfig">): boolean {
  return (hostConfig.ExtraHosts ?? []).some((extra) => splitExtra(extra)[1] === HOST_GATEWAY);
}

function splitExtra(extra: string): [name: string, address: string] {
  const at = extra.search(/[:=]/);
  return [extra.slice(0, at), extra.slice(at + 1).replace(/^\[(.*)\]$/, "$1")];
}

/** The names of a container in its own /etc/hosts. */
export function ownNames({ config }: Pick<ContainerRecord, "config">): string[] {
  return config.Domainname ? [`${config.Hostname}.${config.Domainname}`, config.Hostname] : [config.Hostname];
}

/** /etc/hosts with the given lines; `gateway` is what host-gateway stands for. */
function hostsText(
  { hostConfig }: Pick<ContainerRecord, "hostConfig">,
  lines: NetworkAttachment["hosts"],
  { onHost, gateway }: { onHost: boolean; gateway?: string | undefined },
): string {
  const hosts = onHost ? [(readText("/etc/hosts") ?? "").trimEnd()] : [...LOCALHOST];
  for (const { address, names } of lines) hosts.push(`${address}\t${names.join(" ")}`);
  for (const extra of hostConfig.ExtraHosts ?? []) {
    const [name, address] = splitExtra(extra);
    if (address !== HOST_GATEWAY) hosts.push(`${address}\t${name}`);
    else if (gateway !== undefined) hosts.push(`${gateway}\t${name}`);
  }
  return `${hosts.join("\n")}\n`;
}

/**
 * /etc/hosts of a container that runs, when others have come or gone. In place, for the container has this very file, and in one turn, so that two who
 * tell it at once do not mix. What fails is logged: the start or the end of another does not depend on it.
 */
export function rewriteHosts(
  surroundings: Pick<Surroundings, "folder" | "log">,
  record: ContainerRecord,
  lines: NetworkAttachment["hosts"],
  gateway: string | undefined,
): void {
  const text = hostsText(record, lines, { onHost: false, gateway });
  try {
    const file = openSync(join(surroundings.folder(record.id), "hosts"), "r+");
    try {
      writeFileSync(file, text);
      ftruncateSync(file, Buffer.byteLength(text));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    // One that goes meanwhile has none any more.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    surroundings.log("error", "a container's /etc/hosts is not up to date", { id: record.id, error });
  }
}

/** Writes them and says where they are to be mounted. */
export async function writeNetworkFiles(
  directory: string,
  record: ContainerRecord,
  attachment: NetworkAttachment,
  gateway?: string,
): Promise<OwnFile[]> {
  const { sharedFiles } = attachment;
  if (sharedFiles !== undefined) {
    return NAMES.map((name) => ({ source: join(sharedFiles, name), destination: `/etc/${name}` }));
  }
  const { config } = record;
  const onHost = attachment.namespace === "host";
  const files: [string, string][] = [
    ["resolv.conf", resolvConf(record, attachment)],
    ["hostname", `${config.Hostname}\n`],
    ["hosts", hostsText(record, attachment.hosts, { onHost, gateway })],
  ];
  // Small ones: to write them takes less than to wait for a thread that does, on a busy machine by milliseconds.
  for (const [name, content] of files) writeFileSync(join(directory, name), content, { mode: 0o644 });
  return files.map(([name]) => ({ source: join(directory, name), destination: `/etc/${name}` }));
}

function resolvConf(record: ContainerRecord, { resolver, namespace }: NetworkAttachment): string {
  const { Dns, DnsOptions, DnsSearch } = record.hostConfig;
  const host = hostResolver(namespace === "host");
  const base = resolver === "host" ? host : resolver;
  const servers = Dns?.length ? Dns : base.servers;
  const search = DnsSearch?.length ? DnsSearch.filter((domain) => domain !== ".") : base.search;
  const options = DnsOptions?.length ? DnsOptions : base.options;
  // The host's own loopback means something else in another network namespace.
  const reachable = namespace === "host" ? servers : servers.filter((server) => !/^(127\.|::1$)/.test(server));
  // As dockerd has it, so that names resolve at all.
  if (reachable.length === 0 && namespace !== "host" && namespace !== "own") reachable.push("8.8.8.8", "8.8.4.4");
  const lines = reachable.map((server) => `nameserver ${server}`);
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  if (options.length > 0) lines.push(`options ${options.join(" ")}`);
  return lines.length > 0 ? `${lines.join("\n")}\n` : "";
}

/** Of a host whose only server is systemd's stub on its loopback: the servers that the stub asks. */
function hostResolver(onHost: boolean): ReturnType<typeof parse> {
  const found = parse(readText("/etc/resolv.conf") ?? "");
  if (onHost || found.servers.length !== 1 || found.servers[0] !== "127.0.0.53") return found;
  const behind = readText("/run/systemd/resolve/resolv.conf");
  return behind === undefined ? found : parse(behind);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function parse(text: string): { servers: string[]; search: string[]; options: string[] } {
  const found = { servers: [] as string[], search: [] as string[], options: [] as string[] };
  for (const line of text.split("\n")) {
    const [word, ...rest] = line
      .replace(/[#;].*/, "")
      .trim()
      .split(/\s+/);
    if (word === "nameserver") found.servers.push(...rest.slice(0, 1));
    else if (word === "search" || word === "domain") found.search = rest;
    else if (word === "options") found.options.push(...rest);
  }
  return found;
}
