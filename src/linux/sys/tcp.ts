// TCP connections: non-blocking, for who waits by poll.
import { WharfError } from "../../common/errors.ts";
import { parseIp } from "../../common/ip.ts";
import { sys } from "./call.ts";
import { E } from "./errno.ts";
import { Fd } from "./fs.ts";
import { NR } from "./nr.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;

export const POLL = { IN: 1, OUT: 4 } as const;

/** sockaddr_in or sockaddr_in6. */
function socketAddress(text: string, port: number): Uint8Array {
  const ip = parseIp(text);
  if (!ip) throw new WharfError("InvalidArgument", `${JSON.stringify(text)} is no address`);
  const bytes = new Uint8Array(ip.length === 4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, ip.length === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(ip, ip.length === 4 ? 4 : 8);
  return bytes;
}

/** Waits for one of the events on a descriptor, `ms` milliseconds at most; those that came (errors are POLL.IN), 0 for none. */
export function pollOne(fd: number, events: number, ms: number): number {
  const entry = new Int32Array([fd, events]);
  if (sys("poll", fd, NR.poll, entry, 1, ms) === 0) return 0;
  const came = entry[1]! >>> 16;
  return (came & events) | (came & ~(POLL.IN | POLL.OUT) ? POLL.IN : 0);
}

/** A connection, or the errno it failed by; ETIMEDOUT after `ms` milliseconds. */
export function connectTcp(address: string, port: number, ms: number): Fd | { errno: number } {
  const to = socketAddress(address, port);
  const socket = native.syscall(NR.socket, to[0], SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return { errno: -socket };
  using fd = new Fd(socket);
  native.syscall(NR.setsockopt, socket, IPPROTO_TCP, TCP_NODELAY, new Int32Array([1]), 4);
  const answer = native.syscall(NR.connect, socket, to, to.length);
  if (answer < 0 && answer !== -E.EINPROGRESS) return { errno: -answer };
  if (answer < 0) {
    if (pollOne(socket, POLL.OUT, ms) === 0) return { errno: E.ETIMEDOUT };
    const error = new Int32Array(1);
    sys("getsockopt", socket, NR.getsockopt, socket, SOL_SOCKET, SO_ERROR, error, new Uint32Array([4]));
    if (error[0]! !== 0) return { errno: error[0]! };
  }
  return new Fd(fd.release());
}
