// A listening socket in the event loop.
import { isErrno } from "./call.ts";
import { EPOLL, loop, type Watch } from "./loop.ts";
import { accept } from "./socket.ts";

/** Milliseconds until it is tried again when no descriptor was free: the loop would turn in vain meanwhile. */
const PAUSE_MS = 100;

/** Takes those that have connected, as they come. Those for whom no descriptor is free (EMFILE) wait until one is; the others do not notice. */
export function takeConnections(listener: number, take: (fd: number) => void): Watch {
  const watch = loop().watch(listener, EPOLL.IN, () => {
    if (takeWaiting(listener, take)) return;
    watch.update(0);
    loop().timer(PAUSE_MS, () => watch.update(EPOLL.IN));
  });
  return watch;
}

/** Takes those that have connected so far; false when no descriptor was free for one. */
export function takeWaiting(listener: number, take: (fd: number) => void): boolean {
  try {
    for (let fd = accept(listener); fd !== undefined; fd = accept(listener)) take(fd);
    return true;
  } catch (error) {
    if (isErrno(error, "EMFILE", "ENFILE")) return false;
    throw error;
  }
}
