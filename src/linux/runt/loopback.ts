// A new network namespace has a loopback device that is down; like runc we bring it up, for programs count on 127.0.0.1.
import { sys } from "../sys/call.ts";
import { close } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/** netdevice(7). A kernel without IPv4 has nothing to bring up. */
export function bringUpLoopback(): void {
  const socket = native.syscall(NR.socket, AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  if (socket < 0) return;
  try {
    // struct ifreq: the name in 16 bytes, then the flags
    const request = new Uint8Array(40);
    request.set([0x6c, 0x6f]);
    request[16] = IFF_UP;
    sys("bring up the loopback device", undefined, NR.ioctl, socket, SIOCSIFFLAGS, request);
  } finally {
    close(socket);
  }
}
