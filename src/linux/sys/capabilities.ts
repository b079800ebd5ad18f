// Capabilities: names, sets as bit masks, and giving them up.
import { sys } from "./call.ts";
import { errnoName } from "./errno.ts";
import { NR } from "./nr.ts";
import { PR } from "./process.ts";

/** In the order of their numbers (include/uapi/linux/capability.h). */
export const CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

const NUMBER = Object.create(null) as Record<string, number | undefined>;
for (const [number, name] of CAPABILITIES.entries()) NUMBER[name] = number;
const BIT: readonly bigint[] = Array.from({ length: 64 }, (_, number) => 1n << BigInt(number));
const VERSION_3 = 0x20080522;
const AMBIENT_RAISE = 2;
const AMBIENT_CLEAR_ALL = 4;
const EINVAL = -22;

/** A set's bits; names the table does not know are handed to `unknown`. */
export function capabilityMask(names: readonly string[] | undefined, unknown: (name: string) => void): bigint {
  if (names === undefined) return 0n;
  // in halves: a BigInt is a block of memory for each step
  let low = 0;
  let high = 0;
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const number = NUMBER[name] ?? NUMBER[name.toUpperCase()];
    if (number === undefined) unknown(name);
    else if (number < 32) low |= 1 << number;
    else high |= 1 << number; // by 32 bits less: that is how numbers are shifted
  }
  return BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);
}

/** The names in a mask, with those the table does not know by number. */
export function capabilityNames(mask: bigint): string[] {
  const names: string[] = [];
  for (let i = 0; mask >> BigInt(i); i++)
    if ((mask >> BigInt(i)) & 1n) names.push(CAPABILITIES[i] ?? `capability ${i}`);
  return names;
}

export interface CapabilitySets {
  effective: bigint;
  permitted: bigint;
  inheritable: bigint;
}

/** This process's sets. */
export function getCapabilities(): CapabilitySets {
  const data = new Uint32Array(6);
  sys("capget", undefined, NR.capget, new Uint32Array([VERSION_3, 0]), data);
  const set = (at: number) => BigInt(data[at]!) | (BigInt(data[at + 3]!) << 32n);
  return { effective: set(0), permitted: set(1), inheritable: set(2) };
}

export function setCapabilities({ effective, permitted, inheritable }: CapabilitySets): void {
  const low = (set: bigint) => Number(set & 0xffffffffn);
  const high = (set: bigint) => Number(set >> 32n);
  const sets = [effective, permitted, inheritable];
  sys(
    "capset",
    undefined,
    NR.capset,
    new Uint32Array([VERSION_3, 0]),
    new Uint32Array([...sets.map(low), ...sets.map(high)]),
  );
}

/** Takes everything that is not in `keep` out of the bounding set, as far as the kernel knows capabilities. */
export function limitBoundingSet(keep: bigint): void {
  const low = Number(keep & 0xffffffffn);
  const high = Number(keep >> 32n);
  const call = NR.prctl;
  const drop = PR.CAPBSET_DROP;
  for (let number = 0; number < 64; number++) {
    if (((number < 32 ? low : high) >>> number) & 1) continue;
    const answer = native.syscall(call, drop, number);
    if (answer === EINVAL) return;
    if (answer < 0)
      sys("drop from the bounding set", CAPABILITIES[number] ?? number, NR.prctl, PR.CAPBSET_DROP, number, 0, 0, 0);
  }
}

export function clearAmbient(): void {
  sys("prctl", "PR_CAP_AMBIENT", NR.prctl, PR.CAP_AMBIENT, AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/** Those that cannot be raised (not permitted and inheritable) are handed to `failed`. */
export function raiseAmbient(mask: bigint, failed: (name: string, errno: string) => void): void {
  for (let number = 0; number < 64; number++) {
    if (!(mask & BIT[number]!)) continue;
    const answer = native.syscall(NR.prctl, PR.CAP_AMBIENT, AMBIENT_RAISE, number, 0, 0);
    if (answer < 0) failed(CAPABILITIES[number] ?? `${number}`, errnoName(-answer));
  }
}
