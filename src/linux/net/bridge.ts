// A bridge network: the bridge itself, and a container's way into it: address, veth pair, routes, published ports.
import type {
  Attachment,
  AttachRequest,
  BridgeNetwork,
  DetachRequest,
  PortRequest,
} from "../../common/agent/network.ts";
import { WharfError } from "../../common/errors.ts";
import { isErrno, sys } from "../sys/call.ts";
import { close, Fd, O, open, writeFile } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { randomBytes } from "../sys/time.ts";
import { formatAddress, parseAddress, parseSubnet } from "./address.ts";
import {
  createRules,
  hasRules,
  type PublishedPort,
  publishPorts,
  removeRules,
  withdrawPorts,
  withdrawPortsTo,
} from "./firewall.ts";
import { heldBy, release, reserve } from "./ipam.ts";
import { MessageBuilder, NETLINK_ROUTE, Netlink } from "./netlink.ts";
import { createNamespace, inNamespace, removeNamespace } from "./netns.ts";
import * as rt from "./rtnetlink.ts";

function sysctl(path: string, value: string): void {
  writeFile(`/proc/sys/net/ipv4/${path}`, value);
}

/** Makes the bridge with its address and rules where they are missing; a present one is left alone, with its published ports. */
export function ensureBridge(network: BridgeNetwork): void {
  const subnet = parseSubnet(network.subnet);
  using socket = new Netlink(NETLINK_ROUTE);
  const there = rt.listLinks(socket).find((link) => link.name === network.bridge);
  if (there && hasRules(network.bridge)) return;
  if (!there) {
    const b = new MessageBuilder();
    // an address of its own: a bridge without one takes the lowest of its ports', which changes as containers come and go
    const mac = new Uint8Array([0x02, 0x42, ...randomBytes(4)]);
    rt.createBridge(b, network.bridge, { mac, ...(network.mtu ? { mtu: network.mtu } : {}) });
    socket.request(b, ["EEXIST"]);
    const made = rt.listLinks(socket).find((link) => link.name === network.bridge);
    if (!made)
      throw new WharfError("Internal", `bridge ${JSON.stringify(network.bridge)} is not there after its creation`);
    const address = new MessageBuilder();
    rt.addAddress(address, made.index, parseAddress(network.gateway), subnet.prefix);
    socket.request(address, ["EEXIST"]);
  }
  sysctl("ip_forward", "1");
  // lets what comes from 127.0.0.1 and is translated leave by the bridge
  sysctl(`conf/${network.bridge}/route_localnet`, "1");
  createRules(network.bridge, subnet);
}

export function removeBridge(network: BridgeNetwork): void {
  removeRules(network.bridge);
  using socket = new Netlink(NETLINK_ROUTE);
  const b = new MessageBuilder();
  rt.deleteLink(b, network.bridge);
  socket.request(b, ["ENODEV"]);
}

const AF_INET = 2;
const EPHEMERAL = { first: 32768, last: 60999 };

/** True when a program of the host could bind the port now, so nobody listens on it. */
function isFree(protocol: "tcp" | "udp", address: Uint8Array, port: number): boolean {
  using socket = new Fd(sys("socket", undefined, NR.socket, AF_INET, (protocol === "tcp" ? 1 : 2) | 0o2000000, 0));
  const name = new Uint8Array([AF_INET, 0, port >> 8, port & 255, ...address, 0, 0, 0, 0, 0, 0, 0, 0]);
  if (protocol === "tcp") native.syscall(NR.setsockopt, socket.value, 1, 2, new Int32Array([1]), 4);
  const answer = native.syscall(NR.bind, socket.value, name, name.length);
  // SO_REUSEADDR lets TCP bind beside a connection that lingers, never beside a listener once we listen ourselves
  return answer === 0 && (protocol === "udp" || native.syscall(NR.listen, socket.value, 1) === 0);
}

function publish(bridge: string, address: Uint8Array, request: PortRequest): PortRequest {
  const hostAddress = parseAddress(request.hostAddress || "0.0.0.0");
  const port: PublishedPort = { ...request, hostAddress, containerAddress: address };
  const { hostPortEnd, ...single } = request;
  const last = hostPortEnd ?? request.hostPort;
  const tries = request.hostPort === 0 ? 200 : last - request.hostPort + 1;
  for (let i = 0; i < tries; i++) {
    if (request.hostPort === 0) {
      const random = new DataView(randomBytes(4).buffer).getUint32(0);
      port.hostPort = EPHEMERAL.first + (random % (EPHEMERAL.last - EPHEMERAL.first + 1));
    } else port.hostPort = request.hostPort + i;
    if (!isFree(request.protocol, hostAddress, port.hostPort)) continue;
    try {
      publishPorts(bridge, [port]);
      return { ...single, hostAddress: formatAddress(hostAddress), hostPort: port.hostPort };
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
  const range = last === request.hostPort ? "" : `-${last}`;
  const wanted = `${formatAddress(hostAddress)}:${request.hostPort}${range}/${request.protocol}`;
  throw new WharfError("AlreadyExists", `port ${wanted} is already in use`, {
    hint: "another container or program of the host has it; choose another host port",
  });
}

function toPublished(port: PortRequest, address: string): PublishedPort {
  return { ...port, hostAddress: parseAddress(port.hostAddress || "0.0.0.0"), containerAddress: parseAddress(address) };
}

/**
 * A name for the host end: "veth" and seven characters of the id, so that people find it again, and four more, up to the longest name there is: those of the
 * container's earlier starts may be there still, as they go with their namespaces.
 */
function hostInterfaceName(id: string, taken: readonly { name: string }[]): string {
  for (;;) {
    const end = [...randomBytes(2)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const name = `veth${id.slice(0, 7)}${end}`;
    if (!taken.some((link) => link.name === name)) return name;
  }
}

/**
 * Makes the namespace at `netns` and connects it: lo and eth0 up, an address, the default route, published ports.
 * Whatever fails, nothing of it stays behind. Of one that was cut off the namespace's file tells, which is made first and goes last; what such a one has left
 * is taken away.
 */
export function attach(request: AttachRequest): Attachment {
  const { network, id, netns } = request;
  const subnet = parseSubnet(network.subnet);
  const gateway = parseAddress(network.gateway);
  const wanted = request.address ? parseAddress(request.address) : undefined;
  try {
    createNamespace(netns);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    detach({ network, id, attachment: { netns } });
    createNamespace(netns);
  }
  const ports: PortRequest[] = [];
  try {
    const address = reserve(network.ipamDir, subnet, gateway, id, wanted);
    const mac = request.mac
      ? new Uint8Array(request.mac.split(":").map((part) => Number.parseInt(part, 16)))
      : new Uint8Array([0x02, 0x42, ...address]);
    const hostInterface = connect(network, netns, { id, address, gateway, prefix: subnet.prefix, mac });
    for (const port of request.ports) ports.push(publish(network.bridge, address, port));
    return {
      netns,
      address: formatAddress(address),
      prefix: subnet.prefix,
      gateway: network.gateway,
      mac: [...mac].map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
      hostInterface,
      ports,
    };
  } catch (error) {
    detach({ network, id, attachment: { netns } });
    throw error;
  }
}

interface Wire {
  /** Of the container. */
  id: string;
  address: Uint8Array;
  gateway: Uint8Array;
  prefix: number;
  mac: Uint8Array;
}

/** The host end's name. */
function connect(network: BridgeNetwork, netns: string, wire: Wire): string {
  const LOOPBACK_INDEX = 1;
  const ETH0_INDEX = 2;
  using host = new Netlink(NETLINK_ROUTE);
  const links = rt.listLinks(host);
  const bridge = links.find((link) => link.name === network.bridge);
  if (!bridge) throw new WharfError("NotFound", `bridge ${JSON.stringify(network.bridge)} does not exist`);
  const hostInterface = hostInterfaceName(wire.id, links);
  using home = new Fd(open("/proc/self/ns/net", O.RDONLY));
  const namespace = open(netns, O.RDONLY);
  try {
    using inside = inNamespace(namespace, () => new Netlink(NETLINK_ROUTE));
    const mtu = network.mtu ? { mtu: network.mtu } : {};
    const b = new MessageBuilder();
    rt.changeLink(b, { index: LOOPBACK_INDEX, up: true });
    rt.createVeth(
      b,
      { name: "eth0", index: ETH0_INDEX, mac: wire.mac, ...mtu },
      { name: hostInterface, netns: home.value, ...mtu },
    );
    rt.addAddress(b, ETH0_INDEX, wire.address, wire.prefix);
    inside.request(b);
    const outside = new MessageBuilder();
    rt.changeLink(outside, { name: hostInterface, up: true, master: bridge.index });
    rt.setHairpin(outside, hostInterface);
    host.request(outside);
    // the route needs eth0's carrier for nothing, but its being up: by now both ends are
    const route = new MessageBuilder();
    rt.addDefaultRoute(route, ETH0_INDEX, wire.gateway);
    inside.request(route);
    return hostInterface;
  } finally {
    close(namespace);
  }
}

/**
 * Undoes attach, as far as there is something to undo; without an address all that the container has. The veth pair goes with the namespace, a little later:
 * deleting it here would wait 30 ms for the kernel's grace periods.
 */
export function detach({ network, id, attachment }: DetachRequest): void {
  const { netns, address, ports = [] } = attachment;
  if (address === undefined) {
    for (const held of heldBy(network.ipamDir, id)) {
      withdrawPortsTo(network.bridge, parseAddress(held));
      release(network.ipamDir, id, held);
    }
  } else {
    withdrawPorts(
      network.bridge,
      ports.map((port) => toPublished(port, address)),
    );
    release(network.ipamDir, id, address);
  }
  removeNamespace(netns);
}
