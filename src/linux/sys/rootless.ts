// Without the host's rights: another user than root, or root only of a user namespace.
import { readText } from "./fs.ts";
import { NR } from "./nr.ts";

export function effectiveUser(): number {
  return native.syscall(NR.geteuid);
}

/** The first user namespace maps all numbers to themselves. */
function inUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readText("/proc/self/uid_map"));
}

export function isRootless(): boolean {
  return effectiveUser() !== 0 || inUserNamespace();
}

/** Name in /etc/passwd, or the number where there is none. */
export function userName(uid: number): string {
  if (uid === 0) return "root";
  let text = "";
  try {
    text = readText("/etc/passwd");
  } catch {
    // a system without it names nobody
  }
  const line = text.split("\n").find((entry) => entry.split(":")[2] === String(uid));
  return line?.split(":")[0] || String(uid);
}
