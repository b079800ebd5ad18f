/**
 * Tells the manager that started wharfd how it is (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names. Sent by this process itself,
 * for the manager asks the kernel who it is from; Node has no such sockets, so it goes by the C library.
 */

import { WharfError } from "../common/errors.ts";
import type { Log } from "./log.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** Bytes of a socket's path with its last zero. */
const PATH_BYTES = 108;

/** Says `state`, such as `READY=1`. Never fails: the daemon serves whether it is heard or not. */
export type Notify = (state: string) => void;

/** Takes NOTIFY_SOCKET out of the environment, so that no shim, hook or runtime speaks in the daemon's name. */
export function takeNotify(env: NodeJS.ProcessEnv, log: Log): Notify {
  const socket = env.NOTIFY_SOCKET;
  delete env.NOTIFY_SOCKET;
  if (!socket) return () => {};
  return (state) => {
    try {
      send(addressOf(socket), state);
    } catch (error) {
      log("warn", "the service manager could not be told", { socket, state, error });
    }
  };
}

/** struct sockaddr_un; a name that begins with @ is an abstract one. */
function addressOf(socket: string): Buffer {
  const name = Buffer.from(socket);
  if (!/^[/@]./.test(socket) || name.length >= PATH_BYTES)
    throw new WharfError("InvalidArgument", `NOTIFY_SOCKET is no unix socket: ${JSON.stringify(socket)}`);
  if (name[0] === 0x40) name[0] = 0;
  const family = Buffer.alloc(2);
  new Uint16Array(family.buffer, family.byteOffset, 1)[0] = AF_UNIX;
  return Buffer.concat([family, name]);
}

function send(address: Buffer, state: string): void {
  const { dlopen } = process.getBuiltinModule("node:ffi");
  const { socket, sendto, close } = dlopen(null, {
    socket: { arguments: ["i32", "i32", "i32"], return: "i32" },
    sendto: { arguments: ["i32", "buffer", "u64", "i32", "buffer", "u32"], return: "i64" },
    close: { arguments: ["i32"], return: "i32" },
  }).functions;
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new WharfError("ResourceExhausted", "no socket is to be had");
  const message = Buffer.from(state);
  const sent = sendto(fd, message, BigInt(message.length), MSG_NOSIGNAL, address, address.length);
  close(fd);
  if (Number(sent) !== message.length) throw new WharfError("Unavailable", "nobody takes messages there");
}
