// Operation `sendFile`: the body of an upload goes from its file to the network. By read and send: sendfile(2) costs this process nothing, but a
// registry on the same machine then is the first to touch the bytes, and it is what everybody waits for (docs/registry.md, "Push").
import type { RequestOf, SendFileAnswer } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { E } from "../../sys/errno.ts";
import { Fd, O, open } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { POLL, pollOne } from "../../sys/tcp.ts";
import type { Channel } from "../channel.ts";
import { confineToTransfer, connect, failed, stalled } from "../remote.ts";

const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;
/** Bytes of one call: few enough that the far end finds them in the processor's cache. */
const CHUNK = 64 << 10;
/** Bytes after which the client hears of it. */
const PIECE = 1 << 20;

export function sendFile(request: RequestOf<"sendFile">, channel: Channel): SendFileAnswer {
  using file = new Fd(open(request.path, O.RDONLY));
  const socket = connect(request);
  if (!(socket instanceof Fd)) return { failure: socket };
  using _ = socket;
  confineToTransfer([NR.pread64]);
  return exchange(socket.value, file.value, request, channel);
}

/** What comes back while the body is sent. An answer that another follows (1xx) says nothing of the rest of the body. */
class Answers {
  /** Bytes of the head that has begun, and how many of them are on its last line. */
  #at = 0;
  #line = 0;

  /** Takes the next piece, cut wherever the network cut it. True once the final answer has begun, be it no HTTP. */
  final(bytes: Uint8Array, length: number): boolean {
    for (const byte of bytes.subarray(0, length)) {
      const at = this.#at++;
      // "HTTP/1.1 1", as far as it has come
      if ((at === 0 && byte !== 0x48) || (at === 8 && byte !== 0x20) || (at === 9 && byte !== 0x31)) return true;
      if (byte !== 0x0a) this.#line += byte === 0x0d ? 0 : 1;
      else if (this.#line > 0) this.#line = 0;
      else this.#at = 0;
    }
    return false;
  }
}

/** The file's bytes in order, some of them in memory. */
class Body {
  readonly #file: number;
  readonly #chunk = new Uint8Array(CHUNK);
  /** What is in memory and not sent yet. */
  #at = 0;
  #end = 0;
  /** Bytes read so far. */
  #read = 0;

  constructor(file: number) {
    this.#file = file;
  }

  /** Sends some of the next `left` bytes; how many, 0 at the file's end, or an errno as a negative number. */
  send(socket: number, left: number): number {
    if (this.#at === this.#end) {
      const n = native.syscall(NR.pread64, this.#file, this.#chunk, Math.min(left, CHUNK), this.#read);
      if (n <= 0) return n;
      this.#read += n;
      this.#at = 0;
      this.#end = n;
    }
    const n = native.syscall(
      NR.sendto,
      socket,
      native.address(this.#chunk) + this.#at,
      this.#end - this.#at,
      MSG_NOSIGNAL,
      0,
      0,
    );
    if (n > 0) this.#at += n;
    return n;
  }
}

function exchange(socket: number, file: number, request: RequestOf<"sendFile">, channel: Channel): SendFileAnswer {
  const { size, timeouts } = request;
  const buffer = new Uint8Array(16 << 10);
  const body = new Body(file);
  const answers = new Answers();
  let head = Uint8Array.from(request.head, (one) => one.charCodeAt(0));
  let sent = 0;
  /** Why no more is sent although there is more. */
  let broken = 0;
  let answered = false;
  for (;;) {
    const sending = !answered && broken === 0 && (head.length > 0 || sent < size);
    const patience = sending ? timeouts.stall : timeouts.response;
    const came = pollOne(socket, POLL.IN | (sending ? POLL.OUT : 0), patience);
    if (came === 0) return { failure: stalled(sending ? "the upload stood still" : "no answer", patience) };
    if (came & POLL.IN) {
      const n = native.syscall(NR.read, socket, buffer, buffer.length);
      if (n > 0) {
        answered ||= answers.final(buffer, n);
        channel.data(native.address(buffer), n);
        continue;
      }
      if (n === 0) return broken === 0 || answered ? {} : { failure: failed(broken) };
      if (n !== -E.EAGAIN && n !== -E.EINTR) return { failure: failed(broken || -n) };
    }
    if (!(came & POLL.OUT)) continue;
    const n =
      head.length > 0
        ? native.syscall(NR.sendto, socket, head, head.length, MSG_NOSIGNAL | (size > 0 ? MSG_MORE : 0), 0, 0)
        : body.send(socket, size - sent);
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
