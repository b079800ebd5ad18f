// The packet rules of one bridge network, in an nf_tables table of its own: the host's own firewall is never touched.
import { fromNumber, type Subnet } from "./address.ts";
import * as nft from "./nft.ts";

const [R0, R1, R2] = nft.REG;
const META_IIFNAME = 6;
const META_OIFNAME = 7;
const META_L4PROTO = 16;
const RTN_LOCAL = 2;
const ESTABLISHED_OR_RELATED = 2 | 4;
const STATUS_DNAT = 1 << 5;
const REG1 = 1;
const PORTS = "ports";

export interface PublishedPort {
  protocol: "tcp" | "udp";
  /** Four bytes; all zero for every address of the host. */
  hostAddress: Uint8Array;
  hostPort: number;
  containerAddress: Uint8Array;
  containerPort: number;
}

const tableName = (bridge: string) => `wharf_${bridge}`;

const from = (bridge: string) => [nft.meta(META_IIFNAME, REG1), nft.compare(REG1, true, nft.interfaceName(bridge))];
const to = (bridge: string) => [nft.meta(META_OIFNAME, REG1), nft.compare(REG1, true, nft.interfaceName(bridge))];
const notTo = (bridge: string) => [nft.meta(META_OIFNAME, REG1), nft.compare(REG1, false, nft.interfaceName(bridge))];
const notFrom = (bridge: string) => [nft.meta(META_IIFNAME, REG1), nft.compare(REG1, false, nft.interfaceName(bridge))];

const inSubnet = (offset: number, base: number, bits: number) => [
  nft.payload(1, offset, 4, REG1),
  nft.mask(REG1, fromNumber(bits)),
  nft.compare(REG1, true, fromNumber(base)),
];
const SOURCE = 12;
const DESTINATION = 16;
const LOOPBACK = { base: 0x7f000000, mask: 0xff000000 };

const hasBits = (key: 0 | 2, bits: number) => [
  nft.conntrack(key, REG1),
  nft.mask(REG1, nft.word(bits)),
  nft.compare(REG1, false, nft.word(0)),
];

/** The published port that the packet is for: first by its own destination address, then for any. */
function translate(any: boolean): nft.Expression[] {
  return [
    nft.destinationKind(REG1),
    nft.compare(REG1, true, nft.word(RTN_LOCAL)),
    any ? nft.load(R0, new Uint8Array(4)) : nft.payload(1, DESTINATION, 4, R0),
    nft.meta(META_L4PROTO, R1),
    nft.payload(2, 2, 2, R2),
    nft.lookup(PORTS, REG1, REG1),
    nft.destinationNat(R0, R1),
  ];
}

/**
 * Makes the table, replacing an older one. Outgoing traffic is masqueraded; what comes in from elsewhere reaches a container
 * only through a published port or as an answer; containers cannot reach the host's loopback addresses.
 */
export function createRules(bridge: string, subnet: Subnet): void {
  const drop = nft.verdict(nft.VERDICT.drop);
  const accept = nft.verdict(nft.VERDICT.accept);
  new nft.NftTransaction(tableName(bridge))
    .createTable()
    .deleteTable()
    .createTable()
    .createPortMap(PORTS)
    .createChain("raw", "filter", nft.HOOK.prerouting, -300)
    .createChain("prerouting", "nat", nft.HOOK.prerouting, -100)
    .createChain("output", "nat", nft.HOOK.output, -100)
    .createChain("postrouting", "nat", nft.HOOK.postrouting, 100)
    .createChain("forward", "filter", nft.HOOK.forward, 0)
    .addRule("raw", ...from(bridge), ...inSubnet(DESTINATION, LOOPBACK.base, LOOPBACK.mask), drop)
    .addRule("prerouting", ...translate(false))
    .addRule("prerouting", ...translate(true))
    .addRule("output", ...translate(false))
    .addRule("output", ...translate(true))
    .addRule("postrouting", ...notTo(bridge), ...inSubnet(SOURCE, subnet.base, subnet.mask), nft.masquerade())
    // from the host's loopback, or from a container to itself, by a published port: the answer has to come back this way
    .addRule("postrouting", ...to(bridge), ...inSubnet(SOURCE, LOOPBACK.base, LOOPBACK.mask), nft.masquerade())
    .addRule(
      "postrouting",
      ...to(bridge),
      ...inSubnet(SOURCE, subnet.base, subnet.mask),
      ...hasBits(2, STATUS_DNAT),
      nft.masquerade(),
    )
    .addRule("forward", ...to(bridge), ...hasBits(0, ESTABLISHED_OR_RELATED), accept)
    .addRule("forward", ...to(bridge), ...hasBits(2, STATUS_DNAT), accept)
    .addRule("forward", ...to(bridge), ...notFrom(bridge), drop)
    .commit();
}

export function hasRules(bridge: string): boolean {
  return nft.tableExists(tableName(bridge));
}

export function removeRules(bridge: string): void {
  new nft.NftTransaction(tableName(bridge)).deleteTable().commit(["ENOENT"]);
}

function key(port: PublishedPort): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes.set(port.hostAddress);
  bytes[4] = port.protocol === "tcp" ? 6 : 17;
  bytes[8] = port.hostPort >> 8;
  bytes[9] = port.hostPort & 255;
  return bytes;
}

function value(port: PublishedPort): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes.set(port.containerAddress);
  bytes[4] = port.containerPort >> 8;
  bytes[5] = port.containerPort & 255;
  return bytes;
}

/** All of them, or none with AlreadyExists where one is taken within this network. */
export function publishPorts(bridge: string, ports: readonly PublishedPort[]): void {
  const transaction = new nft.NftTransaction(tableName(bridge));
  for (const port of ports) transaction.element(PORTS, key(port), value(port));
  transaction.commit();
}

/** Ports that are not published any more are no error. */
export function withdrawPorts(bridge: string, ports: readonly PublishedPort[]): void {
  for (const port of ports) new nft.NftTransaction(tableName(bridge)).element(PORTS, key(port)).commit(["ENOENT"]);
}

/** All ports that lead to the container's address. */
export function withdrawPortsTo(bridge: string, address: Uint8Array): void {
  for (const { key, value } of nft.elements(tableName(bridge), PORTS)) {
    if (!address.every((byte, i) => value[i] === byte)) continue;
    new nft.NftTransaction(tableName(bridge)).element(PORTS, key).commit(["ENOENT"]);
  }
}
