// A task's process in the foreground or the background: started, its signals and window passed on, its status ours.
import { isCode } from "../../common/errors.ts";
import { signalNumber } from "../../common/signals.ts";
import { rawMode, terminalSize } from "../cli/terminal.ts";
import { absolute, writeFileAtomic } from "../sys/fs.ts";
import { onSignals } from "../sys/loop.ts";
import { SIGNALS } from "../sys/process.ts";
import { type Ctr, usage } from "./ctr.ts";
import { removeFifos, type TaskIo } from "./io.ts";

/** A task's first process, or with an exec id another one. */
export interface ProcessName {
  containerId: string;
  execId: string;
}

/** A signal by name, with or without SIG, or by number. */
export function parseSignal(text: string): number {
  const number = signalNumber(text);
  if (number === undefined) throw usage(`there is no signal ${JSON.stringify(text)}`);
  return number;
}

const NOT_FORWARDED = new Set<number>([
  SIGNALS.CHLD,
  SIGNALS.PIPE,
  SIGNALS.URG,
  SIGNALS.KILL,
  SIGNALS.STOP,
  SIGNALS.WINCH,
]);

export interface RunOptions {
  name: ProcessName;
  io: TaskIo;
  detach: boolean;
  pid: number;
  pidFile: string;
}

/** Starts what was created; in the foreground waits for its end and answers its exit status. */
export async function runProcess(ctr: Ctr, { name, io, detach, pid, pidFile }: RunOptions): Promise<number> {
  const { terminal } = io.streams;
  // asked for before the start: no end is missed
  const waiting = detach ? undefined : ctr.tasks.wait(name);
  waiting?.catch(() => {});
  using _raw = terminal && !detach ? rawMode(0) : undefined;
  if (pidFile && pid) writeFileAtomic(absolute(pidFile), String(pid));
  const started = await ctr.tasks.start(name);
  if (pidFile && !pid) writeFileAtomic(absolute(pidFile), String(started.pid));
  if (detach) {
    io.keep = true;
    return 0;
  }
  return await follow(ctr, name, io, waiting!);
}

/** Passes streams, signals and the window's size on until the process has ended; answers its exit status. */
export async function follow(
  ctr: Ctr,
  name: ProcessName,
  io: TaskIo,
  waiting: Promise<{ exitStatus: number }>,
): Promise<number> {
  const { terminal } = io.streams;
  const resize = async () => {
    const size = terminalSize(0) ?? terminalSize(1);
    if (size) await ctr.tasks.resizePty({ ...name, width: size.columns, height: size.rows });
  };
  // what cannot be passed on any more belonged to a process that has ended, which the waiting tells
  const quietly = (work: Promise<unknown>) => void work.catch(() => {});
  if (terminal) quietly(resize());
  const signals = terminal
    ? [SIGNALS.WINCH]
    : Object.values(SIGNALS).filter((signal) => signal < 32 && !NOT_FORWARDED.has(signal));
  using _signals = onSignals(signals, (signal) => {
    if (signal === SIGNALS.WINCH) quietly(resize());
    else quietly(ctr.tasks.kill({ ...name, signal }));
  });
  quietly(io.forward(() => ctr.tasks.closeIO({ ...name, stdin: true })));
  const { exitStatus } = await waiting;
  await io.drained();
  return exitStatus;
}

/** Deletes a process that has ended; with `force` one that runs is killed first. Answers its exit status. */
export async function deleteProcess(ctr: Ctr, name: ProcessName, force: boolean): Promise<number> {
  if (force) {
    try {
      const ended = ctr.tasks.wait(name);
      ended.catch(() => {});
      await ctr.tasks.kill({ ...name, signal: SIGNALS.KILL, all: name.execId === "" });
      await ended;
    } catch (error) {
      if (!isCode(error, "NotFound") && !isCode(error, "FailedPrecondition")) throw error;
    }
  }
  const { process } = name.execId === "" ? await ctr.tasks.get(name) : {};
  const { exitStatus } =
    name.execId === ""
      ? await ctr.tasks.delete({ containerId: name.containerId })
      : await ctr.tasks.deleteProcess(name);
  if (process) removeFifos(process);
  return exitStatus;
}
