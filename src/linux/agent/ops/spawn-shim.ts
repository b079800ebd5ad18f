// Operation `spawnShim`: runs a shim's command to its end. What it leaves behind is nobody's child here and outlives the agent. Operation `hatchShim`: the same
// for a `start` of our own shim that is nothing special, by one that waits already.
import type { AnswerOf, RequestOf } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { basename } from "../../../common/path.ts";
import { waitReadable } from "../../layer/part.ts";
import { bootstrapAnswer } from "../../shim/bootstrap.ts";
import { parseFlags, SHIM } from "../../shim/flags.ts";
import { main as shim } from "../../shim/main.ts";
import { startAtOnce } from "../../shim/start.ts";
import { sys } from "../../sys/call.ts";
import { close, dup3, isSameFile, pipe, read, readAll, statIfThere, writeAll } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { stderr } from "../../sys/out.ts";
import {
  environmentOf,
  exec,
  exit,
  fork,
  PR,
  prctl,
  SIGNALS,
  setEnvironment,
  setTitle,
  wait,
} from "../../sys/process.ts";
import { closeRange } from "../../sys/procfs.ts";
import { takeSpare } from "../spare.ts";

/** Most that is kept of each output; of stderr the end counts. */
const MAX_OUTPUT = 64 << 10;

function decodeBase64(text: string): Uint8Array {
  return (Uint8Array as unknown as { fromBase64(text: string): Uint8Array }).fromBase64(text);
}

/** Whether the path is a name of this very program, and that of its shim. */
function isOurs(binary: string): boolean {
  if (basename(binary) !== SHIM) return false;
  const theirs = statIfThere(binary);
  const ours = statIfThere("/proc/self/exe");
  return theirs !== undefined && ours !== undefined && isSameFile(theirs, ours);
}

/** A file in memory on the descriptor `to`, with some content, read and written from its start. */
function memoryFile(to: number, content?: Uint8Array): void {
  const fd = sys("memfd_create", undefined, NR.memfd_create, "stdio", 1);
  if (content) writeAll(fd, content);
  sys("seek", fd, NR.lseek, fd, 0, 0);
  dup3(fd, to);
  close(fd);
}

function contentOf(fd: number): Uint8Array {
  sys("seek", fd, NR.lseek, fd, 0, 0);
  return readAll(fd);
}

/** One character a byte: what a shim's `delete` answers is binary. */
function latin1(bytes: Uint8Array, length = bytes.length): string {
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/**
 * Our own shim is in this program already: this worker carries out its command itself. It starts sooner than by exec, and the shim's
 * memory is the agent's, page by page, as long as neither writes there.
 */
function carryOut({ binary, args, env, cwd, stdin }: RequestOf<"spawnShim">): AnswerOf<"spawnShim"> {
  // back to the agent's group: this worker's is killed when the client hangs up, and the shim begins in it
  native.syscall(NR.setpgid, 0, native.syscall(NR.getpgid, native.syscall(NR.getppid)));
  memoryFile(0, stdin ? decodeBase64(stdin) : undefined);
  memoryFile(1);
  memoryFile(2);
  sys("chdir", cwd, NR.chdir, cwd);
  setEnvironment(env);
  setTitle(SHIM, args);
  const exitCode = shim([binary, ...args]);
  return { exitCode, stdout: latin1(contentOf(1)), stderr: native.utf8(contentOf(2)).slice(-MAX_OUTPUT) };
}

/** Reads both to their end: the shim that stays has closed them. */
function collect(out: number, err: number): { stdout: string; stderr: string } {
  const kept = new Map([
    [out, ""],
    [err, ""],
  ]);
  const open = [out, err];
  const buffer = new Uint8Array(MAX_OUTPUT);
  while (open.length > 0) {
    const fd = waitReadable(open, -1)!;
    const n = read(fd, buffer);
    if (n === 0) open.splice(open.indexOf(fd), 1);
    else {
      const text = fd === out ? latin1(buffer, n) : native.utf8(buffer, 0, n);
      kept.set(fd, (kept.get(fd)! + text).slice(-MAX_OUTPUT));
    }
  }
  return { stdout: kept.get(out)!, stderr: kept.get(err)! };
}

/** In a new child: becomes the program. */
function become({ binary, args, env, cwd }: RequestOf<"spawnShim">, stdio: readonly number[]): never {
  try {
    // a group of its own: the agent ends this worker's group when the client hangs up
    native.syscall(NR.setpgid, 0, 0);
    prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
    for (const [to, fd] of stdio.entries()) dup3(fd, to);
    closeRange(3);
    sys("chdir", cwd, NR.chdir, cwd);
    exec(binary, [binary, ...args], env);
  } catch (error) {
    stderr(`${error instanceof Error ? error.message : error}\n`);
    exit(127);
  }
}

export function spawnShim(request: RequestOf<"spawnShim">): AnswerOf<"spawnShim"> {
  const { binary, stdin } = request;
  if (!binary.startsWith("/")) {
    throw new WharfError("InvalidArgument", `the shim's path ${JSON.stringify(binary)} is relative`);
  }
  if (isOurs(binary)) return carryOut(request);
  const [inReader, inWriter] = pipe();
  const [outReader, outWriter] = pipe();
  const [errReader, errWriter] = pipe();
  const pid = fork();
  if (pid === 0) become(request, [inReader, outWriter, errWriter]);
  for (const fd of [inReader, outWriter, errWriter]) close(fd);
  try {
    if (stdin) writeAll(inWriter, decodeBase64(stdin));
  } catch {
    // it did not care to read
  }
  close(inWriter);
  const outputs = collect(outReader, errReader);
  close(outReader);
  close(errReader);
  return { exitCode: wait(pid)!.status, ...outputs };
}

/** Nothing where `spawnShim` is to do it, which also knows the words for what is wrong. */
export function hatchShim(request: RequestOf<"hatchShim">): AnswerOf<"hatchShim"> {
  const { binary, args, env, cwd, stdin, alone = false } = request;
  try {
    if (!isOurs(binary)) return {};
    const { namespace, id, address, debug, action, bundle } = parseFlags(args);
    if (action !== "start" || namespace === "" || id === "") return {};
    const environ = environmentOf(env);
    const ttrpcAddress = environ.get("TTRPC_ADDRESS") ?? "";
    const given = stdin ? decodeBase64(stdin) : new Uint8Array(0);
    const options = { namespace, id, bundle: bundle || cwd, address, ttrpcAddress, debug, stdin: given, alone };
    const listens = startAtOnce(options, { args, env }, takeSpare);
    return listens === undefined ? {} : { stdout: bootstrapAnswer(listens, environ) };
  } catch {
    return {};
  }
}
