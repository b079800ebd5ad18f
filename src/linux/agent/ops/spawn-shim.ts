// Operation `spawnShim`: runs a shim's command to its end. What it leaves behind is nobody's child here and outlives the agent.
import type { AnswerOf, RequestOf } from "../../../common/agent/protocol.ts";
import { WharfError } from "../../../common/errors.ts";
import { basename } from "../../../common/path.ts";
import { waitReadable } from "../../layer/part.ts";
import { main as shim } from "../../shim/main.ts";
import { close, dup3, pipe, read, statIfThere, writeAll } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { stderr } from "../../sys/out.ts";
import { exec, exit, fork, PR, prctl, SIGNALS, setEnvironment, setTitle, wait } from "../../sys/process.ts";

const OUR_SHIM = "containerd-shim-runt-v2";
/** Most that is kept of each output; of stderr the end counts. */
const MAX_OUTPUT = 64 << 10;

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
    else
      kept.set(fd, (kept.get(fd)! + (fd === out ? latin1(buffer, n) : native.utf8(buffer, 0, n))).slice(-MAX_OUTPUT));
  }
  return { stdout: kept.get(out)!, stderr: kept.get(err)! };
}

/** One character a byte: what a shim's `delete` answers is binary. */
function latin1(bytes: Uint8Array, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

function decodeBase64(text: string): Uint8Array {
  return (Uint8Array as unknown as { fromBase64(text: string): Uint8Array }).fromBase64(text);
}

/** Whether the path is a name of this very program, and that of its shim. */
function isOurShim(binary: string): boolean {
  if (basename(binary) !== OUR_SHIM) return false;
  const theirs = statIfThere(binary);
  const ours = statIfThere("/proc/self/exe");
  return theirs !== undefined && ours !== undefined && theirs.ino === ours.ino && theirs.devMinor === ours.devMinor;
}

/**
 * Becomes the shim. Ours is in this program already: without exec it starts sooner, and its memory is the agent's, page by page, as long
 * as neither writes there.
 */
function become({ binary, args, env }: RequestOf<"spawnShim">): never {
  if (!isOurShim(binary)) exec(binary, [binary, ...args], env);
  setEnvironment(env);
  setTitle(OUR_SHIM, args);
  exit(shim([binary, ...args]));
}

export function spawnShim(request: RequestOf<"spawnShim">): AnswerOf<"spawnShim"> {
  const { binary, cwd, stdin } = request;
  if (!binary.startsWith("/"))
    throw new WharfError("InvalidArgument", `the shim's path ${JSON.stringify(binary)} is relative`);
  const [inReader, inWriter] = pipe();
  const [outReader, outWriter] = pipe();
  const [errReader, errWriter] = pipe();
  const pid = fork();
  if (pid === 0) {
    try {
      // a group of its own: the agent ends this worker's group when the client hangs up
      native.syscall(NR.setpgid, 0, 0);
      prctl(PR.SET_PDEATHSIG, SIGNALS.KILL);
      for (const [fd, to] of [
        [inReader, 0],
        [outWriter, 1],
        [errWriter, 2],
      ] as const)
        dup3(fd, to);
      native.syscall(NR.close_range, 3, 0xffffffff, 0);
      if (native.syscall(NR.chdir, cwd) < 0) throw new WharfError("NotFound", `no directory ${JSON.stringify(cwd)}`);
      become(request);
    } catch (error) {
      stderr(`${error instanceof Error ? error.message : error}\n`);
      exit(127);
    }
  }
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
