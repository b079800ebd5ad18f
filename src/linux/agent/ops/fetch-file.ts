// Operation `fetchFile`: the body of a download goes from the network into a file (splice), past every program's memory.
import type { FetchFileAnswer, FetchTarget, RemoteFailure, RequestOf } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { sys } from "../../sys/call.ts";
import { E, kernelError } from "../../sys/errno.ts";
import { Fd, O, open, pipe } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { POLL, pollOne } from "../../sys/tcp.ts";
import type { Channel } from "../channel.ts";
import { confineToTransfer, connect, failed, stalled } from "../remote.ts";

const MSG_NOSIGNAL = 0x4000;
const SOL_SOCKET = 1;
const SO_RCVLOWAT = 18;
const F_SETPIPE_SZ = 1031;
const LOCK_EX = 2;
const SPLICE_F_MOVE = 1;
const SPLICE_F_NONBLOCK = 2;
const SYNC_FILE_RANGE_WRITE = 2;
/** Longest head of an answer. */
const MAX_HEAD = 64 << 10;
/** Bytes that are waited for, and told of, at a time. */
const PIECE = 256 << 10;
const PIPE = 1 << 20;
/** Bytes after which the disk is asked to begin with them: less is left for the flush at the end. */
const BEHIND = 8 << 20;

export function fetchFile(request: RequestOf<"fetchFile">, channel: Channel): FetchFileAnswer {
  const { timeouts } = request;
  const socket = connect(request);
  if (!(socket instanceof Fd)) return { failure: socket, written: 0 };
  using _ = socket;
  const fd = socket.value;
  // a head is far shorter than what a new connection takes at once
  const head = Uint8Array.from(request.head, (one) => one.charCodeAt(0));
  const sent = native.syscall(NR.sendto, fd, head, head.length, MSG_NOSIGNAL, 0, 0);
  if (sent !== head.length) return { failure: failed(sent < 0 ? -sent : E.EMSGSIZE), written: 0 };
  const begun = readHead(fd, timeouts.response);
  if ("code" in begun) return { failure: begun, written: 0 };
  const { bytes, end } = begun;
  if (end === 0) return forward(fd, bytes, channel, timeouts.stall);
  channel.data(native.address(bytes), end);
  const rest = bytes.subarray(end);
  const frame = channel.receiveFrame();
  const told = frame && (JSON.parse(native.utf8(frame)) as FetchTarget);
  if (!told) return forward(fd, rest, channel, timeouts.stall);
  using file = new Fd(open(told.path, O.WRONLY));
  return pour({ fd, file: file.value, target: told, rest }, channel, timeouts.stall);
}

/** What came first, with the place where the head ends: at its beginning for what is no head. */
function readHead(fd: number, ms: number): { bytes: Uint8Array; end: number } | RemoteFailure {
  const buffer = new Uint8Array(MAX_HEAD);
  let from = 0;
  let have = 0;
  while (have < buffer.length) {
    if (pollOne(fd, POLL.IN, ms) === 0) return stalled("no answer", ms);
    const n = native.syscall(NR.read, fd, native.address(buffer) + have, buffer.length - have);
    if (n === -E.EAGAIN || n === -E.EINTR) continue;
    if (n < 0) return failed(-n);
    if (n === 0) return { bytes: buffer.subarray(0, have), end: 0 };
    have += n;
    if (!isHttp(buffer, have)) break;
    for (let end = endOfHead(buffer, from, have); end > 0; end = endOfHead(buffer, from, have)) {
      // after an interim one (1xx) comes another
      if (buffer[from + 9] !== 0x31) return { bytes: buffer.subarray(0, have), end };
      from = end;
    }
  }
  return { bytes: buffer.subarray(0, have), end: 0 };
}

function isHttp(bytes: Uint8Array, have: number): boolean {
  return have < 5 || native.utf8(bytes.subarray(0, 5)) === "HTTP/";
}

/** Where what follows an empty line begins; 0 when there is none yet. */
function endOfHead(bytes: Uint8Array, from: number, to: number): number {
  for (let at = bytes.indexOf(0x0d, from); at >= 0 && at + 3 < to; at = bytes.indexOf(0x0d, at + 1))
    if (bytes[at + 1] === 0x0a && bytes[at + 2] === 0x0d && bytes[at + 3] === 0x0a) return at + 4;
  return 0;
}

/** All that still comes, to the client. */
function forward(fd: number, rest: Uint8Array, channel: Channel, ms: number): FetchFileAnswer {
  if (rest.length > 0) channel.data(native.address(rest), rest.length);
  const buffer = new Uint8Array(MAX_HEAD);
  for (;;) {
    if (pollOne(fd, POLL.IN, ms) === 0) return { failure: stalled("no data", ms), written: 0 };
    const n = native.syscall(NR.read, fd, buffer, buffer.length);
    if (n === 0) return { written: 0 };
    if (n > 0) channel.data(native.address(buffer), n);
    else if (n !== -E.EAGAIN && n !== -E.EINTR) return { failure: failed(-n), written: 0 };
  }
}

/** Reads what is not wanted. */
function dropBytes(fd: number, count: number, ms: number): RemoteFailure | undefined {
  const buffer = new Uint8Array(MAX_HEAD);
  for (let left = count; left > 0; ) {
    if (pollOne(fd, POLL.IN, ms) === 0) return stalled("no data", ms);
    const n = native.syscall(NR.read, fd, buffer, Math.min(left, buffer.length));
    if (n > 0) left -= n;
    else if (n === 0) return failed(E.ECONNRESET);
    else if (n !== -E.EAGAIN && n !== -E.EINTR) return failed(-n);
  }
  return undefined;
}

interface Pouring {
  fd: number;
  file: number;
  target: FetchTarget;
  rest: Uint8Array;
}

function pour({ fd, file, target, rest }: Pouring, channel: Channel, ms: number): FetchFileAnswer {
  const { path, skip, offset, length } = target;
  // one that was given up writes its last bytes before the next begins
  sys("lock", path, NR.flock, file, LOCK_EX);
  const [reader, writer] = pipe();
  const capacity = Math.max(native.syscall(NR.fcntl, writer, F_SETPIPE_SZ, PIPE), 64 << 10);
  confineToTransfer([NR.splice, NR.pwrite64, NR.setsockopt, NR.sync_file_range]);
  let written = 0;
  const wrote = (n: number): void => {
    const before = written;
    written += n;
    if (Math.floor(before / PIECE) !== Math.floor(written / PIECE) || written === length)
      channel.progress({ bytes: written });
    const behind = Math.floor(written / BEHIND) * BEHIND;
    if (before < behind)
      native.syscall(NR.sync_file_range, file, offset + behind - BEHIND, BEHIND, SYNC_FILE_RANGE_WRITE);
  };
  const failure = dropBytes(fd, skip - rest.length, ms);
  if (failure) return { failure, written };
  const first = rest.subarray(skip).subarray(0, length);
  for (let at = 0; at < first.length; ) {
    const n = sys("write", path, NR.pwrite64, file, native.address(first) + at, first.length - at, offset + written);
    at += n;
    wrote(n);
  }
  const place = new BigInt64Array(1);
  let lowest = 0;
  while (written < length) {
    const lowWater = Math.min(PIECE, length - written);
    if (lowest !== lowWater) {
      lowest = lowWater;
      native.syscall(NR.setsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, new Int32Array([lowest]), 4);
    }
    const quiet = pollOne(fd, POLL.IN, ms) === 0;
    const want = Math.min(capacity, length - written);
    const got = native.syscall(NR.splice, fd, 0, writer, 0, want, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    // less than was waited for is something nevertheless
    if (quiet && got === -E.EAGAIN) return { failure: stalled("no data", ms), written };
    if (got === -E.EAGAIN || got === -E.EINTR) continue;
    if (got < 0) return { failure: failed(-got), written };
    if (got === 0) return { written };
    for (let left = got; left > 0; ) {
      place[0] = BigInt(offset + written);
      const n = native.syscall(NR.splice, reader, 0, file, place, left, SPLICE_F_MOVE);
      if (n === -E.EINTR) continue;
      if (n < 0) throw kernelError("write", path, -n);
      if (n === 0) throw new WharfError("Internal", `${JSON.stringify(path)} takes nothing more`);
      left -= n;
      wrote(n);
    }
  }
  return { written };
}
