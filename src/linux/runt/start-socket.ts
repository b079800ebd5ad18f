// The socket by which `start` reaches a created container's first process. Reached through its folder, so that no path is
// too long. While it is there, the container is in the state "created".
import { WharfError } from "../../common/errors.ts";
import { isErrno, sys } from "../sys/call.ts";
import { close, Fd, O, open, unlinkIfThere } from "../sys/fs.ts";
import { fdPath } from "../sys/mount.ts";
import { NR } from "../sys/nr.ts";
import { connectUnix, listenUnix } from "../sys/socket.ts";
import { START_SOCKET } from "./state.ts";

const F_SETFL = 4;

/** A blocking listener. */
export function listenForStart(folder: string): number {
  using dir = new Fd(open(folder, O.PATH | O.DIRECTORY));
  const socket = listenUnix(`${fdPath(dir.value)}/${START_SOCKET}`, 1);
  native.syscall(NR.fcntl, socket, F_SETFL, 0);
  return socket;
}

/** In the container's process: blocks until `start` connects. */
export function acceptStart(socket: number): number {
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
