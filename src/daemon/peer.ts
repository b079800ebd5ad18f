/** Who is at the other end of a connection: of a unix socket the kernel tells, of TLS the certificate. */

import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Log } from "./log.ts";

export interface Peer {
  pid: number;
  uid: number;
  gid: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

const SIOCOUTQ = 0x5411;

interface Calls {
  getsockopt(fd: number, level: number, name: number, value: Int32Array, length: Int32Array): number;
  ioctl(fd: number, request: number, value: Int32Array): number;
}
let calls: Calls | undefined | null;

/** Loaded with the first connection. */
function load(): Calls | null {
  try {
    const ffi = process.getBuiltinModule("node:ffi");
    const { functions } = ffi.dlopen(null, {
      getsockopt: { arguments: ["i32", "i32", "i32", "buffer", "buffer"], return: "i32" },
      ioctl: { arguments: ["i32", "i64", "buffer"], return: "i32" },
    });
    const ioctl = functions.ioctl as unknown as (fd: number, request: bigint, value: Int32Array) => number;
    return {
      getsockopt: functions.getsockopt as unknown as Calls["getsockopt"],
      ioctl: (fd, request, value) => ioctl(fd, BigInt(request), value),
    };
  } catch {
    return null;
  }
}

function descriptorOf(socket: object): number | undefined {
  const { fd } = (socket as { _handle?: { fd?: number } | null })._handle ?? {};
  return fd !== undefined && fd >= 0 ? fd : undefined;
}

/** Milliseconds that a client may take to read the answer's header. */
const HEADER_PATIENCE = 200;

/**
 * Resolves when the other end of a unix socket has read all that was written, or after a moment. Some clients (docker-py among
 * them) lose what comes in one piece with the header of an answer that hands the connection over.
 */
export async function taken(stream: Duplex): Promise<void> {
  const value = new Int32Array(1);
  const end = performance.now() + HEADER_PATIENCE;
  for (let tries = 0; performance.now() < end && !stream.destroyed; tries++) {
    const fd = descriptorOf(stream);
    calls ??= load();
    if (!calls || fd === undefined) return;
    if (stream.writableLength === 0 && (calls.ioctl(fd, SIOCOUTQ, value) !== 0 || value[0] === 0)) return;
    await new Promise<void>((resolve) => (tries < 20 ? setImmediate(resolve) : setTimeout(resolve, 1)));
  }
}

/** unix(7), SO_PEERCRED: as they were when it connected. Undefined for what is no unix socket. */
function peerOf(socket: Socket): Peer | undefined {
  calls ??= load();
  const fd = descriptorOf(socket);
  if (!calls || fd === undefined) return undefined;
  const value = new Int32Array(3);
  if (calls.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, new Int32Array([value.byteLength])) !== 0) return undefined;
  return { pid: value[0]!, uid: value[1]!, gid: value[2]! };
}

/** Root's own connections are everyday matters, those of others are worth a line: they are as good as root. */
export function logPeer(log: Log, path: string, socket: Socket): void {
  const peer = peerOf(socket);
  if (!peer) log("warn", "a connection whose other end is not known", { socket: path });
  else log(peer.uid === 0 ? "debug" : "info", "connection", { socket: path, ...peer });
}

export function logTlsPeer(log: Log, where: string, socket: TLSSocket): void {
  const { subject } = socket.getPeerCertificate();
  log("info", "connection", { socket: where, from: socket.remoteAddress, name: subject?.CN });
}
