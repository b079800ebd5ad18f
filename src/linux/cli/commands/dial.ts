// wharf system dial-stdio: the daemon's API over stdin and stdout, which is what a client runs at the far end of ssh.
import { NR } from "../../sys/nr.ts";
import { shutdown } from "../../sys/socket.ts";
import { command } from "../cli.ts";
import { connectTo } from "../http/endpoint.ts";

const POLLIN = 1;
const POLLOUT = 4;
const EAGAIN = 11;
const EINTR = 4;
const BUFFER = 64 * 1024;

function waitFor(fd: number, events: number): void {
  native.syscall(NR.poll, new Int32Array([fd, events]), 1, -1);
}

function writeWhole(fd: number, data: Uint8Array): boolean {
  for (let rest = data; rest.length > 0; ) {
    const n = native.syscall(NR.write, fd, rest, rest.length);
    if (n > 0) rest = rest.subarray(n);
    else if (n === -EAGAIN) waitFor(fd, POLLOUT);
    else if (n !== -EINTR) return false;
  }
  return true;
}

export const dialStdio = command({
  name: "dial-stdio",
  summary: "Pass the daemon's API on over stdin and stdout",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  hidden: true,
  flags: {},
  examples: [],
  run: async (cli) => {
    await cli.api.call("GET", "/_ping");
    const daemon = await connectTo(cli.endpoint);
    const buffer = new Uint8Array(BUFFER);
    let input = true;
    for (;;) {
      const wanted = new Int32Array([daemon, POLLIN, input ? 0 : -1, POLLIN]);
      native.syscall(NR.poll, wanted, 2, -1);
      if (wanted[3]! >> 16) {
        const n = native.syscall(NR.read, 0, buffer, BUFFER);
        if (n === 0 || (n < 0 && n !== -EAGAIN && n !== -EINTR)) {
          input = false;
          shutdown(daemon, 1);
        } else if (n > 0 && !writeWhole(daemon, buffer.subarray(0, n))) return 1;
      }
      if (wanted[1]! >> 16) {
        const n = native.syscall(NR.read, daemon, buffer, BUFFER);
        if (n === 0 || (n < 0 && n !== -EAGAIN && n !== -EINTR)) return 0;
        if (n > 0 && !writeWhole(1, buffer.subarray(0, n))) return 1;
      }
    }
  },
});
