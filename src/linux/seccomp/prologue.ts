// What goes before libseccomp's program: system calls that are newer than this libseccomp, by their numbers, and ENOSYS in place of the default
// action for calls that are newer than the profile. A C library that tries a new call falls back to an old one on ENOSYS, not on EPERM.
import { NR } from "../sys/nr.ts";

/** A call's number in each of its ABIs is the same from pidfd_send_signal (424) on. */
const FIRST_COMMON = 424;

/** By name; those that the rest of this program has no use for are added (include/uapi/asm-generic/unistd.h, Linux 6.18). */
const COMMON: ReadonlyMap<string, number> = new Map([
  ...Object.entries(NR).filter(([, nr]) => nr >= FIRST_COMMON),
  ["futex_wake", 454],
  ["futex_wait", 455],
  ["futex_requeue", 456],
  ["lsm_set_self_attr", 460],
  ["lsm_list_modules", 461],
  ["file_getattr", 468],
  ["file_setattr", 469],
]);

/** The number of a call in every ABI, where this libseccomp does not know its name. */
export function commonNumber(name: string): number | undefined {
  return COMMON.get(name);
}

/** An ABI of this machine, as the filter sees it. */
export interface Abi {
  /** AUDIT_ARCH_*. */
  audit: number;
  /** Added to each number: __X32_SYSCALL_BIT of x32, which shares its AUDIT_ARCH with x86_64. */
  base: number;
  /** Highest number that the profile names; undefined: no ENOSYS. */
  last: number | undefined;
}

export interface NewerRule {
  nr: number;
  /** SECCOMP_RET_*. */
  action: number;
}

export const X32_BIT = 0x40000000;
const SECCOMP_RET_ERRNO = 0x00050000;
const ENOSYS = 38;
const BPF = { LD_ABS: 0x20, JA: 0x05, JEQ: 0x15, JGT: 0x25, JGE: 0x35, RET: 0x06 } as const;
const OFFSET = { nr: 0, arch: 4 } as const;

interface Instruction {
  code: number;
  k: number;
  jt?: number;
  jf?: number;
  /** A jump to the program behind the prologue. */
  to?: "program";
}

/** `ret action` when the number is this one. */
function returnWhen(code: number, k: number, action: number): Instruction[] {
  return [
    { code, k, jt: 0, jf: 1 },
    { code: BPF.RET, k: action },
  ];
}

function abiPart({ base, last }: Abi, rules: readonly NewerRule[]): Instruction[] {
  const part: Instruction[] = rules.flatMap(({ nr, action }) => returnWhen(BPF.JEQ, base + nr, action));
  // most calls are older than all of that, and go straight on
  if (last === undefined || last >= FIRST_COMMON) {
    part.unshift({ code: BPF.JGE, k: base + FIRST_COMMON, jt: 1, jf: 0 }, { code: BPF.JA, k: 0, to: "program" });
  }
  if (last !== undefined) part.push(...returnWhen(BPF.JGT, base + last, SECCOMP_RET_ERRNO | ENOSYS));
  part.push({ code: BPF.JA, k: 0, to: "program" });
  return part;
}

/** One AUDIT_ARCH: its only ABI, or x86_64 with x32 above. What is above and not asked for is the program's business. */
function architecturePart(audit: number, abis: readonly Abi[], rules: readonly NewerRule[]): Instruction[] {
  const plain = abis.find(({ base }) => base === 0);
  const above = abis.find(({ base }) => base === X32_BIT);
  const high = above ? abiPart(above, rules) : [{ code: BPF.JA, k: 0, to: "program" } as const];
  const body: Instruction[] = [
    { code: BPF.LD_ABS, k: OFFSET.nr },
    { code: BPF.JGE, k: X32_BIT, jt: 0, jf: 1 },
    { code: BPF.JA, k: plain ? abiPart(plain, rules).length : 1 },
    ...(plain ? abiPart(plain, rules) : [{ code: BPF.JA, k: 0, to: "program" } as const]),
    ...high,
  ];
  return [{ code: BPF.JEQ, k: audit, jt: 1, jf: 0 }, { code: BPF.JA, k: body.length }, ...body];
}

/** 8 bytes an instruction (struct sock_filter); empty when there is nothing to say. */
export function prologue(abis: readonly Abi[], rules: readonly NewerRule[]): Uint8Array {
  if (rules.length === 0 && abis.every(({ last }) => last === undefined)) return new Uint8Array(0);
  const audits = [...new Set(abis.map(({ audit }) => audit))];
  const all: Instruction[] = [
    { code: BPF.LD_ABS, k: OFFSET.arch },
    ...audits.flatMap((audit) =>
      architecturePart(
        audit,
        abis.filter((abi) => abi.audit === audit),
        rules,
      ),
    ),
  ];
  const bytes = new Uint8Array(all.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, { code, k, jt = 0, jf = 0, to }] of all.entries()) {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, to === "program" ? all.length - i - 1 : k, true);
  }
  return bytes;
}
