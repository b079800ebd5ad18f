// The socket by which `start` reaches a created container's first process. Reached through its folder, so that no path is
// too long. While it is there, the container is in the state "created".
import { WharfError } from "../../common/errors.ts";
import { isErrno, sys } from "../sys/call.ts";
import { close, Fd, O, open, unlinkIfThere } from "../sys/fs.ts";
import { blockAndTell, signalSet } from "../sys/loop.ts";
import { fdPath } from "../sys/mount.ts";
import { NR } from "../sys/nr.ts";
import { pollReadable } from "../sys/poll.ts";
import { exit, SIGNALS } from "../sys/process.ts";
import { connectUnix, listenUnix } from "../sys/socket.ts";
import { START_SOCKET } from "./state.ts";

const F_SETFL = 4;
const INFO_SIZE = 128;

function takeSignal(fd: number): number {
  const info = new Uint32Array(INFO_SIZE / 4);
  native.syscall(NR.read, fd, info, INFO_SIZE);
  return info[0]!;
}

/** A blocking listener. */
export function listenForStart(folder: string): number {
  using dir = new Fd(open(folder, O.PATH | O.DIRECTORY));
  const socket = listenUnix(`${fdPath(dir.value)}/${START_SOCKET}`, 1);
  native.syscall(NR.fcntl, socket, F_SETFL, 0);
  return socket;
}

/** What ends a process by default and is meant to; a first process of a pid namespace ignores what it has no handler for. */
const ENDS = signalSet([SIGNALS.INT, SIGNALS.QUIT, SIGNALS.TERM]);

/** In the container's process, before anybody knows of it: a descriptor that tells those signals, where nothing else heeds them. */
export function heedEnds(): number | undefined {
  return native.syscall(NR.getpid) === 1 ? blockAndTell(ENDS) : undefined;
}

/** In the container's process: blocks until `start` connects, or a signal ends it before it has begun. */
export function acceptStart(socket: number, ends: number | undefined): number {
  if (ends !== undefined) {
    if (pollReadable([ends, socket]) === 0) exit(128 + takeSignal(ends));
    close(ends);
  }
  const connection = sys("wait for start", undefined, NR.accept4, socket, 0, 0, O.CLOEXEC);
  close(socket);
  return connection;
}

/** From now on the container counts as started, also when this process is killed. */
export function connectForStart(folder: string): number {
  using dir = new Fd(open(folder, O.PATH | O.DIRECTORY));
  try {
    const socket = connectUnix(`${fdPath(dir.value)}/${START_SOCKET}`);
    unlinkIfThere(`${folder}/${START_SOCKET}`);
    return socket;
  } catch (cause) {
    if (!isErrno(cause, "ECONNREFUSED", "ENOENT")) throw cause;
    throw new WharfError(
      "FailedPrecondition",
      "the container's first process has ended, or is being started by somebody else",
      {
        cause,
      },
    );
  }
}
