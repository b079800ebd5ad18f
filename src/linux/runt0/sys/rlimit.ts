// Resource limits (man 2 setrlimit).
import { WharfError } from "../../../common/errors.ts";
import { sys } from "../../sys/call.ts";
import { NR } from "../../sys/nr.ts";

const TYPES = [
  "CPU",
  "FSIZE",
  "DATA",
  "STACK",
  "CORE",
  "RSS",
  "NPROC",
  "NOFILE",
  "MEMLOCK",
  "AS",
  "LOCKS",
  "SIGPENDING",
  "MSGQUEUE",
  "NICE",
  "RTPRIO",
  "RTTIME",
];

/** 2^64 - 1, as JSON.parse leaves it and above, means no limit. */
function limit(value: number): bigint {
  return value < 0 || value >= 2 ** 63 ? 0xffffffffffffffffn : BigInt(value);
}

/** Sets one limit of this process, by the specification's name: "RLIMIT_NOFILE". */
export function setRlimit(type: string, soft: number, hard: number): void {
  const resource = TYPES.indexOf(type.replace("RLIMIT_", ""));
  if (resource < 0) throw new WharfError("InvalidArgument", `unknown resource limit ${JSON.stringify(type)}`);
  const value = new BigUint64Array([limit(soft), limit(hard)]);
  sys(`set ${type} to ${soft}:${hard}`, undefined, NR.prlimit64, 0, resource, value, 0);
}
