// Staying with a process in the foreground: signals are passed on, its terminal is ours, its exit code becomes ours.
import { close, setNonblocking } from "../sys/fs.ts";
import { blockAndTell, EPOLL, loop, signalSet, type Watch } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { pollReadable } from "../sys/poll.ts";
import { SIGNALS, wait } from "../sys/process.ts";
import { getMode, getSize, processedOutput, rawMode, setMode, setSize } from "../sys/tty.ts";

/**
 * Puts a terminal into raw mode, but for its output: what the container writes has plain newlines (see openTerminal). The
 * result restores it. Anything else than a terminal is left alone.
 */
function makeRaw(fd: number): Disposable {
  const mode = getMode(fd);
  if (mode) setMode(fd, processedOutput(rawMode(mode)));
  return {
    [Symbol.dispose]() {
      if (mode) setMode(fd, mode);
    },
  };
}

function copySize(from: number, to: number): void {
  const size = getSize(from);
  if (size && size.rows > 0) setSize(to, size);
}

/** Copies everything that comes from one descriptor to another, with what cannot be written kept back (and no more read). */
function relay(from: number, to: number, atEnd: () => void): Disposable {
  const buffer = new Uint8Array(32768);
  let pending = buffer.subarray(0, 0);
  let output: Watch | undefined;
  const flush = () => {
    while (pending.length > 0) {
      const n = native.syscall(NR.write, to, pending, pending.length);
      if (n === -11) {
        output ??= loop().watch(to, EPOLL.OUT, flush);
        input.update(0);
        return;
      }
      if (n < 0) break;
      pending = pending.subarray(n);
    }
    pending = buffer.subarray(0, 0);
    output?.[Symbol.dispose]();
    output = undefined;
    input.update(EPOLL.IN);
  };
  const input = loop().watch(from, EPOLL.IN, () => {
    const n = native.syscall(NR.read, from, buffer, buffer.length);
    if (n === -11 || n === -4) return;
    if (n <= 0) {
      input[Symbol.dispose]();
      atEnd();
      return;
    }
    pending = buffer.subarray(0, n);
    flush();
  });
  return {
    [Symbol.dispose]() {
      input[Symbol.dispose]();
      output?.[Symbol.dispose]();
    },
  };
}

const DRAIN_MS = 200;

const NOT_FORWARDED: readonly number[] = [
  SIGNALS.CHLD,
  SIGNALS.KILL,
  SIGNALS.STOP,
  SIGNALS.URG,
  SIGNALS.TTIN,
  SIGNALS.TTOU,
];

/** A regular file or /dev/null cannot be watched (EPERM): such an input is passed over, its end is at once. */
function relayInput(master: number): Disposable | undefined {
  try {
    return relay(0, master, () => {});
  } catch {
    return undefined;
  }
}

const FORWARDED = Object.values(SIGNALS).filter((signal) => !NOT_FORWARDED.includes(signal));

const FORWARDED_SET = signalSet(FORWARDED);

/** Signals to be passed on are held back from now on, and told by a descriptor: to be called before the process is there. */
export function holdSignals(): number {
  return blockAndTell(FORWARDED_SET);
}

const INFO_SIZE = 128;

function forward(signals: number, pidfd: number, master: number | undefined): void {
  const info = new Uint32Array(INFO_SIZE / 4);
  if (native.syscall(NR.read, signals, info, INFO_SIZE) < INFO_SIZE) return;
  const signal = info[0]!;
  if (signal === SIGNALS.WINCH && master !== undefined) copySize(0, master);
  else native.syscall(NR.pidfd_send_signal, pidfd, signal, 0, 0);
}

/** Waits for the process and returns its exit code. Both descriptors are closed. */
export function stayWith(pid: number, pidfd: number, signals: number): number {
  while (pollReadable([pidfd, signals]) !== 0) forward(signals, pidfd, undefined);
  return ended(pid, pidfd, signals);
}

function ended(pid: number, pidfd: number, signals: number): number {
  const status = wait(pid)?.status ?? 255;
  close(pidfd);
  close(signals);
  return status;
}

/** The same with its terminal, given by its master, relayed to ours. */
export function stayWithTerminal(pid: number, pidfd: number, signals: number, master: number): number {
  using _signals = loop().watch(signals, EPOLL.IN, () => forward(signals, pidfd, master));
  copySize(0, master);
  setNonblocking(master);
  using _raw = makeRaw(0);
  using _input = relayInput(master);
  const drained = new Promise<void>((resolve) => void relay(master, 1, resolve));
  loop().run(loop().readable(pidfd));
  // what it wrote last may still be on its way; a grandchild that keeps the terminal must not keep us
  loop().run(Promise.race([drained, loop().sleep(DRAIN_MS)]));
  close(master);
  return ended(pid, pidfd, signals);
}
