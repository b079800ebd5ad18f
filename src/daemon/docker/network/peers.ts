/** On a user's network containers know each other by name: each one's /etc/hosts has the others that run. */

import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Attachment } from "../../../common/agent/network.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { Engine } from "../engine.ts";
import { shortId } from "../ids.ts";
import type { NetworkAttachment } from "./driver.ts";
import { hostsText, ownNames, wantsGateway } from "./files.ts";

/** What others on its network may call it. */
export function dnsNames({ id, name, config, hostConfig, networks }: ContainerRecord): string[] {
  const aliases = (networks[hostConfig.NetworkMode]?.Aliases ?? []) as string[];
  return [...new Set([name, ...aliases, shortId(id), config.Hostname])];
}

/** The others that run on its network. */
function peersOf(engine: Engine, { id, hostConfig }: ContainerRecord): [ContainerRecord, Attachment][] {
  const mode = hostConfig.NetworkMode;
  if (!engine.networks.user(mode)) return [];
  return engine.containers.all().flatMap(({ record }): [ContainerRecord, Attachment][] => {
    if (record.id === id || record.hostConfig.NetworkMode !== mode) return [];
    const attachment = engine.networks.attachmentOf(mode, record.id);
    return attachment ? [[record, attachment]] : [];
  });
}

/** Lines for its /etc/hosts. */
export function peerHosts(engine: Engine, record: ContainerRecord): NetworkAttachment["hosts"] {
  return peersOf(engine, record).map(([peer, { address }]) => ({ address, names: dnsNames(peer) }));
}

/** When it has come or gone: the others learn of it. */
export async function tellPeers(engine: Engine, record: ContainerRecord): Promise<void> {
  for (const [peer, attachment] of peersOf(engine, record)) {
    const lines = [{ address: attachment.address, names: ownNames(peer) }, ...peerHosts(engine, peer)];
    const gateway = wantsGateway(peer) ? await engine.networks.hostAddress() : undefined;
    const text = await hostsText(peer, lines, { onHost: false, gateway });
    await rewrite(join(engine.folder(peer.id), "hosts"), text);
  }
}

/** In place: the container has this very file. One that goes meanwhile has none any more. */
async function rewrite(path: string, text: string): Promise<void> {
  const file = await open(path, "r+").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (!file) return;
  try {
    await file.writeFile(text);
    await file.truncate(Buffer.byteLength(text));
  } finally {
    await file.close();
  }
}
