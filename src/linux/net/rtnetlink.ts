// Links, addresses and routes (man 7 rtnetlink). Each function adds one message to a batch that is sent at once.
import { attributes, MessageBuilder, type Netlink, NLM } from "./netlink.ts";

const RTM = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, NEWADDR: 20, GETADDR: 22, NEWROUTE: 24 } as const;
const IFLA = { ADDRESS: 1, IFNAME: 3, MTU: 4, MASTER: 10, LINKINFO: 18, NET_NS_FD: 28 } as const;
const IFLA_INFO = { KIND: 1, DATA: 2, SLAVE_KIND: 4, SLAVE_DATA: 5 } as const;
const VETH_INFO_PEER = 1;
const IFLA_BRPORT_MODE = 4; // hairpin
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4, FLAGS: 8 } as const;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5 } as const;
const AF_INET = 2;
const IFF_UP = 1;

function ifinfomsg(b: MessageBuilder, index: number, flags: number, change: number): void {
  b.u8(0, 0).u16(0).u32(index).u32(flags).u32(change);
}

export interface LinkChange {
  /** The link by name or by index. */
  name?: string;
  index?: number;
  up?: boolean;
  /** Index of the bridge to join. */
  master?: number;
  mac?: Uint8Array;
  mtu?: number;
}

export function createBridge(b: MessageBuilder, name: string, options: { mac?: Uint8Array; mtu?: number } = {}): void {
  b.message(`create bridge "${name}"`, RTM.NEWLINK, NLM.CREATE | NLM.EXCL | NLM.ACK, () => {
    ifinfomsg(b, 0, IFF_UP, IFF_UP);
    b.attrString(IFLA.IFNAME, name);
    if (options.mac) b.attr(IFLA.ADDRESS, options.mac);
    if (options.mtu) b.attrU32(IFLA.MTU, options.mtu);
    b.nest(IFLA.LINKINFO, () => b.attrString(IFLA_INFO.KIND, "bridge"));
  });
}

/** A veth pair: this end, up, with `index`, stays here; the peer is born in the namespace of `peerNetns`. */
export function createVeth(
  b: MessageBuilder,
  here: { name: string; index: number; mac: Uint8Array; mtu?: number },
  peer: { name: string; netns: number; mtu?: number },
): void {
  b.message(`create veth pair "${here.name}" - "${peer.name}"`, RTM.NEWLINK, NLM.CREATE | NLM.EXCL | NLM.ACK, () => {
    ifinfomsg(b, here.index, IFF_UP, IFF_UP);
    b.attrString(IFLA.IFNAME, here.name).attr(IFLA.ADDRESS, here.mac);
    if (here.mtu) b.attrU32(IFLA.MTU, here.mtu);
    b.nest(IFLA.LINKINFO, () => {
      b.attrString(IFLA_INFO.KIND, "veth");
      b.nest(IFLA_INFO.DATA, () =>
        b.nest(VETH_INFO_PEER, () => {
          ifinfomsg(b, 0, 0, 0);
          b.attrString(IFLA.IFNAME, peer.name).attrU32(IFLA.NET_NS_FD, peer.netns);
          if (peer.mtu) b.attrU32(IFLA.MTU, peer.mtu);
        }),
      );
    });
  });
}

export function changeLink(b: MessageBuilder, change: LinkChange): void {
  const { name, index = 0, up, master, mac, mtu } = change;
  b.message(`change link "${name ?? index}"`, RTM.NEWLINK, NLM.ACK, () => {
    ifinfomsg(b, index, up ? IFF_UP : 0, up === undefined ? 0 : IFF_UP);
    if (name !== undefined) b.attrString(IFLA.IFNAME, name);
    if (mac) b.attr(IFLA.ADDRESS, mac);
    if (mtu) b.attrU32(IFLA.MTU, mtu);
    if (master !== undefined) b.attrU32(IFLA.MASTER, master);
  });
}

/** Lets a bridge port send a frame back where it came from: a container that calls its own published port. */
export function setHairpin(b: MessageBuilder, name: string): void {
  b.message(`set hairpin mode of "${name}"`, RTM.NEWLINK, NLM.ACK, () => {
    ifinfomsg(b, 0, 0, 0);
    b.attrString(IFLA.IFNAME, name);
    b.nest(IFLA.LINKINFO, () => {
      b.attrString(IFLA_INFO.SLAVE_KIND, "bridge");
      b.nest(IFLA_INFO.SLAVE_DATA, () => b.attrU8(IFLA_BRPORT_MODE, 1));
    });
  });
}

export function deleteLink(b: MessageBuilder, name: string): void {
  b.message(`delete link "${name}"`, RTM.DELLINK, NLM.ACK, () => {
    ifinfomsg(b, 0, 0, 0);
    b.attrString(IFLA.IFNAME, name);
  });
}

/** @param address four bytes; @param prefix bits of the network */
export function addAddress(b: MessageBuilder, index: number, address: Uint8Array, prefix: number): void {
  b.message(`add address ${address.join(".")}/${prefix}`, RTM.NEWADDR, NLM.CREATE | NLM.EXCL | NLM.ACK, () => {
    b.u8(AF_INET, prefix, 0, 0).u32(index);
    b.attr(IFA.LOCAL, address).attr(IFA.ADDRESS, address);
    if (prefix < 31) {
      const broadcast = address.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, prefix - i * 8))));
      b.attr(IFA.BROADCAST, broadcast);
    }
  });
}

export function addDefaultRoute(b: MessageBuilder, index: number, gateway: Uint8Array): void {
  const RT_TABLE_MAIN = 254;
  const RTPROT_BOOT = 3;
  const RTN_UNICAST = 1;
  b.message(`add default route by ${gateway.join(".")}`, RTM.NEWROUTE, NLM.CREATE | NLM.EXCL | NLM.ACK, () => {
    b.u8(AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST).u32(0);
    b.attr(RTA.GATEWAY, gateway).attrU32(RTA.OIF, index);
  });
}

export interface Link {
  index: number;
  name: string;
  up: boolean;
  mtu: number;
  /** Index of its bridge, 0 for none. */
  master: number;
}

/** All links of the socket's namespace. */
export function listLinks(socket: Netlink): Link[] {
  const b = new MessageBuilder();
  b.message("list links", RTM.GETLINK, NLM.DUMP, () => ifinfomsg(b, 0, 0, 0));
  return socket.dump(b).map(({ payload }) => {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const link: Link = {
      index: view.getInt32(20, true),
      name: "",
      up: (view.getUint32(24, true) & IFF_UP) !== 0,
      mtu: 0,
      master: 0,
    };
    for (const [type, value] of attributes(payload, 32)) {
      const word = () => new DataView(value.buffer, value.byteOffset).getUint32(0, true);
      if (type === IFLA.IFNAME) link.name = native.utf8(value, 0, value.length - 1);
      else if (type === IFLA.MTU) link.mtu = word();
      else if (type === IFLA.MASTER) link.master = word();
    }
    return link;
  });
}

/** Into the namespace behind a descriptor, in one step with its new name: nobody sees it with the old one there. */
export function moveLink(b: MessageBuilder, index: number, name: string, namespace: number): void {
  b.message(`move link "${name}"`, RTM.NEWLINK, NLM.ACK, () => {
    ifinfomsg(b, index, 0, 0);
    b.attrString(IFLA.IFNAME, name);
    b.attrU32(IFLA.NET_NS_FD, namespace);
  });
}

/** An address of a link, of any family. */
export interface LinkAddress {
  family: number;
  prefix: number;
  /** IFA_F_*. */
  flags: number;
  /** RT_SCOPE_*. */
  scope: number;
  address: Uint8Array | undefined;
  local: Uint8Array | undefined;
  broadcast: Uint8Array | undefined;
}

export function listAddresses(socket: Netlink, index: number): LinkAddress[] {
  const b = new MessageBuilder();
  b.message("list addresses", RTM.GETADDR, NLM.DUMP, () => b.u8(0, 0, 0, 0).u32(0));
  const all: LinkAddress[] = [];
  for (const { payload } of socket.dump(b)) {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (view.getUint32(20, true) !== index) continue;
    const [family, prefix, flags, scope] = [payload[16]!, payload[17]!, payload[18]!, payload[19]!];
    const one: LinkAddress = {
      family,
      prefix,
      flags,
      scope,
      address: undefined,
      local: undefined,
      broadcast: undefined,
    };
    for (const [type, value] of attributes(payload, 24)) {
      if (type === IFA.ADDRESS) one.address = value;
      else if (type === IFA.LOCAL) one.local = value;
      else if (type === IFA.BROADCAST) one.broadcast = value;
      else if (type === IFA.FLAGS) one.flags = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
    }
    all.push(one);
  }
  return all;
}

/** On another link, or the same one in another namespace. */
export function addAddressAsItWas(b: MessageBuilder, index: number, one: LinkAddress): void {
  b.message("add address", RTM.NEWADDR, NLM.CREATE | NLM.EXCL | NLM.ACK, () => {
    b.u8(one.family, one.prefix, 0, one.scope).u32(index);
    if (one.local) b.attr(IFA.LOCAL, one.local);
    if (one.address) b.attr(IFA.ADDRESS, one.address);
    if (one.broadcast) b.attr(IFA.BROADCAST, one.broadcast);
  });
}
