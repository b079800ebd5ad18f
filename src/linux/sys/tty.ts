// Pseudo terminals: making one, its size, raw mode.
import { sys } from "./call.ts";
import { NR } from "./nr.ts";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSCTTY = 0x540e;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TCGETS = 0x5401;
const TCSETS = 0x5402;
const O_RDWR_NOCTTY_CLOEXEC = 2 | 0o400 | 0o2000000;

export interface TerminalSize {
  rows: number;
  columns: number;
}

/** Unlocks a master and opens its slave without going by a path. */
export function openSlave(master: number): number {
  sys("unlock terminal", master, NR.ioctl, master, TIOCSPTLCK, new Int32Array([0]));
  return sys("open terminal", master, NR.ioctl, master, TIOCGPTPEER, O_RDWR_NOCTTY_CLOEXEC);
}

/** Makes `fd` the controlling terminal of this session's leader. */
export function setControllingTerminal(fd: number): void {
  sys("set controlling terminal", fd, NR.ioctl, fd, TIOCSCTTY, 0);
}

export function setSize(fd: number, size: TerminalSize): void {
  sys("set terminal size", fd, NR.ioctl, fd, TIOCSWINSZ, new Uint16Array([size.rows, size.columns, 0, 0]));
}

/** Undefined where `fd` is no terminal. */
export function getSize(fd: number): TerminalSize | undefined {
  const size = new Uint16Array(4);
  if (native.syscall(NR.ioctl, fd, TIOCGWINSZ, size) < 0) return undefined;
  return { rows: size[0]!, columns: size[1]! };
}

/** termios of a terminal, undefined where `fd` is none. */
export function getMode(fd: number): Uint8Array | undefined {
  const mode = new Uint8Array(60);
  return native.syscall(NR.ioctl, fd, TCGETS, mode) < 0 ? undefined : mode;
}

export function setMode(fd: number, mode: Uint8Array): void {
  native.syscall(NR.ioctl, fd, TCSETS, mode);
}

const OFLAG = 4;
const OPOST = 1;
const ONLCR = 4;

/** The mode with other output flags (c_oflag). */
function withOutputFlags(mode: Uint8Array, clear: number, set: number): Uint8Array {
  const changed = mode.slice();
  const flags = new DataView(changed.buffer);
  flags.setUint32(OFLAG, (flags.getUint32(OFLAG, true) & ~clear) | set, true);
  return changed;
}

/** The same mode, but a newline goes out without a carriage return. */
export function withPlainNewlines(mode: Uint8Array): Uint8Array {
  return withOutputFlags(mode, ONLCR, 0);
}

/** The same mode, but output is processed as by default. */
export function processedOutput(mode: Uint8Array): Uint8Array {
  return withOutputFlags(mode, 0, OPOST);
}

/** Every byte goes through as it is: cfmakeraw(3). */
export function rawMode(mode: Uint8Array): Uint8Array {
  const raw = mode.slice();
  const flags = new DataView(raw.buffer);
  const change = (at: number, clear: number, set: number) =>
    flags.setUint32(at, (flags.getUint32(at, true) & ~clear) | set, true);
  change(0, 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000, 0);
  change(4, 0o1, 0);
  change(8, 0o60 | 0o400, 0o60);
  change(12, 0o1 | 0o2 | 0o10 | 0o100 | 0o100000, 0);
  raw[17 + 6] = 1;
  raw[17 + 5] = 0;
  return raw;
}
