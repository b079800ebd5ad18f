// A network's address pools, from the flags of `network create`.
import { WharfError } from "../../errors.ts";
import { cut } from "../flags.ts";

export interface Pool {
  Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "usage" });
}

/** An address as a number and its length in bits; undefined for what is none. */
function parseAddress(text: string): { value: bigint; bits: number } | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
    const parts = text.split(".").map(Number);
    if (parts.some((part) => part > 255)) return undefined;
    return { value: parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n), bits: 32 };
  }
  if (!/^[0-9a-f:]+$/i.test(text) || !text.includes(":")) return undefined;
  const [head = "", tail] = text.split("::");
  const groups = (part: string | undefined) => (part ? part.split(":") : []);
  const missing = 8 - groups(head).length - groups(tail).length;
  if (tail === undefined ? missing !== 0 : missing < 0) return undefined;
  const all = [...groups(head), ...Array<string>(missing).fill("0"), ...groups(tail)];
  return { value: all.reduce((sum, part) => (sum << 16n) | BigInt(`0x${part || "0"}`), 0n), bits: 128 };
}

/** True when the address, or the range, lies in the subnet. */
function contains(subnet: string, address: string): boolean {
  const [base = "", length = ""] = cut(subnet, "/");
  const net = parseAddress(base);
  const one = parseAddress(cut(address, "/")[0]);
  if (!net || !/^\d+$/.test(length ?? "")) throw bad(`invalid subnet ${JSON.stringify(subnet)}: it is ADDRESS/LENGTH`);
  if (!one) throw bad(`invalid address ${JSON.stringify(address)}`);
  if (one.bits !== net.bits) return false;
  const shift = BigInt(net.bits - Number(length));
  return net.value >> shift === one.value >> shift;
}

export interface PoolFlags {
  readonly subnets: readonly string[];
  readonly ranges: readonly string[];
  readonly gateways: readonly string[];
  readonly auxiliary: Readonly<Record<string, string>>;
}

/** Each range, gateway and auxiliary address goes to the subnet it lies in. */
export function addressPools({ subnets, ranges, gateways, auxiliary }: PoolFlags): Pool[] {
  if (subnets.length < ranges.length || subnets.length < gateways.length)
    throw bad("every --ip-range and --gateway must have a corresponding --subnet");
  const pools = subnets.map((Subnet): Pool => ({ Subnet }));
  const poolOf = (what: string, address: string): Pool => {
    const pool = pools.find(({ Subnet }) => contains(Subnet, address));
    if (!pool) throw bad(`no matching subnet for ${what} ${address}`);
    return pool;
  };
  for (const range of ranges) {
    const pool = poolOf("range", range);
    if (pool.IPRange)
      throw bad(`cannot configure multiple ranges (${range}, ${pool.IPRange}) on the same subnet (${pool.Subnet})`);
    pool.IPRange = range;
  }
  for (const gateway of gateways) {
    const pool = poolOf("gateway", gateway);
    if (pool.Gateway)
      throw bad(
        `cannot configure multiple gateways (${gateway}, ${pool.Gateway}) for the same subnet (${pool.Subnet})`,
      );
    pool.Gateway = gateway;
  }
  for (const [name, address] of Object.entries(auxiliary)) {
    (poolOf("aux-address", address).AuxiliaryAddresses ??= {})[name] = address;
  }
  return pools;
}
