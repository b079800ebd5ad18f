/** Who is at the other end of a connection: of a unix socket the kernel tells, of TLS the certificate. */

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Log } from "./log.ts";

export interface Peer {
  pid: number;
  uid: number;
  gid: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

type GetSockOpt = (fd: number, level: number, name: number, value: Int32Array, length: Int32Array) => number;
let getsockopt: GetSockOpt | undefined | null;

/** Loaded with the first connection. */
function load(): GetSockOpt | null {
  try {
    const ffi = process.getBuiltinModule("node:ffi");
    const { functions } = ffi.dlopen(null, {
      getsockopt: { arguments: ["i32", "i32", "i32", "buffer", "buffer"], return: "i32" },
    });
    return functions.getsockopt as unknown as GetSockOpt;
  } catch {
    return null;
  }
}

/** unix(7), SO_PEERCRED: as they were when it connected. Undefined for what is no unix socket. */
export function peerOf(socket: Socket): Peer | undefined {
  getsockopt ??= load();
  const { fd } = (socket as Socket & { _handle?: { fd?: number } | null })._handle ?? {};
  if (!getsockopt || fd === undefined || fd < 0) return undefined;
  const value = new Int32Array(3);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, new Int32Array([value.byteLength])) !== 0) return undefined;
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
