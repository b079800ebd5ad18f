// The socket by which `start` reaches a created container's first process. Reached through its folder, so that no path is too long.
import { close, Fd, O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { connectUnix, listenUnix } from "../sys/socket.ts";
import { START_SOCKET } from "./state.ts";
import { fdPath } from "./sys/inroot.ts";

const F_SETFL = 4;

/** A blocking listener. */
export function listenForStart(folder: string): number {
  using dir = new Fd(open(folder, O.PATH | O.DIRECTORY));
  const socket = listenUnix(`${fdPath(dir.value)}/${START_SOCKET}`, 1);
  native.syscall(NR.fcntl, socket, F_SETFL, 0);
  return socket;
}

export function connectForStart(folder: string): number {
  const dir = open(folder, O.PATH | O.DIRECTORY);
  try {
    return connectUnix(`${fdPath(dir)}/${START_SOCKET}`);
  } finally {
    close(dir);
  }
}
