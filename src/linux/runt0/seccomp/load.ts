// Compiled filters kept by content, and putting one on this process (man 2 seccomp).

import { WharfError } from "../../../common/errors.ts";
import type { LinuxSeccomp } from "../../../common/oci/runtime.ts";
import { isErrno, pointer, sys } from "../../sys/call.ts";
import { Fd, fstat, mkdirs, O, open, readAll, stat, writeFileAtomic } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { sha256 } from "../sys/hash.ts";
import { compileSeccomp } from "./compile.ts";
import { FLAGS } from "./names.ts";

const NEW_LISTENER = 8;
const SET_MODE_FILTER = 1;
/** Changes when a program compiled by an older build must not be used any more. */
const VERSION = "1";

/** Only what we ourselves wrote counts: another user's file could be any program. */
function isOurs({ uid, mode }: { uid: number; mode: number }): boolean {
  return uid === native.syscall(NR.geteuid) && (mode & 0o022) === 0;
}

/** The program for a profile, from `cacheDir` where it was compiled before. Without a folder nothing is kept. */
export function seccompProgram(seccomp: LinuxSeccomp, cacheDir: string | undefined): Uint8Array {
  if (cacheDir === undefined) return compileSeccomp(seccomp);
  const { architectures, defaultAction, defaultErrnoRet, syscalls } = seccomp;
  const path = `${cacheDir}/${sha256(JSON.stringify([VERSION, defaultAction, defaultErrnoRet, architectures, syscalls]))}`;
  try {
    using file = new Fd(open(path, O.RDONLY | O.NOFOLLOW));
    const found = fstat(file.value);
    if (isOurs(found)) return readAll(file.value, found.size + 1);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ELOOP")) throw error;
  }
  const program = compileSeccomp(seccomp);
  mkdirs(cacheDir, 0o700);
  if (isOurs(stat(cacheDir))) writeFileAtomic(path, program, 0o600);
  return program;
}

/** Puts the filter on this process; returns the listener's descriptor when `listener` is asked for. */
export function loadSeccomp(program: Uint8Array, flags: readonly string[], listener: boolean): number | undefined {
  let bits = listener ? NEW_LISTENER : 0;
  for (const flag of flags) {
    if (FLAGS[flag] === undefined)
      throw new WharfError("InvalidArgument", `linux.seccomp.flags: unknown flag ${JSON.stringify(flag)}`);
    bits |= FLAGS[flag];
  }
  if (listener) bits &= ~1; // the kernel gives a listener or synchronises threads; there is one thread
  const prog = new BigUint64Array(2);
  new DataView(prog.buffer).setUint16(0, program.length / 8, true);
  prog[1] = BigInt(pointer(prog, program));
  const answer = sys("load the seccomp filter", undefined, NR.seccomp, SET_MODE_FILTER, bits, prog);
  return listener ? answer : undefined;
}
