// Terminals: is this one, how large is it, raw mode with a way back.
import { sys } from "../sys/call.ts";
import { NR } from "../sys/nr.ts";

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TCSETSW = 0x5403;
const TIOCGWINSZ = 0x5413;
const TERMIOS_SIZE = 36;

// termios(3): the bits that raw mode changes
const IFLAG_OFF = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000;
const OFLAG_OFF = 0o1;
const LFLAG_OFF = 0o1 | 0o2 | 0o10 | 0o100 | 0o100000;
const CSIZE_PARENB = 0o60 | 0o400;
const CS8 = 0o60;
const VTIME = 5;
const VMIN = 6;
const CC_AT = 17;

export function isTerminal(fd: number): boolean {
  return native.syscall(NR.ioctl, fd, TCGETS, new Uint8Array(TERMIOS_SIZE + 24)) === 0;
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** Undefined when `fd` is no terminal, or one without a size. */
export function terminalSize(fd: number): Size | undefined {
  const size = new Uint16Array(4);
  if (native.syscall(NR.ioctl, fd, TIOCGWINSZ, size) !== 0) return undefined;
  return size[1]! > 0 ? { rows: size[0]!, columns: size[1]! } : undefined;
}

/** Makes the terminal pass every key on as it is; disposing (once or more) restores what was. */
export function rawMode(fd: number): Disposable {
  const before = new Uint8Array(TERMIOS_SIZE + 24);
  sys("read the terminal's settings", undefined, NR.ioctl, fd, TCGETS, before);
  const raw = before.slice();
  const view = new DataView(raw.buffer);
  view.setUint32(0, view.getUint32(0, true) & ~IFLAG_OFF, true);
  view.setUint32(4, view.getUint32(4, true) & ~OFLAG_OFF, true);
  view.setUint32(8, (view.getUint32(8, true) & ~CSIZE_PARENB) | CS8, true);
  view.setUint32(12, view.getUint32(12, true) & ~LFLAG_OFF, true);
  raw[CC_AT + VMIN] = 1;
  raw[CC_AT + VTIME] = 0;
  sys("set the terminal to raw mode", undefined, NR.ioctl, fd, TCSETS, raw);
  const restore = () => {
    if (RESTORERS.delete(restore)) native.syscall(NR.ioctl, fd, TCSETSW, before);
  };
  RESTORERS.add(restore);
  return { [Symbol.dispose]: restore };
}

const RESTORERS = new Set<() => void>();

/** For ways out that unwind nothing: puts every terminal back as it was. */
export function restoreTerminals(): void {
  for (const restore of [...RESTORERS]) restore();
}
