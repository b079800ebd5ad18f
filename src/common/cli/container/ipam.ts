// A network's address pools, from the flags of `network create`.
import { WharfError } from "../../errors.ts";
import { parseIp } from "../../ip.ts";
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
  const bytes = parseIp(text);
  return bytes && { value: bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n), bits: bytes.length * 8 };
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
