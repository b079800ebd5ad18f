/** On a user's network containers know each other by name: each one's /etc/hosts has the others that run. */

import type { ContainerRecord } from "../containers/record.ts";
import type { Engine } from "../engine.ts";
import { shortId } from "../ids.ts";
import type { NetworkAttachment } from "./driver.ts";
import { ownNames, rewriteHosts, wantsGateway } from "./files.ts";

/** What others on its network may call it. */
export function dnsNames({ id, name, config, hostConfig, networks }: ContainerRecord): string[] {
  const aliases = (networks[hostConfig.NetworkMode]?.Aliases ?? []) as string[];
  return [...new Set([name, ...aliases, shortId(id), config.Hostname])];
}

/** The others on its network, each with its address there. */
function peersOf(engine: Engine, { id, hostConfig }: ContainerRecord): { peer: ContainerRecord; address: string }[] {
  const mode = hostConfig.NetworkMode;
  if (!engine.networks.user(mode)) return [];
  return engine.containers.all().flatMap(({ record: peer }) => {
    if (peer.id === id || peer.hostConfig.NetworkMode !== mode) return [];
    const attachment = engine.networks.attachmentOf(mode, peer.id);
    return attachment ? [{ peer, address: attachment.address }] : [];
  });
}

/** Lines for its /etc/hosts. */
export function peerHosts(engine: Engine, record: ContainerRecord): NetworkAttachment["hosts"] {
  return peersOf(engine, record).map(({ peer, address }) => ({ address, names: dnsNames(peer) }));
}

/** When it has come or gone: the others learn of it. */
export async function tellPeers(engine: Engine, record: ContainerRecord): Promise<void> {
  const peers = peersOf(engine, record);
  const gateway = peers.some(({ peer }) => wantsGateway(peer)) ? await engine.networks.hostAddress() : undefined;
  for (const { peer } of peers) {
    // One a turn of the event loop: there may be hundreds.
    await new Promise(setImmediate);
    const own = engine.networks.attachmentOf(peer.hostConfig.NetworkMode, peer.id);
    if (!own) continue;
    const lines = [{ address: own.address, names: ownNames(peer) }, ...peerHosts(engine, peer)];
    rewriteHosts(engine, peer, lines, gateway);
  }
}
