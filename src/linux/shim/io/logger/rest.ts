// What a slow client has not got yet when its container's shim ends: a process of its own sends it, as slowly as the client reads, and ends
// with it.
import { clearSignalMask, resetLoop } from "../../../sys/loop.ts";
import { NR } from "../../../sys/nr.ts";
import { exit, fork, setTitle } from "../../../sys/process.ts";
import { placeDescriptors } from "../../child.ts";
import { SHIM } from "../../flags.ts";
import type { Reaper } from "../../reaper.ts";

/** Bytes [at, size) of an open file. */
export interface Part {
  readonly fd: number;
  readonly at: number;
  readonly size: number;
}

/** Where the connection and the files are put, behind stdio. */
const CONNECTION = 3;
const FIRST_PART = 4;
const F_GETFL = 3;
const F_SETFL = 4;
const NONBLOCK = 0o4000;
const INTERRUPTED = -4;
const MOST = 1 << 20;

function main(connection: number, parts: readonly Part[]): never {
  try {
    resetLoop();
    native.syscall(NR.setsid);
    // not the container's: who looks for its shim, to end it, must not find this one
    setTitle(SHIM, ["rest"]);
    placeDescriptors([undefined, undefined, undefined, connection, ...parts.map(({ fd }) => fd)]);
    // A client that goes away ends it by SIGPIPE.
    clearSignalMask();
    const flags = native.syscall(NR.fcntl, CONNECTION, F_GETFL, 0);
    native.syscall(NR.fcntl, CONNECTION, F_SETFL, flags & ~NONBLOCK);
    for (const [i, { at, size }] of parts.entries()) {
      for (let done = at; done < size; ) {
        const offset = new BigInt64Array([BigInt(done)]);
        const n = native.syscall(NR.sendfile, CONNECTION, FIRST_PART + i, offset, Math.min(size - done, MOST));
        if (n <= 0 && n !== INTERRUPTED) exit(1);
        if (n > 0) done += n;
      }
    }
    native.syscall(NR.shutdown, CONNECTION, 2);
  } catch {
    exit(1);
  }
  exit(0);
}

/** The descriptors stay the caller's. */
export function sendBeside(reaper: Reaper, connection: number, parts: readonly Part[]): void {
  const pid = fork();
  if (pid === 0) main(connection, parts);
  reaper.ignore(pid);
}
