// Lists of processors and memory nodes as the kernel writes them ("0-3,7"), and the bit masks its calls take.
import { WharfError } from "../../common/errors.ts";

/** No machine has a higher number (CONFIG_NR_CPUS ends at 8192, nodes at 1024). */
const MOST = 8191;

/** The numbers' bits, a multiple of 8 bytes. InvalidArgument, without a word of what the list is for, when it is none. */
export function numberMask(text: string): Uint8Array {
  const bad = (what: string) => new WharfError("InvalidArgument", `${JSON.stringify(text)} ${what}`);
  const ranges = text.split(",").map((part): [number, number] => {
    const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part);
    if (!match) throw bad('is not a list of numbers such as "0-3,7"');
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    if (last < first) throw bad(`has a range that ends before it begins: ${part.trim()}`);
    if (last > MOST) throw bad(`has a number above ${MOST}: ${last}`);
    return [first, last];
  });
  const most = Math.max(...ranges.map(([, last]) => last));
  const mask = new Uint8Array((Math.floor(most / 64) + 1) * 8);
  for (const [first, last] of ranges) for (let n = first; n <= last; n++) mask[n >> 3]! |= 1 << (n & 7);
  return mask;
}
