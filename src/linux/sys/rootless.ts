// Without the host's rights: another user than root, or root only of a user namespace.
import { readText, stat } from "./fs.ts";
import { NR } from "./nr.ts";
import { readProc } from "./procfs.ts";

export function effectiveUser(): number {
  return native.syscall(NR.geteuid);
}

/** The first user namespace maps all numbers to themselves. */
function inUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readProc("self/uid_map"));
}

export function isRootless(): boolean {
  return effectiveUser() !== 0 || inUserNamespace();
}

/** Root of a user namespace in which systemd itself runs, as in a system container: its manager takes our word. */
export function ownsSystemd(): boolean {
  try {
    return effectiveUser() === 0 && stat("/run/systemd/private").uid === 0;
  } catch {
    return false;
  }
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
