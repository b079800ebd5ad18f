// Work in a forked child: what would leave garbage in a shim's memory, or needs another process, is done there. Its result comes back
// through a pipe as JSON.
import { describe, type ErrorData, errorFromData, errorToData, WharfError } from "../../common/errors.ts";
import { close, dup3, O, open, pipe, setNonblocking } from "../sys/fs.ts";
import { clearSignalMask, loop, resetLoop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { dieWith, exit, fork, getpid } from "../sys/process.ts";
import { closeRange } from "../sys/procfs.ts";
import { warn } from "./log.ts";
import type { Reaper } from "./reaper.ts";

/** stdin, stdout and stderr of a child; undefined is /dev/null. */
export type Stdio = readonly [number | undefined, number | undefined, number | undefined];

const NULL: Stdio = [undefined, undefined, undefined];
/** The result pipe's place in the child; only what is passed on expressly lies above it. */
const RESULT = 3;
const HEADER = 4;
const AGAIN = -11;

/** Puts `fds` on 0, 1, 2 … in order; none of the sources may be lost on the way. */
export function placeDescriptors(fds: readonly (number | undefined)[]): void {
  const nothing = open("/dev/null", O.RDWR);
  const above = Math.max(fds.length - 1, nothing, ...fds.map((fd) => fd ?? 0)) + 1;
  // first out of the way, then into place
  for (const [i, fd] of fds.entries()) dup3(fd ?? nothing, above + i, O.CLOEXEC);
  for (let i = 0; i < fds.length; i++) dup3(above + i, i);
  closeRange(fds.length);
}

function send(value: unknown, to = RESULT): void {
  const body = native.bytes(JSON.stringify(value));
  const frame = new Uint8Array(HEADER + body.length);
  new DataView(frame.buffer).setUint32(0, body.length, true);
  frame.set(body, HEADER);
  for (let at = 0; at < frame.length; ) {
    const n = native.syscall(NR.write, to, native.address(frame) + at, frame.length - at);
    if (n < 0) exit(1);
    at += n;
  }
}

function childMain(
  parent: number,
  writer: number,
  stdio: Stdio,
  passed: readonly number[],
  work: () => unknown,
): never {
  let to = writer;
  try {
    // what it began must not go on without the shim that knows of it
    dieWith(parent);
    resetLoop();
    clearSignalMask();
    placeDescriptors([...stdio, writer, ...passed]);
    to = RESULT;
    // of no use to what the work starts
    native.syscall(NR.fcntl, RESULT, 2, 1);
    send({ value: work() });
  } catch (error) {
    try {
      send({ error: errorToData(error) }, to);
    } catch {
      exit(1);
    }
  }
  exit(0);
}

/**
 * Runs `work` in a forked child and answers what it returned, or throws what it threw. In the child all signals are
 * unblocked and only stdio is open, and the `passed` descriptors from 4 on. Processes that the work leaves behind become the shim's children.
 * `undo` takes back what was half done by a child that was killed; one that fails does so itself.
 */
export async function inChild<T>(
  reaper: Reaper,
  work: () => T,
  stdio: Stdio = NULL,
  passed: readonly number[] = [],
  undo?: () => Promise<void>,
): Promise<T> {
  const [reader, writer] = pipe(0);
  const parent = getpid();
  const pid = fork();
  if (pid === 0) childMain(parent, writer, stdio, passed, work);
  close(writer);
  setNonblocking(reader);
  reaper.ignore(pid);
  try {
    const text = await readResult(reader);
    if (text === undefined) {
      await undo?.().catch((error: unknown) => warn(`after a helper process that was killed: ${describe(error)}`));
      throw new WharfError("Internal", "the shim's helper process ended without a result");
    }
    const result = JSON.parse(text) as { value: T } | { error: ErrorData };
    if ("error" in result) throw errorFromData(result.error);
    return result.value;
  } finally {
    close(reader);
  }
}

/** Waits for the frame, not for the end of the pipe: a container's process may hold the other end. Undefined: none will come. */
async function readResult(reader: number): Promise<string | undefined> {
  let buffer = new Uint8Array(256);
  let have = 0;
  for (;;) {
    await loop().readable(reader);
    const n = native.syscall(NR.read, reader, native.address(buffer) + have, buffer.length - have);
    if (n === AGAIN) continue;
    if (n <= 0) return undefined;
    have += n;
    if (have < HEADER) continue;
    const size = HEADER + new DataView(buffer.buffer).getUint32(0, true);
    if (have >= size) return native.utf8(buffer, HEADER, size - HEADER);
    if (buffer.length < size) {
      const bigger = new Uint8Array(size);
      bigger.set(buffer);
      buffer = bigger;
    }
  }
}
