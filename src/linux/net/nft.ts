// nf_tables over netlink: tables, chains, maps and rules, sent as one transaction (include/uapi/linux/netfilter/nf_tables.h).
import { isErrno } from "../sys/call.ts";
import { getpid } from "../sys/process.ts";
import { attributes, MessageBuilder, NETLINK_NETFILTER, Netlink, NLM } from "./netlink.ts";

const SUBSYSTEM = 10;
const BATCH_BEGIN = 16;
const BATCH_END = 17;
const MSG = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  NEWRULE: 6,
  NEWSET: 9,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
} as const;
const NFPROTO_IPV4 = 2;
const LIST_ELEM = 1;
const DATA_VALUE = 1;
const DATA_VERDICT = 2;
const SET_IS_MAP = 8;

export const HOOK = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
export const VERDICT = { drop: 0, accept: 1 } as const;
/** The 32-bit registers; a lookup's key lies in consecutive ones, from the first. */
export const REG = [8, 9, 10, 11] as const;

/** One expression of a rule: writes its own attributes. */
export type Expression = (b: MessageBuilder) => void;

function expression(name: string, body: (b: MessageBuilder) => void): Expression {
  return (b) => b.attrString(1, name).nest(2, () => body(b));
}

/** Loads a key of the packet's meta data: 4 iif, 5 oif, 6 iifname, 7 oifname, 16 l4proto. */
export function meta(key: number, register: number): Expression {
  return expression("meta", (b) => b.attrU32be(1, register).attrU32be(2, key));
}

/** Loads bytes of the network (1) or transport (2) header. */
export function payload(base: 1 | 2, offset: number, length: number, register: number): Expression {
  return expression("payload", (b) =>
    b.attrU32be(1, register).attrU32be(2, base).attrU32be(3, offset).attrU32be(4, length),
  );
}

export function compare(register: number, equal: boolean, value: Uint8Array): Expression {
  return expression("cmp", (b) =>
    b
      .attrU32be(1, register)
      .attrU32be(2, equal ? 0 : 1)
      .nest(3, () => b.attr(DATA_VALUE, value)),
  );
}

/** register = register & mask */
export function mask(register: number, bits: Uint8Array): Expression {
  return expression("bitwise", (b) => {
    b.attrU32be(1, register).attrU32be(2, register).attrU32be(3, bits.length);
    b.nest(4, () => b.attr(DATA_VALUE, bits)).nest(5, () => b.attr(DATA_VALUE, new Uint8Array(bits.length)));
  });
}

export function load(register: number, value: Uint8Array): Expression {
  return expression("immediate", (b) => b.attrU32be(1, register).nest(2, () => b.attr(DATA_VALUE, value)));
}

export function verdict(code: number): Expression {
  return expression("immediate", (b) =>
    b.attrU32be(1, 0).nest(2, () => b.nest(DATA_VERDICT, () => b.attrU32be(1, code))),
  );
}

/** Replaces the key in the registers by the map's value; ends the rule where there is none. */
export function lookup(map: string, key: number, value: number): Expression {
  return expression("lookup", (b) => b.attrString(1, map).attrU32be(2, key).attrU32be(3, value));
}

/** Connection tracking: 0 state bits, 2 status bits, as a 32-bit number in host order. */
export function conntrack(key: 0 | 2, register: number): Expression {
  return expression("ct", (b) => b.attrU32be(1, register).attrU32be(2, key));
}

/** The kind of the destination address in the routing tables (RTN_*), as a 32-bit number in host order. */
export function destinationKind(register: number): Expression {
  return expression("fib", (b) => b.attrU32be(1, register).attrU32be(2, 3).attrU32be(3, 2));
}

export function destinationNat(address: number, port: number): Expression {
  return expression("nat", (b) =>
    b.attrU32be(1, 1).attrU32be(2, NFPROTO_IPV4).attrU32be(3, address).attrU32be(5, port),
  );
}

export function masquerade(): Expression {
  return expression("masq", () => {});
}

/** A 32-bit number as it lies in a register in host order. */
export function word(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

/** An interface name as registers hold it: 16 bytes, padded with zeros. */
export function interfaceName(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(native.bytes(name));
  return bytes;
}

/** A transaction on one IPv4 table: all of it takes effect, or nothing. */
export class NftTransaction {
  #b = new MessageBuilder();
  readonly #table: string;

  constructor(table: string) {
    this.#table = table;
    this.#b.message("begin batch", BATCH_BEGIN, 0, () => this.#b.u8(0, 0).u16be(SUBSYSTEM));
  }

  #message(what: string, type: number, flags: number, body: (b: MessageBuilder) => void): this {
    this.#b.message(`nftables: ${what}`, (SUBSYSTEM << 8) | type, flags | NLM.ACK, () => {
      this.#b.u8(NFPROTO_IPV4, 0).u16be(0);
      body(this.#b);
    });
    return this;
  }

  createTable(): this {
    return this.#message(`create table ${this.#table}`, MSG.NEWTABLE, NLM.CREATE, (b) => b.attrString(1, this.#table));
  }

  deleteTable(): this {
    return this.#message(`delete table ${this.#table}`, MSG.DELTABLE, 0, (b) => b.attrString(1, this.#table));
  }

  createChain(name: string, type: "nat" | "filter", hook: number, priority: number): this {
    return this.#message(`create chain ${name}`, MSG.NEWCHAIN, NLM.CREATE, (b) => {
      b.attrString(1, this.#table).attrString(3, name).attrString(7, type);
      b.nest(4, () => b.attrU32be(1, hook).attrU32be(2, priority >>> 0));
    });
  }

  /** A map from (address, protocol, port) to (address, port), each field padded to four bytes. */
  createPortMap(name: string): this {
    const IPV4 = 7;
    const PROTOCOL = 12;
    const SERVICE = 13;
    return this.#message(`create map ${name}`, MSG.NEWSET, NLM.CREATE, (b) => {
      b.attrString(1, this.#table).attrString(2, name).attrU32be(3, SET_IS_MAP).attrU32be(10, 1);
      b.attrU32be(4, (IPV4 << 12) | (PROTOCOL << 6) | SERVICE).attrU32be(5, 12);
      b.attrU32be(6, (IPV4 << 6) | SERVICE).attrU32be(7, 8);
    });
  }

  addRule(chain: string, ...expressions: Expression[]): this {
    return this.#message(`add rule to ${chain}`, MSG.NEWRULE, NLM.CREATE | NLM.APPEND, (b) => {
      b.attrString(1, this.#table).attrString(2, chain);
      b.nest(4, () => {
        for (const write of expressions) b.nest(LIST_ELEM, () => write(b));
      });
    });
  }

  /** Without `value` the element is removed. An element that is there already is refused with EEXIST. */
  element(map: string, key: Uint8Array, value?: Uint8Array): this {
    const type = value ? MSG.NEWSETELEM : MSG.DELSETELEM;
    return this.#message(`${value ? "add to" : "remove from"} ${map}`, type, value ? NLM.CREATE | NLM.EXCL : 0, (b) => {
      b.attrString(1, this.#table).attrString(2, map);
      b.nest(3, () =>
        b.nest(LIST_ELEM, () => {
          b.nest(1, () => b.attr(DATA_VALUE, key));
          if (value) b.nest(2, () => b.attr(DATA_VALUE, value));
        }),
      );
    });
  }

  /** Carries it out in this process's network namespace; `ignore` lists errno names that are no error. */
  commit(ignore: readonly string[] = []): void {
    this.#b.message("end batch", BATCH_END, 0, () => this.#b.u8(0, 0).u16be(SUBSYSTEM));
    socket().request(this.#b, ignore);
  }
}

/** True when the IPv4 table is there. */
export function tableExists(table: string): boolean {
  const b = new MessageBuilder();
  b.message(`nftables: look for table ${table}`, (SUBSYSTEM << 8) | MSG.GETTABLE, NLM.ACK, () => {
    b.u8(NFPROTO_IPV4, 0).u16be(0).attrString(1, table);
  });
  try {
    socket().request(b);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

export interface Element {
  key: Uint8Array;
  value: Uint8Array;
}

/** What a map of the IPv4 table holds; nothing where there is no such table. */
export function elements(table: string, map: string): Element[] {
  const b = new MessageBuilder();
  b.message(`nftables: list ${map}`, (SUBSYSTEM << 8) | MSG.GETSETELEM, NLM.DUMP, () => {
    b.u8(NFPROTO_IPV4, 0).u16be(0).attrString(1, table).attrString(2, map);
  });
  const found: Element[] = [];
  try {
    for (const { payload } of socket().dump(b))
      for (const list of valuesOf(payload, 3, 20))
        for (const one of valuesOf(list, LIST_ELEM)) found.push(element(one));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  return found;
}

function element(bytes: Uint8Array): Element {
  const data = (type: number) => valuesOf(valuesOf(bytes, type)[0] ?? bytes.subarray(0, 0), DATA_VALUE)[0];
  return { key: data(1) ?? new Uint8Array(0), value: data(2) ?? new Uint8Array(0) };
}

/** Values of all attributes of the type. */
function valuesOf(bytes: Uint8Array, type: number, start = 0): Uint8Array[] {
  return [...attributes(bytes, start)].filter(([one]) => one === type).map(([, value]) => value);
}

let kept: { pid: number; socket: Netlink } | undefined;

/**
 * This process's nf_tables socket, in the network namespace where it was first asked for. It is kept open: closing one after
 * something was removed waits some 10 ms for the kernel to destroy it (nft_rcv_nl_event).
 */
function socket(): Netlink {
  const pid = getpid();
  if (kept?.pid !== pid) kept = { pid, socket: new Netlink(NETLINK_NETFILTER) };
  return kept.socket;
}
