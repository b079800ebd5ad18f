/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a container, written into its folder on the host. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerRecord } from "../containers/record.ts";
import type { OwnFile } from "../spec/mounts.ts";
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

/** Writes them and says where they are to be mounted. */
export async function writeNetworkFiles(
  directory: string,
  record: ContainerRecord,
  attachment: NetworkAttachment,
): Promise<OwnFile[]> {
  const { sharedFiles } = attachment;
  if (sharedFiles !== undefined) {
    return NAMES.map((name) => ({ source: join(sharedFiles, name), destination: `/etc/${name}` }));
  }
  const { config, hostConfig } = record;
  const onHost = attachment.namespace === "host";
  const hosts = onHost ? [(await readFile("/etc/hosts", "utf8").catch(() => "")).trimEnd()] : [...LOCALHOST];
  for (const { address, names } of attachment.hosts) hosts.push(`${address}\t${names.join(" ")}`);
  for (const extra of hostConfig.ExtraHosts ?? []) {
    const at = extra.search(/[:=]/);
    hosts.push(`${extra.slice(at + 1)}\t${extra.slice(0, at)}`);
  }
  const files: [string, string][] = [
    ["resolv.conf", await resolvConf(record, attachment)],
    ["hostname", `${config.Hostname}\n`],
    ["hosts", `${hosts.join("\n")}\n`],
  ];
  await Promise.all(files.map(([name, content]) => writeFile(join(directory, name), content, { mode: 0o644 })));
  return files.map(([name]) => ({ source: join(directory, name), destination: `/etc/${name}` }));
}

async function resolvConf(record: ContainerRecord, { resolver, namespace }: NetworkAttachment): Promise<string> {
  const { Dns, DnsOptions, DnsSearch } = record.hostConfig;
  const host = parse(await readFile("/etc/resolv.conf", "utf8").catch(() => ""));
  const base = resolver === "host" ? host : resolver;
  const servers = Dns?.length ? Dns : base.servers;
  const search = DnsSearch?.length ? DnsSearch.filter((domain) => domain !== ".") : base.search;
  const options = DnsOptions?.length ? DnsOptions : base.options;
  // The host's own loopback means something else in another network namespace.
  const reachable = namespace === "host" ? servers : servers.filter((server) => !/^(127\.|::1$)/.test(server));
  const lines = reachable.map((server) => `nameserver ${server}`);
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  if (options.length > 0) lines.push(`options ${options.join(" ")}`);
  return lines.length > 0 ? `${lines.join("\n")}\n` : "";
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
