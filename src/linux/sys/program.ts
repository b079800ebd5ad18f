// On the way to becoming another program: finding it, and the descriptors that it gets.
import { WharfError } from "../../common/errors.ts";
import { dup3, O, open } from "./fs.ts";
import { NR } from "./nr.ts";
import { environment } from "./process.ts";
import { closeRange } from "./procfs.ts";

const X_OK = 1;

/** Where a program is: a path as it is, a name along $PATH. NotFound otherwise. */
export function lookPath(name: string): string {
  if (name.includes("/")) return name;
  for (const folder of (environment().get("PATH") ?? "/usr/bin:/bin").split(":")) {
    const path = `${folder || "."}/${name}`;
    if (native.syscall(NR.faccessat, -100, path, X_OK) === 0) return path;
  }
  throw new WharfError("NotFound", `${JSON.stringify(name)} is not in $PATH`, { subject: name });
}

/** Puts `fds` on 0, 1, 2 … in order (undefined: /dev/null) and closes all others; none of the sources is lost on the way. */
export function placeDescriptors(fds: readonly (number | undefined)[]): void {
  const above = Math.max(63, ...fds.map((fd) => fd ?? 0)) + 1;
  const nothing = open("/dev/null", O.RDWR);
  // first out of the way, then into place
  for (const [i, fd] of fds.entries()) dup3(fd ?? nothing, above + i, O.CLOEXEC);
  for (let i = 0; i < fds.length; i++) dup3(above + i, i);
  closeRange(fds.length);
}
