// cgroup v2 has no device files: the rules become a small eBPF program (BPF_PROG_TYPE_CGROUP_DEVICE) attached to the folder.
import { WharfError } from "../../common/errors.ts";
import type { LinuxDeviceCgroup } from "../../common/oci/runtime.ts";
import { isErrno, sys } from "../sys/call.ts";
import { Fd, O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { isRootless } from "../sys/rootless.ts";
import { type DeviceRule, effectiveRules } from "./devices.ts";

const PROG_LOAD = 5;
const PROG_ATTACH = 8;
const PROG_DETACH = 9;
const PROG_GET_FD_BY_ID = 13;
const PROG_QUERY = 16;
const PROG_TYPE_CGROUP_DEVICE = 15;
const ATTACH_CGROUP_DEVICE = 6;
const ALLOW_MULTI = 2;

// eBPF operations (Documentation/bpf/standardization/instruction-set.rst), 32-bit where there is a choice
const LOAD_WORD = 0x61;
const MOVE_REGISTER = 0xbc;
const MOVE_VALUE = 0xb4;
const AND_VALUE = 0x54;
const SHIFT_RIGHT = 0x74;
const JUMP_EQUAL = 0x16;
const JUMP_NOT_EQUAL = 0x56;
const JUMP_NOT_EQUAL_REGISTER = 0x5e;
const EXIT = 0x95;

type Instruction = readonly [op: number, to: number, from: number, offset: number, value: number];

function encode([op, to, from, offset, value]: Instruction): bigint {
  return BigInt(op | ((to | (from << 4)) << 8)) | (BigInt(offset & 0xffff) << 16n) | (BigInt(value >>> 0) << 32n);
}

const ACCESS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const EVERY_ACCESS = 7;

/** One rule: tests that jump behind it where it does not fit, then its verdict. Registers: see deviceProgram. */
function ruleCode({ allow, type, major, minor, access }: DeviceRule): Instruction[] {
  let mask = 0;
  for (const letter of access) mask |= ACCESS[letter]!;
  const code: Instruction[] = [];
  const tests = 1 + Number(major >= 0) + Number(minor >= 0);
  const length = tests + (mask === EVERY_ACCESS ? 0 : 3) + 2;
  const behind = () => length - code.length - 1;
  code.push([JUMP_NOT_EQUAL, 2, 0, behind(), type === "b" ? 1 : 2]);
  if (major >= 0) code.push([JUMP_NOT_EQUAL, 4, 0, behind(), major]);
  if (minor >= 0) code.push([JUMP_NOT_EQUAL, 5, 0, behind(), minor]);
  if (mask !== EVERY_ACCESS) {
    code.push([MOVE_REGISTER, 1, 3, 0, 0], [AND_VALUE, 1, 0, 0, mask]);
    // what is allowed must cover all that is asked for; what is denied need only touch it
    code.push(allow ? [JUMP_NOT_EQUAL_REGISTER, 1, 3, behind(), 0] : [JUMP_EQUAL, 1, 0, behind(), 0]);
  }
  code.push([MOVE_VALUE, 0, 0, 0, allow ? 1 : 0], [EXIT, 0, 0, 0, 0]);
  return code;
}

/** The last rule that fits decides, so the rules are asked from the end. */
export function deviceProgram(all: boolean, rules: readonly DeviceRule[]): BigUint64Array {
  // r1: struct bpf_cgroup_dev_ctx; r2 type (1 block, 2 character), r3 access, r4 major, r5 minor
  const code: Instruction[] = [
    [LOAD_WORD, 2, 1, 0, 0],
    [MOVE_REGISTER, 3, 2, 0, 0],
    [AND_VALUE, 2, 0, 0, 0xffff],
    [SHIFT_RIGHT, 3, 0, 0, 16],
    [LOAD_WORD, 4, 1, 4, 0],
    [LOAD_WORD, 5, 1, 8, 0],
  ];
  for (let i = rules.length - 1; i >= 0; i--) code.push(...ruleCode(rules[i]!));
  code.push([MOVE_VALUE, 0, 0, 0, all ? 1 : 0], [EXIT, 0, 0, 0, 0]);
  return new BigUint64Array(code.map(encode));
}

const ATTR_SIZE = 128;

/** bpf(2): `fields` of its attribute by offset, numbers as 32 bits and bigints as 64. Answers with the attribute too. */
function bpf(what: string, command: number, fields: Readonly<Record<number, number | bigint>>): [number, DataView] {
  const attribute = new ArrayBuffer(ATTR_SIZE);
  const view = new DataView(attribute);
  for (const at of Object.keys(fields).map(Number)) {
    const value = fields[at]!;
    if (typeof value === "bigint") view.setBigUint64(at, value, true);
    else view.setUint32(at, value, true);
  }
  return [sys(what, undefined, NR.bpf, command, attribute, ATTR_SIZE), view];
}

function load(code: BigUint64Array): number {
  const license = native.bytes("Apache\0");
  const fields = {
    0: PROG_TYPE_CGROUP_DEVICE,
    4: code.length,
    8: BigInt(native.address(code)),
    16: BigInt(native.address(license)),
  };
  const [fd] = bpf("load device program", PROG_LOAD, fields);
  return license.length > 0 ? fd : -1;
}

/** Ids of the device programs attached to a folder. */
function attached(folder: number): number[] {
  const ids = new Uint32Array(64);
  const fields = { 0: folder, 4: ATTACH_CGROUP_DEVICE, 16: BigInt(native.address(ids)), 24: ids.length };
  const [, view] = bpf("query device programs", PROG_QUERY, fields);
  return [...ids.subarray(0, view.getUint32(24, true))];
}

/** Puts the rules in force, then takes away those that were: at no moment are there none. */
export function attachDeviceFilter(path: string, given: readonly LinuxDeviceCgroup[]): void {
  const { all, rules } = effectiveRules(given);
  try {
    using folder = new Fd(open(path, O.RDONLY | O.DIRECTORY));
    const before = attached(folder.value);
    if (all && rules.length === 0 && before.length === 0) return;
    using program = new Fd(load(deviceProgram(all, rules)));
    const target = { 0: folder.value, 8: ATTACH_CGROUP_DEVICE };
    bpf("attach device program", PROG_ATTACH, { ...target, 4: program.value, 12: ALLOW_MULTI });
    for (const id of before) {
      using old = new Fd(bpf("open device program", PROG_GET_FD_BY_ID, { 0: id })[0]);
      bpf("detach device program", PROG_DETACH, { ...target, 4: old.value });
    }
  } catch (cause) {
    // who may not load programs cannot make device nodes either; above him others' rules hold
    if (isErrno(cause, "EPERM", "EACCES") && isRootless()) return;
    throw new WharfError("FailedPrecondition", "linux.resources.devices: cannot limit devices", {
      operation: "set cgroup",
      subject: path,
      cause,
    });
  }
}
