// Unix stream sockets, with file descriptors as passengers (SCM_RIGHTS) and the peer's credentials.
import { WharfError } from "../../common/errors.ts";
import { pointer, sys } from "./call.ts";
import { E, kernelError } from "./errno.ts";
import { close, Fd } from "./fs.ts";
import { NR } from "./nr.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_NOSIGNAL = 0x4000;
const MAX_PATH = 107;

/** sockaddr_un; a path that starts with "@" is abstract. */
function address(path: string): { bytes: Uint8Array; length: number } {
  const text = native.bytes(path);
  if (text.length > MAX_PATH) {
    throw new WharfError("InvalidArgument", `socket path ${JSON.stringify(path)} is longer than ${MAX_PATH} bytes`);
  }
  const bytes = new Uint8Array(110);
  bytes[0] = AF_UNIX;
  bytes.set(text, 2);
  const abstract = path.startsWith("@");
  if (abstract) bytes[2] = 0;
  return { bytes, length: 2 + text.length + (abstract ? 0 : 1) };
}

function unixSocket(flags = 0): number {
  return sys("socket", undefined, NR.socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

/** Connects and returns a blocking or (flag) nonblocking stream. */
export function connectUnix(path: string, nonblocking = false): number {
  using socket = new Fd(unixSocket(nonblocking ? SOCK_NONBLOCK : 0));
  const { bytes, length } = address(path);
  sys("connect", path, NR.connect, socket.value, bytes, length);
  return socket.release();
}

/** A nonblocking listener. The path must not exist; nobody but its owner may connect. */
export function listenUnix(path: string, backlog = 128): number {
  using socket = new Fd(unixSocket(SOCK_NONBLOCK));
  // the file gets this mode, whatever the umask is
  sys("set the mode of", path, NR.fchmod, socket.value, 0o600);
  const { bytes, length } = address(path);
  sys("bind", path, NR.bind, socket.value, bytes, length);
  sys("listen", path, NR.listen, socket.value, backlog);
  return socket.release();
}

/** None waits, or one went again; who waits by epoll is told of the next. */
const NOBODY = new Set([-E.EAGAIN, -E.ECONNABORTED, -E.EINTR]);

/** The next connection (nonblocking), or undefined when none waits. */
export function accept(listener: number): number | undefined {
  const fd = native.syscall(NR.accept4, listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) return fd;
  if (NOBODY.has(fd)) return undefined;
  // not asked once more: that may take a connection that nobody gets
  throw kernelError("accept", listener, -fd);
}

export function socketPair(flags = 0): [number, number] {
  const fds = new Int32Array(2);
  sys("socketpair", undefined, NR.socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, fds);
  return [fds[0]!, fds[1]!];
}

export function shutdown(fd: number, how: 0 | 1 | 2): void {
  native.syscall(NR.shutdown, fd, how);
}

/** Sends bytes; EPIPE comes as an error, never as a signal. */
export function send(fd: number, data: Uint8Array): number {
  return sys("send", fd, NR.sendto, fd, data, data.length, MSG_NOSIGNAL, 0, 0);
}

interface Message {
  header: BigUint64Array;
  control: Uint8Array;
}

/** struct msghdr with one iovec. */
function message(data: Uint8Array, controlLength: number): Message {
  const header = new BigUint64Array(7);
  const iovec = new BigUint64Array(2);
  const control = new Uint8Array(controlLength);
  iovec[0] = BigInt(pointer(header, data));
  iovec[1] = BigInt(data.length);
  header[2] = BigInt(pointer(header, iovec));
  header[3] = 1n;
  if (controlLength > 0) {
    header[4] = BigInt(pointer(header, control));
    header[5] = BigInt(controlLength);
  }
  return { header, control };
}

/** Sends data (at least one byte) together with open descriptors. */
export function sendFds(fd: number, data: Uint8Array, fds: readonly number[]): void {
  const { header, control } = message(data, 16 + Math.ceil((fds.length * 4) / 8) * 8);
  const view = new DataView(control.buffer);
  view.setBigUint64(0, BigInt(16 + fds.length * 4), true);
  view.setInt32(8, SOL_SOCKET, true);
  view.setInt32(12, SCM_RIGHTS, true);
  for (const [i, passenger] of fds.entries()) view.setInt32(16 + i * 4, passenger, true);
  sys("sendmsg", fd, NR.sendmsg, fd, header, MSG_NOSIGNAL);
}

/** Receives up to data.length bytes and the descriptors that came with them (the caller closes them). */
export function receiveFds(fd: number, data: Uint8Array, maxFds = 8): { length: number; fds: number[] } {
  const { header, control } = message(data, 16 + maxFds * 4);
  const length = sys("recvmsg", fd, NR.recvmsg, fd, header, MSG_CMSG_CLOEXEC);
  const view = new DataView(control.buffer);
  const fds: number[] = [];
  if (Number(header[5]) >= 16 && view.getInt32(12, true) === SCM_RIGHTS) {
    const count = (Number(view.getBigUint64(0, true)) - 16) / 4;
    for (let i = 0; i < count; i++) fds.push(view.getInt32(16 + i * 4, true));
  }
  return { length, fds };
}

export function closeAll(fds: readonly number[]): void {
  for (const fd of fds) close(fd);
}
