// Runs a test program as the foster parent of all its descendants, so that none can get out of sight however it forks.
//   reaper REPORT GRACE-MS PROGRAM ARG…
// When PROGRAM has ended, or on SIGTERM, what is left after the grace time is written to REPORT, a line each ("PID STARTTIME COMMAND"),
// and killed. The exit code is PROGRAM's. Used by tools/test.ts.
import { isErrno } from "../sys/call.ts";
import { readDir, readText, writeFile } from "../sys/fs.ts";
import { clearSignalMask, loop, onSignals } from "../sys/loop.ts";
import { environment, exec, exit, fork, getpid, kill, PR, prctl, SIGNALS, WNOHANG, wait } from "../sys/process.ts";
import { monotonicMs, sleepSync } from "../sys/time.ts";

interface Process {
  pid: number;
  parent: number;
  start: string;
  command: string;
}

/** One process out of /proc, undefined when it has just ended. */
function look(pid: number): Process | undefined {
  try {
    const stat = readText(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") return undefined;
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    const command = readText(`/proc/${pid}/cmdline`).replaceAll("\0", " ").replaceAll("\n", " ").trim() || `[${name}]`;
    return { pid, parent: Number(fields[1]), start: fields[19] ?? "", command };
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}

/** All living descendants of this process. */
function descendants(): Process[] {
  const self = getpid();
  const all = readDir("/proc")
    .filter((entry) => /^\d+$/.test(entry.name))
    .map((entry) => look(Number(entry.name)))
    .filter((process) => process !== undefined);
  const found = new Set([self]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const process of all) if (found.has(process.parent)) found.add(process.pid);
  }
  return all.filter((process) => process.pid !== self && found.has(process.pid));
}

/** Waits for every child that has ended; tells the status of `pid` when it is among them. False when no child is left. */
function reap(pid: number, ended: (status: number) => void): boolean {
  try {
    for (let exit = wait(-1, WNOHANG); exit; exit = wait(-1, WNOHANG)) if (exit.pid === pid) ended(exit.status);
    return true;
  } catch (error) {
    if (isErrno(error, "ECHILD")) return false;
    throw error;
  }
}

/** Ends all descendants, and those that they may still have been about to make. */
function killAll(child: number): void {
  for (let alive = descendants(); alive.length > 0; alive = descendants()) {
    for (const { pid } of alive) {
      try {
        kill(pid, SIGNALS.KILL);
      } catch (error) {
        if (!isErrno(error, "ESRCH")) throw error;
      }
    }
    sleepSync(10);
    reap(child, () => {});
  }
}

async function supervise(report: string, grace: number, command: string[]): Promise<number> {
  prctl(PR.SET_CHILD_SUBREAPER, 1);
  const turn = Promise.withResolvers<void>();
  let status: number | undefined;
  let stop = false;
  let wake = turn.resolve;
  using _signals = onSignals([SIGNALS.CHLD, SIGNALS.TERM, SIGNALS.INT], (signal) => {
    if (signal !== SIGNALS.CHLD) stop = true;
    wake();
  });
  const child = fork();
  if (child === 0) {
    clearSignalMask();
    try {
      exec(
        command[0]!,
        command,
        [...environment()].map(([name, value]) => `${name}=${value}`),
      );
    } catch {
      exit(127);
    }
  }
  let next = turn.promise;
  for (;;) {
    await next;
    ({ promise: next, resolve: wake } = Promise.withResolvers<void>());
    const some = reap(child, (code) => {
      status = code;
    });
    if (!some || status !== undefined || stop) break;
  }
  const deadline = monotonicMs() + (stop ? 0 : grace);
  while (reap(child, () => {}) && monotonicMs() < deadline && descendants().length > 0) await loop().sleep(20);
  // the program itself is there only when it was told to stop, which is no secret
  const left = descendants().filter(({ pid }) => pid !== child);
  killAll(child);
  if (left.length > 0)
    writeFile(report, left.map(({ pid, start, command }) => `${pid} ${start} ${command}\n`).join(""));
  return stop ? 143 : (status ?? 1);
}

export function main(args: string[]): number {
  const [, report, grace, ...command] = args;
  if (!report || !grace || command.length === 0) return 2;
  return loop().run(supervise(report, Number(grace), command));
}
