// The one door to the kernel: a system call that throws what it failed on.
import { WharfError } from "../../common/errors.ts";
import { E, kernelError } from "./errno.ts";

/**
 * Makes a system call and returns its answer; on failure throws a WharfError that names the operation, its subject and the
 * errno. Interrupted calls are made again.
 */
export function sys(
  operation: string,
  subject: string | number | undefined,
  nr: number,
  a?: NativeWord,
  b?: NativeWord,
  c?: NativeWord,
  d?: NativeWord,
  e?: NativeWord,
  f?: NativeWord,
): number {
  for (;;) {
    const answer = native.syscall(nr, a, b, c, d, e, f);
    if (answer >= 0) return answer;
    if (answer !== -E.EINTR) throw kernelError(operation, subject, -answer);
  }
}

/** True when `error` is a failed system call with one of the errno names. */
export function isErrno(error: unknown, ...names: (keyof typeof E)[]): boolean {
  return error instanceof WharfError && names.includes(error.errno as keyof typeof E);
}

/** Pointer-carrying structures keep what they point to alive as long as they live. */
const kept = new WeakMap<object, NativeBuffer[]>();

/** The address of `target`, which stays alive as long as `holder` does. */
export function pointer(holder: object, target: NativeBuffer): number {
  const list = kept.get(holder);
  if (list) list.push(target);
  else kept.set(holder, [target]);
  return native.address(target);
}

/** A NUL-terminated copy of a string. */
function cString(text: string): Uint8Array {
  if (text.includes("\0")) throw new WharfError("InvalidArgument", `string ${JSON.stringify(text)} has a NUL byte`);
  return native.bytes(`${text}\0`);
}

/** A NULL-terminated array of C strings, for execve; keeps its strings alive. */
export function cStringArray(texts: readonly string[]): BigUint64Array {
  const array = new BigUint64Array(texts.length + 1);
  for (const [i, text] of texts.entries()) array[i] = BigInt(pointer(array, cString(text)));
  return array;
}
