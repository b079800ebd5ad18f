// Resource limits.
import { WharfError } from "../../common/errors.ts";
import { isErrno, sys } from "./call.ts";
import { NR } from "./nr.ts";

const NUMBER: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};

const INFINITY = 0xffffffffffffffffn;
/** JSON numbers of 2^64-1 come rounded up. */
const clamp = (value: number) => (value >= 2 ** 64 || value < 0 ? INFINITY : BigInt(value));

function rlimitNumber(type: string): number {
  const number = NUMBER[type];
  if (number === undefined) throw new WharfError("InvalidArgument", `unknown resource limit ${JSON.stringify(type)}`);
  return number;
}

/**
 * Sets a limit of this process. Without the right to raise the hard limit both are set as high as they may be, and false is
 * answered.
 */
export function setRlimit(type: string, soft: number, hard: number): boolean {
  const number = rlimitNumber(type);
  const wanted = new BigUint64Array([clamp(soft), clamp(hard)]);
  if (wanted[0]! > wanted[1]!) {
    throw new WharfError("InvalidArgument", `${type}: soft limit ${soft} is above the hard limit ${hard}`);
  }
  try {
    sys("set limit", type, NR.prlimit64, 0, number, wanted, 0);
    return true;
  } catch (error) {
    if (!isErrno(error, "EPERM")) throw error;
  }
  const now = new BigUint64Array(2);
  sys("get limit", type, NR.prlimit64, 0, number, 0, now);
  let most = wanted[1]!;
  if (most > now[1]!) most = now[1]!;
  wanted[1] = most;
  if (wanted[0]! > most) wanted[0] = most;
  sys("set limit", type, NR.prlimit64, 0, number, wanted, 0);
  return false;
}
