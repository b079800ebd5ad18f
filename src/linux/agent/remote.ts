// The far end of a worker that sends or fetches a file: how it is reached, and what is told when it fails.
import type { Remote, RemoteFailure } from "../../common/agent/protocol.ts";
import { allowOnly, COMPUTE, keepCapabilities } from "../layer/confine.ts";
import { E, errnoName, kernelError } from "../sys/errno.ts";
import { Fd } from "../sys/fs.ts";
import { blockSignals } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { PR, prctl, SIGNALS } from "../sys/process.ts";
import { connectTcp } from "../sys/tcp.ts";

/** How long an address that is not the last one may take, in ms. */
const IMPATIENT = 2000;

export function failed(errno: number): RemoteFailure {
  return { code: errnoName(errno), message: kernelError("transfer", undefined, errno).message };
}

export function stalled(what: string, ms: number): RemoteFailure {
  return { code: "ESTALL", message: `${what} for ${ms / 1000} s` };
}

/** A connection to the first of the addresses that takes one. */
export function connect({ addresses, port, timeouts }: Remote): Fd | RemoteFailure {
  let errno: number = E.EHOSTUNREACH;
  for (const [i, address] of addresses.entries()) {
    const last = i === addresses.length - 1;
    const socket = connectTcp(address, port, last ? timeouts.connect : Math.min(timeouts.connect, IMPATIENT));
    if (socket instanceof Fd) return socket;
    errno = socket.errno;
  }
  return errno === E.ETIMEDOUT ? { ...stalled("no connection", timeouts.connect), code: "EUNREACHED" } : failed(errno);
}

/** Leaves this process what it needs to move bytes between descriptors that it has: what comes over the network is anybody's. */
export function confineToTransfer(calls: readonly number[]): void {
  blockSignals([SIGNALS.PIPE]);
  keepCapabilities([]);
  prctl(PR.SET_NO_NEW_PRIVS, 1);
  allowOnly([...COMPUTE, NR.poll, NR.sendto, NR.sendmsg, ...calls]);
}
