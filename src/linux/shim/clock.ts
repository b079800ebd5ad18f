// Real time as events and logs carry it.
import type { Instant } from "../../common/timestamp.ts";
import { NR } from "../sys/nr.ts";

export function now(): Instant {
  const spec = new BigInt64Array(2);
  native.syscall(NR.clock_gettime, 0, spec);
  return { seconds: Number(spec[0]), nanos: Number(spec[1]) };
}
