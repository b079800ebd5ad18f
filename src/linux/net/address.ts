// IPv4 addresses and networks as bytes and text.
import { WharfError } from "../../common/errors.ts";

export function parseAddress(text: string): Uint8Array {
  const parts = text.split(".");
  const bytes = parts.map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  if (parts.length !== 4 || bytes.some((byte) => byte > 255)) {
    throw new WharfError("InvalidArgument", `${JSON.stringify(text)} is not an IPv4 address`);
  }
  return new Uint8Array(bytes);
}

export function formatAddress(bytes: Uint8Array): string {
  return bytes.join(".");
}

export function toNumber(bytes: Uint8Array): number {
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}

export function fromNumber(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
}

export interface Subnet {
  /** The network's own address: its host bits are zero. */
  base: number;
  /** Bits of the network, 0 to 32. */
  prefix: number;
  mask: number;
}

/** "172.17.0.0/16"; host bits that are set are cleared. */
export function parseSubnet(text: string): Subnet {
  const slash = text.indexOf("/");
  const prefix = slash < 0 ? -1 : Number(text.slice(slash + 1));
  if (!Number.isInteger(prefix) || prefix < 1 || prefix > 30) {
    throw new WharfError("InvalidArgument", `${JSON.stringify(text)} is not an IPv4 network such as 172.17.0.0/16`);
  }
  const mask = (0xffffffff << (32 - prefix)) >>> 0;
  return { base: (toNumber(parseAddress(text.slice(0, slash))) & mask) >>> 0, prefix, mask };
}
