// Operation `sendFile`: the body of an upload goes from the page cache to the network (sendfile), past every program's memory.
import type { RequestOf, SendFileAnswer } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { allowOnly, COMPUTE, keepCapabilities } from "../../layer/confine.ts";
import { E, errnoName, kernelError } from "../../sys/errno.ts";
import { Fd, O, open } from "../../sys/fs.ts";
import { blockSignals } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { PR, prctl, SIGNALS } from "../../sys/process.ts";
import { connectTcp, POLL, pollOne } from "../../sys/tcp.ts";
import type { Channel } from "../channel.ts";

const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;
/** Bytes of one call, and after which the client hears of it. */
const PIECE = 1 << 20;
/** How long an address that is not the last one may take, in ms. */
const IMPATIENT = 2000;

function failed(errno: number): SendFileAnswer {
  return { failure: { code: errnoName(errno), message: kernelError("send", undefined, errno).message } };
}

function stalled(what: string, ms: number): SendFileAnswer {
  return { failure: { code: "ESTALL", message: `${what} for ${ms / 1000} s` } };
}

function connect({ addresses, port, timeouts }: RequestOf<"sendFile">): Fd | SendFileAnswer {
  let errno: number = E.EHOSTUNREACH;
  for (const [i, address] of addresses.entries()) {
    const last = i === addresses.length - 1;
    const socket = connectTcp(address, port, last ? timeouts.connect : Math.min(timeouts.connect, IMPATIENT));
    if (socket instanceof Fd) return socket;
    errno = socket.errno;
  }
  return errno === E.ETIMEDOUT ? stalled("no connection", timeouts.connect) : failed(errno);
}

export function sendFile(request: RequestOf<"sendFile">, channel: Channel): SendFileAnswer {
  using file = new Fd(open(request.path, O.RDONLY));
  const socket = connect(request);
  if (!(socket instanceof Fd)) return socket;
  using _ = socket;
  // what comes back is anybody's
  keepCapabilities([]);
  prctl(PR.SET_NO_NEW_PRIVS, 1);
  allowOnly([...COMPUTE, NR.rt_sigprocmask, NR.poll, NR.sendto, NR.sendmsg, NR.sendfile]);
  blockSignals([SIGNALS.PIPE]);
  return exchange(socket.value, file.value, request, channel);
}

function exchange(socket: number, file: number, request: RequestOf<"sendFile">, channel: Channel): SendFileAnswer {
  const { size, timeouts } = request;
  const buffer = new Uint8Array(16 << 10);
  let head = Uint8Array.from(request.head, (one) => one.charCodeAt(0));
  let sent = 0;
  /** Why no more is sent although there is more. */
  let broken = 0;
  let answered = false;
  for (;;) {
    const sending = !answered && broken === 0 && (head.length > 0 || sent < size);
    const patience = sending ? timeouts.stall : timeouts.response;
    const came = pollOne(socket, POLL.IN | (sending ? POLL.OUT : 0), patience);
    if (came === 0) return stalled(sending ? "the upload stood still" : "no answer", patience);
    if (came & POLL.IN) {
      const n = native.syscall(NR.read, socket, buffer, buffer.length);
      if (n > 0) {
        answered = true;
        channel.data(native.address(buffer), n);
        continue;
      }
      if (n === 0) return broken === 0 || answered ? {} : failed(broken);
      if (n !== -E.EAGAIN && n !== -E.EINTR) return failed(broken || -n);
    }
    if (!(came & POLL.OUT)) continue;
    const n =
      head.length > 0
        ? native.syscall(NR.sendto, socket, head, head.length, MSG_NOSIGNAL | (size > 0 ? MSG_MORE : 0), 0, 0)
        : native.syscall(NR.sendfile, socket, file, 0, Math.min(size - sent, PIECE));
    if (n === -E.EAGAIN || n === -E.EINTR) continue;
    if (n < 0) {
      // it may have said why before it closed
      broken = -n;
    } else if (head.length > 0) {
      head = head.subarray(n);
    } else if (n === 0) {
      throw new WharfError("DataLoss", `${JSON.stringify(request.path)} has ${sent} bytes, not ${size}`, {
        operation: "send file",
        subject: request.path,
      });
    } else {
      const before = sent;
      sent += n;
      if (Math.floor(before / PIECE) !== Math.floor(sent / PIECE) || sent === size) channel.progress({ bytes: sent });
    }
  }
}
