// The container's terminal: a pseudo-terminal of the container's own devpts, its master handed to who asked for it.
import { WharfError } from "../../common/errors.ts";
import type { Box } from "../../common/oci/runtime.ts";
import { sys } from "../sys/call.ts";
import { close, dup3, Fd, O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { connectUnix, sendFds } from "../sys/socket.ts";
import { fdPath, openInRootIfThere, openOrMake } from "./sys/inroot.ts";
import { MS, mount } from "./sys/mount.ts";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;
const TIOCGPTPEER = 0x5441;
const TIOCSCTTY = 0x540e;
const TIOCSWINSZ = 0x5414;

export interface Terminal {
  master: number;
  slave: number;
  /** Path in the container's /dev/pts, for people. */
  name: string;
}

export function setSize(fd: number, { height, width }: Box): void {
  sys("set the terminal's size", fd, NR.ioctl, fd, TIOCSWINSZ, new Uint16Array([height, width, 0, 0]));
}

/** @param root the container's root, open; undefined when this process is inside already */
export function openTerminal(root: number | undefined, size: Box | undefined): Terminal {
  const flags = O.RDWR | O.NOCTTY;
  const inside = root === undefined ? undefined : openInRootIfThere(root, "/dev/pts/ptmx", flags);
  const master = inside ?? open(root === undefined ? "/dev/pts/ptmx" : "/dev/ptmx", flags);
  sys("unlock the terminal", undefined, NR.ioctl, master, TIOCSPTLCK, new Int32Array([0]));
  const number = new Int32Array(1);
  sys("get the terminal's number", undefined, NR.ioctl, master, TIOCGPTN, number);
  const slave = sys("open the terminal", undefined, NR.ioctl, master, TIOCGPTPEER, flags | O.CLOEXEC);
  if (size && (size.height > 0 || size.width > 0)) setSize(master, size);
  return { master, slave, name: `/dev/pts/${number[0]}` };
}

/** /dev/console of the container is its terminal. */
export function bindConsole(root: number, slave: number): void {
  using target = new Fd(openOrMake(root, "/dev/console", "file", 0o600));
  mount(fdPath(slave), fdPath(target.value), "", MS.BIND, "", "/dev/console");
}

/** Makes it this session's terminal and the standard streams. */
export function adoptTerminal({ slave, master }: Terminal): void {
  sys("set the controlling terminal", undefined, NR.ioctl, slave, TIOCSCTTY, 0);
  for (const fd of [0, 1, 2]) dup3(slave, fd);
  close(slave);
  close(master);
}

/** Sends the master to a console socket, as runc does: its name as data, the descriptor along with it. */
export function sendToConsoleSocket(path: string, master: number, name: string): void {
  let socket: Fd;
  try {
    socket = new Fd(connectUnix(path));
  } catch (cause) {
    throw new WharfError("Unavailable", `cannot connect to the console socket ${JSON.stringify(path)}`, { cause });
  }
  using connected = socket;
  sendFds(connected.value, native.bytes(name), [master]);
}
