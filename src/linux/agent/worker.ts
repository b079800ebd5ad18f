// A worker: the forked child that carries out one long operation, apart from the agent and unable to outlive it.

import { closeOthers } from "../layer/part.ts";
import { isErrno } from "../sys/call.ts";
import { close, dup3, O, open } from "../sys/fs.ts";
import { clearSignalMask, resetLoop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { complain } from "../sys/out.ts";
import { dieWith, exit } from "../sys/process.ts";
import { Channel } from "./channel.ts";

function setBlocking(fd: number): void {
  const flags = native.syscall(NR.fcntl, fd, 3);
  native.syscall(NR.fcntl, fd, 4, flags & ~O.NONBLOCK);
}

/**
 * In a new child of the agent: leads a process group of its own, holds only its connection (now blocking), runs
 * `operation` and sends its answer or its error.
 */
export function runWorker(connection: number, agent: number, operation: (channel: Channel) => unknown): never {
  dieWith(agent);
  native.syscall(NR.setpgid, 0, 0);
  resetLoop();
  clearSignalMask();
  closeOthers(connection);
  const nothing = open("/dev/null", O.RDWR);
  dup3(nothing, 0);
  dup3(nothing, 1);
  close(nothing);
  setBlocking(connection);
  const channel = new Channel(connection);
  try {
    try {
      channel.result(operation(channel));
    } catch (error) {
      channel.error(error);
    }
    channel.linger();
  } catch (error) {
    // the client is gone: nobody to tell
    if (!isErrno(error, "EPIPE", "ECONNRESET")) complain("wharf-agent", error);
    exit(1);
  }
  exit(0);
}
