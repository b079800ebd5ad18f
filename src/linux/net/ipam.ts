// Addresses of a network, one file each, in the layout of CNI's host-local plugin: <dir>/<address> holds id and interface.
import { WharfError } from "../../common/errors.ts";
import { isErrno } from "../sys/call.ts";
import { Fd, mkdirs, O, open, readDir, readText, unlinkIfThere, writeAll, writeFileAtomic } from "../sys/fs.ts";
import { formatAddress, fromNumber, parseAddress, type Subnet, toNumber } from "./address.ts";

const LAST = "last_reserved_ip.0";

/** Takes exactly this address; false when another has it. */
function take(dir: string, address: string, owner: string): boolean {
  try {
    using file = new Fd(open(`${dir}/${address}`, O.WRONLY | O.CREAT | O.EXCL, 0o644));
    writeAll(file.value, owner);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

function lastReserved(dir: string): number | undefined {
  try {
    return toNumber(parseAddress(readText(`${dir}/${LAST}`).trim()));
  } catch {
    return undefined; // never written, or cut short by a crash: a hint only
  }
}

/**
 * Reserves an address for `id`: the wanted one, or the next free one after the last given, so that an address is not soon
 * used again. The network's own, the gateway's and the broadcast address are never given.
 */
export function reserve(dir: string, subnet: Subnet, gateway: Uint8Array, id: string, wanted?: Uint8Array): Uint8Array {
  mkdirs(dir);
  const owner = `${id}\r\neth0`;
  const size = 2 ** (32 - subnet.prefix);
  if (wanted) {
    const inside = (toNumber(wanted) & subnet.mask) >>> 0 === subnet.base;
    if (!inside) throw new WharfError("InvalidArgument", `address ${formatAddress(wanted)} is not in the network`);
    if (toNumber(wanted) === toNumber(gateway) || !take(dir, formatAddress(wanted), owner)) {
      throw new WharfError("AlreadyExists", `address ${formatAddress(wanted)} is already in use`);
    }
    return wanted;
  }
  const last = lastReserved(dir) ?? toNumber(gateway);
  const start = last > subnet.base && last < subnet.base + size ? last - subnet.base : 1;
  for (let i = 1; i <= size; i++) {
    const host = (start + i) % size;
    const address = fromNumber(subnet.base + host);
    if (host === 0 || host === size - 1 || toNumber(address) === toNumber(gateway)) continue;
    if (!take(dir, formatAddress(address), owner)) continue;
    writeFileAtomic(`${dir}/${LAST}`, formatAddress(address));
    return address;
  }
  throw new WharfError("ResourceExhausted", `no free address among the ${size - 3} of the network`, {
    hint: "remove unused containers, or use a network with a larger subnet",
  });
}

/** Gives an address back, if it is `id` that holds it, or nobody's name was written into it. */
export function release(dir: string, id: string, address: string): void {
  if (isHeldBy(dir, id, address)) unlinkIfThere(`${dir}/${address}`);
}

/** Addresses that `id` holds, and those of which was not written yet whose they are, when the agent was killed: it makes one after the other. */
export function heldBy(dir: string, id: string): string[] {
  let names: string[] = [];
  try {
    names = readDir(dir).map((entry) => entry.name);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  return names.filter((name) => /^\d+\./.test(name) && isHeldBy(dir, id, name));
}

function isHeldBy(dir: string, id: string, address: string): boolean {
  const owner = ownerOf(dir, address);
  return owner === id || owner === "";
}

function ownerOf(dir: string, address: string): string | undefined {
  try {
    return readText(`${dir}/${address}`).split("\r\n")[0];
  } catch (error) {
    // given back meanwhile; one that cannot be read would otherwise stay taken for ever without a word
    if (!isErrno(error, "ENOENT")) throw error;
    return undefined;
  }
}
