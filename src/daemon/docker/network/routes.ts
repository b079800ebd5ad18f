/** Which networks the host knows, by its routes: also those of bridges that nobody is on at the moment. */

import { readFile } from "node:fs/promises";
import { WharfError } from "../../../common/errors.ts";

/** Where dockerd looks for its networks, too. */
const CANDIDATES = [
  ...Array.from({ length: 15 }, (_, i) => `172.${17 + i}`),
  ...Array.from({ length: 64 }, (_, i) => `10.${190 + i}`),
];

export interface Route {
  base: number;
  mask: number;
}

/** /proc/net/route: hexadecimal numbers in the machine's byte order, which is little-endian wherever Wharf runs. Without the default routes. */
export function parseRoutes(text: string): Route[] {
  return text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const fields = line.split("\t");
      return { base: number(fields[1] ?? ""), mask: number(fields[7] ?? "") };
    })
    .filter(({ mask }) => mask !== 0);
}

/** The route into a network: `172.18.0.0/16`. */
export function routeOf(subnet: string): Route {
  const [address = "", bits] = subnet.split("/");
  const base = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return { base, mask: (-1 << (32 - Number(bits))) >>> 0 };
}

/** The host's own. */
export async function hostRoutes(): Promise<Route[]> {
  return parseRoutes(await readFile("/proc/net/route", "utf8").catch(() => ""));
}

/** The first /16 into which no route leads. ResourceExhausted. */
export function freeSubnet(routes: readonly Route[]): { subnet: string; gateway: string } {
  const prefix = CANDIDATES.find((candidate) => isFree(`${candidate}.0.0/16`, routes));
  if (prefix) return { subnet: `${prefix}.0.0/16`, gateway: `${prefix}.0.1` };
  throw new WharfError("ResourceExhausted", "no private network is free for a bridge", { hint: "give a subnet" });
}

/** True when no route leads into the network, or around it. */
export function isFree(subnet: string, routes: readonly Route[]): boolean {
  const { base, mask } = routeOf(subnet);
  return routes.every((route) => {
    const wider = (mask & route.mask) >>> 0;
    return (base & wider) >>> 0 !== (route.base & wider) >>> 0;
  });
}

function number(hex: string): number {
  return Buffer.from(hex.padStart(8, "0"), "hex").readUInt32LE(0);
}

/** Whether the machine has an interface. Asked of /proc, which shows this process's network; /sys shows whose it was mounted for. */
export async function hasInterface(name: string): Promise<boolean> {
  const table = await readFile("/proc/net/dev", "utf8").catch(() => "");
  return table.split("\n").some((line) => line.trimStart().startsWith(`${name}:`));
}
