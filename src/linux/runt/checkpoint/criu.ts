// A conversation with criu, started as `criu swrk FD`: one request over a socket of packets, criu's notifications on the way, its answer.
import { WharfError } from "../../../common/errors.ts";
import { type Features, type Notify, Request, RequestType, Response } from "../../../common/gen/criu/rpc.ts";
import { decode, encode, type Init } from "../../../common/protobuf/codec.ts";
import { sys } from "../../sys/call.ts";
import { close, Fd, pipe } from "../../sys/fs.ts";
import { clearSignalMask } from "../../sys/loop.ts";
import { NR } from "../../sys/nr.ts";
import { clone, environment, exec, exit, SIGNALS, wait } from "../../sys/process.ts";
import { lookPath, placeDescriptors } from "../../sys/program.ts";
import { receiveFds, send, shutdown } from "../../sys/socket.ts";

export interface Conversation {
  /** The program, or its path. */
  criu: string;
  /** criu's standard streams, which a restored process inherits; undefined: /dev/null. */
  stdio: readonly (number | undefined)[];
  /** criu's descriptors from FIRST_PASSED on. */
  passed: readonly number[];
  /** Runs in criu's process before it becomes criu. */
  before?: (() => void) | undefined;
  /** The request; called when criu's process is there. */
  request(pid: number): Init<Request>;
  /** criu waits for its end. What it throws ends all. */
  notified?: ((notify: Notify, fd: number | undefined) => void) | undefined;
}

/** criu's end of the socket. */
const SOCKET = 3;
export const FIRST_PASSED = 4;
const SEQPACKET_CLOEXEC = 5 | 0o2000000;
const AF_UNIX = 1;
const X_OK = 1;
const LARGEST = 64 << 10;

function packetPair(): [number, number] {
  const fds = new Int32Array(2);
  sys("socketpair", undefined, NR.socketpair, AF_UNIX, SEQPACKET_CLOEXEC, 0, fds);
  return [fds[0]!, fds[1]!];
}

function become(path: string, { stdio, passed, before }: Conversation, socket: number, ready: number): never {
  let place = socket;
  try {
    before?.();
    native.syscall(NR.write, ready, new Uint8Array(1), 1);
    clearSignalMask();
    placeDescriptors([...stdio, socket, ...passed]);
    place = SOCKET;
    exec(
      path,
      ["criu", "swrk", String(SOCKET)],
      [...environment()].map(([name, value]) => `${name}=${value}`),
    );
  } catch (error) {
    // the other end hears it: no packet of criu's begins like this
    const text = native.bytes(`!${error instanceof Error ? error.message : String(error)}`);
    native.syscall(NR.write, place, text, text.length);
  }
  exit(127);
}

function find(criu: string): string {
  try {
    const path = lookPath(criu);
    sys("find", path, NR.faccessat, -100, path, X_OK);
    return path;
  } catch (cause) {
    throw new WharfError("NotFound", `checkpoint and restore need criu, which is not at ${criu}`, {
      cause,
      hint: "install the package criu, or name the program with --criu",
    });
  }
}

/** Answers criu's last word, whether it tells of success or not. */
export function converse(conversation: Conversation): Response {
  const path = find(conversation.criu);
  const [ours, theirs] = packetPair();
  const [reader, writer] = pipe();
  const { pid, pidfd } = clone(0);
  if (pid === 0) become(path, conversation, theirs, writer);
  close(theirs);
  close(writer);
  // where it is, the request says
  native.syscall(NR.read, reader, new Uint8Array(1), 1);
  close(reader);
  using socket = new Fd(ours);
  using process = new Fd(pidfd);
  try {
    send(socket.value, encode(Request, conversation.request(pid)));
    const answer = listen(socket.value, conversation);
    shutdown(socket.value, 1);
    wait(pid);
    return answer;
  } catch (error) {
    native.syscall(NR.pidfd_send_signal, process.value, SIGNALS.KILL, 0, 0);
    wait(pid);
    throw error;
  }
}

function listen(socket: number, { notified }: Conversation): Response {
  const buffer = new Uint8Array(LARGEST);
  for (;;) {
    const { length, fds } = receiveFds(socket, buffer, 4);
    const [first, ...others] = fds;
    for (const fd of others) close(fd);
    if (length === 0) throw new WharfError("Unknown", "criu has ended without an answer");
    if (buffer[0] === 33)
      throw new WharfError("Unknown", `criu cannot be started: ${native.utf8(buffer, 1, length - 1)}`);
    const answer = decode(Response, buffer.slice(0, length));
    if (answer.type !== RequestType.NOTIFY) return answer;
    if (!answer.success || !answer.notify) return answer;
    notified?.(answer.notify, first);
    send(socket, encode(Request, { type: RequestType.NOTIFY, notifySuccess: true }));
  }
}

/** Whether this criu and kernel can do something. */
export function needFeature(criu: string, feature: keyof Init<Features>, name: string): void {
  const request = () => ({ type: RequestType.FEATURE_CHECK, features: { [feature]: true } });
  const { success, features } = converse({ criu, stdio: [undefined, undefined, undefined], passed: [], request });
  if (success && features?.[feature as "memTrack"]) return;
  throw new WharfError("FailedPrecondition", `criu or this kernel lacks ${name}`, { hint: "see: criu check --all" });
}
