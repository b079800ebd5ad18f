/** Which networks the host knows, by its routes: also those of bridges that nobody is on at the moment. */

import { readFile } from "node:fs/promises";

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

/** True when no route leads into the network of `address` with so many bits, or around it. */
export function isFree(address: string, bits: number, routes: readonly Route[]): boolean {
  const base = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const mask = bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0;
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
