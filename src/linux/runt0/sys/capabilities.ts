// The five capability sets of config.json as masks, and applying them to this process (man 7 capabilities).
import { sys } from "../../sys/call.ts";
import { CAPABILITIES } from "../../sys/capabilities.ts";
import { E } from "../../sys/errno.ts";
import { NR } from "../../sys/nr.ts";
import { PR } from "../../sys/process.ts";

export { CAPABILITIES };

const NUMBER = new Map<string, number>(CAPABILITIES.map((name, i) => [name, i]));

export interface CapabilityMasks {
  bounding: bigint;
  effective: bigint;
  permitted: bigint;
  inheritable: bigint;
  ambient: bigint;
  /** Names that no kernel knows; they are left out. */
  unknown: string[];
}

type Names = readonly string[] | undefined;
type Sets = Record<"bounding" | "effective" | "permitted" | "inheritable" | "ambient", Names>;

export function capabilityMasks(sets: { [Name in keyof Sets]?: Names }): CapabilityMasks {
  const unknown = new Set<string>();
  const mask = (names: Names): bigint => {
    let bits = 0n;
    for (const name of names ?? []) {
      const number = NUMBER.get(name);
      if (number === undefined) unknown.add(name);
      else bits |= 1n << BigInt(number);
    }
    return bits;
  };
  return {
    bounding: mask(sets.bounding),
    effective: mask(sets.effective),
    permitted: mask(sets.permitted),
    inheritable: mask(sets.inheritable),
    ambient: mask(sets.ambient),
    unknown: [...unknown],
  };
}

/** Drops everything else from the bounding set. The kernel tells where its capabilities end. */
export function limitBounding(keep: bigint): void {
  for (let number = 0; number < 64; number++) {
    if ((keep >> BigInt(number)) & 1n) continue;
    const answer = native.syscall(NR.prctl, PR.CAPBSET_DROP, number, 0, 0, 0);
    if (answer === -E.EINVAL) return;
    if (answer < 0) sys(`drop capability ${number}`, undefined, NR.prctl, PR.CAPBSET_DROP, number, 0, 0, 0);
  }
}

const VERSION_3 = 0x20080522;

/** capset(2) of this process. */
export function setCapabilities(effective: bigint, permitted: bigint, inheritable: bigint): void {
  const header = new Uint32Array([VERSION_3, 0]);
  const low = (mask: bigint) => Number(mask & 0xffffffffn);
  const high = (mask: bigint) => Number(mask >> 32n);
  const words = [low(effective), low(permitted), low(inheritable), high(effective), high(permitted), high(inheritable)];
  sys("set capabilities", undefined, NR.capset, header, new Uint32Array(words));
}

const AMBIENT_RAISE = 2;
const AMBIENT_CLEAR_ALL = 4;

export function setAmbient(mask: bigint): void {
  native.syscall(NR.prctl, PR.CAP_AMBIENT, AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (let number = 0; number < 64; number++) {
    if ((mask >> BigInt(number)) & 1n) {
      sys(`raise ambient ${CAPABILITIES[number]}`, undefined, NR.prctl, PR.CAP_AMBIENT, AMBIENT_RAISE, number, 0, 0);
    }
  }
}
