// The container's terminal: a pseudo-terminal of the container's own devpts, its master handed to who asked for it.
import { WharfError } from "../../common/errors.ts";
import type { Box } from "../../common/oci/runtime.ts";
import { close, dup3, Fd, O, open } from "../sys/fs.ts";
import { attach, cloneTree } from "../sys/mount.ts";
import { openInRootIfThere, openOrMake, RESOLVE } from "../sys/openat2.ts";
import { connectUnix, sendFds } from "../sys/socket.ts";
import {
  getMode,
  getSize,
  openSlave,
  setControllingTerminal,
  setMode,
  setSize,
  withPlainNewlines,
} from "../sys/tty.ts";
import { openTarget, type RootContext } from "./root.ts";

export interface Terminal {
  master: number;
  slave: number;
}

const FLAGS = O.RDWR | O.NOCTTY;

/**
 * @param root the container's root, open; undefined when this process is inside already
 * @param plainNewlines no carriage returns are added: who relays the terminal has one of its own that does, or writes to a
 *   file that needs none. Done here, before anything is written
 */
export function openTerminal(root: number | undefined, size: Box | undefined, plainNewlines: boolean): Terminal {
  const inside = root === undefined ? undefined : openInRootIfThere(root, "/dev/pts/ptmx", FLAGS);
  const master = inside ?? open(root === undefined ? "/dev/pts/ptmx" : "/dev/ptmx", FLAGS);
  const slave = openSlave(master);
  const mode = plainNewlines ? getMode(master) : undefined;
  if (mode) setMode(master, withPlainNewlines(mode));
  if (size && (size.height > 0 || size.width > 0)) setSize(master, { rows: size.height, columns: size.width });
  else {
    // that of the terminal we are called from, before the program could ask
    const ours = getSize(0);
    if (ours && ours.rows > 0) setSize(master, ours);
  }
  return { master, slave };
}

/** /dev/console of the container is its terminal. */
export function bindConsole(context: RootContext, slave: number): void {
  // a link of the image would hide something else behind the terminal (CVE-2025-52565)
  const target = context.fresh.has("/dev")
    ? openTarget(context, "/dev/console", "file", 0o600)
    : openOrMake(context.root, "/dev/console", "file", 0o600, RESOLVE.NO_SYMLINKS);
  const tree = cloneTree("", false, slave);
  attach(tree, target);
  close(tree);
  close(target);
}

/** Makes it this session's terminal and the standard streams. */
export function adoptTerminal({ slave, master }: Terminal): void {
  setControllingTerminal(slave);
  for (const fd of [0, 1, 2]) dup3(slave, fd);
  close(slave);
  close(master);
}

/** Sends the master to a console socket, as runc does: a name as data, the descriptor along with it. */
export function sendToConsoleSocket(path: string, master: number): void {
  let socket: Fd;
  try {
    socket = new Fd(connectUnix(path));
  } catch (cause) {
    throw new WharfError("Unavailable", `cannot connect to the console socket ${JSON.stringify(path)}`, { cause });
  }
  using connected = socket;
  sendFds(connected.value, native.bytes("/dev/ptmx"), [master]);
}
