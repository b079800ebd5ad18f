// Fail points of a program of ours, for tests: it is killed at a system call that comes so many after a named place.
import { enableFailpoints } from "../../common/failpoint.ts";
import { exists, O, open, readText, unlink, writeAll } from "./fs.ts";
import { NR } from "./nr.ts";
import { SIGNALS } from "./process.ts";

let disarm: (() => void) | undefined;

/**
 * Arms the points of this process and of all that it forks, by a file. With `NAME COUNT` in it, who comes by NAME is killed at the COUNT-th system call from there
 * (0: at once), it or a child that it forks until then, whoever is first: that one takes the file away. What comes after the next point counts no more. With `*` in it nobody is killed, and each point
 * that is reached is added to the file as a line.
 */
export function armFailpoints(file: string): void {
  enableFailpoints("*", (name) => {
    disarm?.();
    if (!exists(file)) return;
    const text = readText(file);
    if (text.startsWith("*")) note(file, name);
    const [wanted, count] = text.trim().split(" ");
    if (wanted === name) killAfter(Number(count), file, text);
  });
}

function note(file: string, name: string): void {
  const fd = open(file, O.WRONLY | O.APPEND);
  writeAll(fd, `${name}\n`);
  native.syscall(NR.close, fd);
}

function killAfter(count: number, file: string, text: string): void {
  const { syscall } = native;
  const die = () => {
    native.syscall = syscall;
    try {
      // what it was to be killed for is over, and perhaps another one's turn has come
      if (readText(file) !== text) return;
      unlink(file);
      syscall(NR.kill, syscall(NR.getpid), SIGNALS.KILL);
    } catch {
      // another was quicker
    }
  };
  if (count === 0) die();
  let left = count;
  native.syscall = (...words) => {
    if (--left === 0) die();
    return syscall(...words);
  };
  disarm = () => {
    native.syscall = syscall;
    disarm = undefined;
  };
}
