// Staying with a process in the foreground: signals are passed on, its terminal is ours, its exit code becomes ours.
import { close, setNonblocking } from "../sys/fs.ts";
import { EPOLL, loop, onSignals, type Watch } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { SIGNALS, wait } from "../sys/process.ts";
import { setSize } from "./console.ts";

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCGWINSZ = 0x5413;

/** Puts a terminal into raw mode; the result restores it. Anything else than a terminal is left alone. */
function makeRaw(fd: number): Disposable {
  const saved = new Uint8Array(64);
  if (native.syscall(NR.ioctl, fd, TCGETS, saved) < 0) return { [Symbol.dispose]() {} };
  const raw = saved.slice();
  const flags = new DataView(raw.buffer);
  const clear = (offset: number, bits: number) => flags.setUint32(offset, flags.getUint32(offset, true) & ~bits, true);
  clear(0, 0o2753); // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  clear(4, 1); // OPOST
  clear(12, 0o100113); // ISIG ICANON ECHO ECHONL IEXTEN
  native.syscall(NR.ioctl, fd, TCSETS, raw);
  return {
    [Symbol.dispose]() {
      native.syscall(NR.ioctl, fd, TCSETS, saved);
    },
  };
}

function copySize(from: number, to: number): void {
  const size = new Uint16Array(4);
  if (native.syscall(NR.ioctl, from, TIOCGWINSZ, size) === 0 && size[0]! > 0)
    setSize(to, { height: size[0]!, width: size[1]! });
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

/** Waits for the process and returns its exit code. @param master of its terminal, where it has one */
export function stayWith(pid: number, pidfd: number, master: number | undefined): number {
  const forwarded = Object.values(SIGNALS).filter((signal) => !NOT_FORWARDED.includes(signal));
  using signals = onSignals(forwarded, (signal) => {
    if (signal === SIGNALS.WINCH && master !== undefined) copySize(0, master);
    else native.syscall(NR.pidfd_send_signal, pidfd, signal, 0, 0);
  });
  void signals;
  if (master === undefined) {
    loop().run(loop().readable(pidfd));
    return wait(pid)?.status ?? 255;
  }
  copySize(0, master);
  setNonblocking(master);
  using raw = makeRaw(0);
  void raw;
  using input = relayInput(master);
  void input;
  const drained = new Promise<void>((resolve) => void relay(master, 1, resolve));
  loop().run(loop().readable(pidfd));
  const status = wait(pid)?.status ?? 255;
  // what it wrote last may still be on its way; a grandchild that keeps the terminal must not keep us
  loop().run(Promise.race([drained, loop().sleep(200)]));
  close(master);
  return status;
}
