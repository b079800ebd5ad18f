// Putting a compiled filter on this process (man 2 seccomp).
import { WharfError } from "../../common/errors.ts";
import { pointer, sys } from "../sys/call.ts";
import { NR } from "../sys/nr.ts";
import { FLAGS } from "./names.ts";

const SET_MODE_FILTER = 1;
const FLAG_TSYNC = 1;
const FLAG_NEW_LISTENER = 8;

/** linux.seccomp.flags as bits. InvalidArgument for an unknown one. */
export function flagBits(flags: readonly string[]): number {
  let bits = 0;
  for (const flag of flags) {
    const bit = FLAGS[flag];
    if (bit === undefined) {
      throw new WharfError("InvalidArgument", `linux.seccomp.flags: unknown flag ${JSON.stringify(flag)}`);
    }
    bits |= bit;
  }
  return bits;
}

/** The flags that the kernel is given. There is one thread, so there is none to synchronise with. */
export function filterFlags(flags: readonly string[], listens: boolean): number {
  return (flagBits(flags) & ~FLAG_TSYNC) | (listens ? FLAG_NEW_LISTENER : 0);
}

/** Returns the listener's descriptor when one is asked for. */
export function loadFilter(program: Uint8Array, flags: readonly string[], listens: boolean): number | undefined {
  const bits = filterFlags(flags, listens);
  const filter = new BigUint64Array(2);
  new DataView(filter.buffer).setUint16(0, program.length / 8, true);
  filter[1] = BigInt(pointer(filter, program));
  const answer = sys("load the seccomp filter", undefined, NR.seccomp, SET_MODE_FILTER, bits, filter);
  return listens ? answer : undefined;
}
