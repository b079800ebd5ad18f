/**
 * Verifiers of images: programs in a folder that say of each image that is to be pulled whether it may be, as containerd has them
 * (docs/image-verification.md there). Each gets `-name`, `-digest` and `-stdin-media-type`, and the descriptor on its standard input.
 */

import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { WharfError } from "../../common/errors.ts";
import type { Descriptor } from "../../common/oci/image.ts";
import type { Log } from "../log.ts";
import { canceled } from "../registry/retry.ts";

export interface VerifierSettings {
  /** Folder of the programs: all that lie in it are called, in the order of their names. Without it nothing is refused. */
  binDir: string;
  /** Programs called at most; below 0 all. */
  maxVerifiers: number;
  /** Milliseconds for each. */
  timeout: number;
}

/** Bytes taken of each output; what comes after is thrown away. */
const OUTPUT = 32 * 1024;
const MEDIA_TYPE = "application/vnd.oci.descriptor.v1+json";

export interface VerifyImage {
  /** PermissionDenied when a program refuses, DeadlineExceeded when it takes too long, FailedPrecondition when it cannot be asked. */
  (name: string, descriptor: Descriptor, signal?: AbortSignal): Promise<void>;
}

export function imageVerifier(settings: VerifierSettings, log: Log): VerifyImage {
  const { binDir, maxVerifiers } = settings;
  return async (name, descriptor, signal) => {
    const programs = await list(binDir);
    const called = maxVerifiers < 0 ? programs : programs.slice(0, maxVerifiers);
    if (called.length < programs.length)
      log("warn", "image verifiers are left out", { folder: binDir, there: programs.length, called: called.length });
    for (const program of called) {
      const { code, reason } = await ask(settings, program, name, descriptor, log, signal);
      log("debug", "an image verifier answered", { verifier: program, image: name, code, reason });
      if (code === 0) continue;
      const why = reason === "" ? "" : `: ${reason}`;
      throw failed("PermissionDenied", program, `refused ${descriptor.digest} (exit code ${code})${why}`);
    }
  };
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new WharfError(
      "FailedPrecondition",
      `the folder of image verifiers ${JSON.stringify(folder)} cannot be read`,
      {
        ...{ operation: "verify image", subject: folder, cause },
      },
    );
  }
}

interface Answer {
  code: number;
  reason: string;
}

/** Runs one program to its end. It and what it started are killed when its time is up or the caller has gone. */
async function ask(
  { binDir, timeout }: VerifierSettings,
  program: string,
  name: string,
  descriptor: Descriptor,
  log: Log,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  if (signal?.aborted) throw canceled(signal);
  const args = ["-name", name, "-digest", descriptor.digest, "-stdin-media-type", MEDIA_TYPE];
  // A process group of its own, so that all of it can be killed.
  const child = spawn(join(binDir, program), args, { stdio: "pipe", detached: true });
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  child.on("error", (cause) => reject(failed("FailedPrecondition", program, "cannot be run", cause)));
  // Without a process there may be no streams either (EMFILE), only the error that follows.
  if (child.pid === undefined) return await promise;
  const { pid } = child;
  const end = (error: WharfError) => {
    reject(error);
    kill(pid);
    // Who left the group may hold the other ends still.
    for (const stream of child.stdio) stream?.destroy();
  };
  const timer = setTimeout(() => {
    end(failed("DeadlineExceeded", program, `gave no answer in ${timeout} ms`));
  }, timeout);
  const leave = () => end(canceled(signal));
  signal?.addEventListener("abort", leave, { once: true });
  const output = gather(child.stdout);
  const errors = gather(child.stderr);
  child.on("close", (code, by) => {
    const told = errors();
    if (told !== "") log("debug", "an image verifier wrote", { verifier: program, stderr: told });
    if (code === null) reject(failed("FailedPrecondition", program, `was ended by ${by}`));
    else resolve({ code, reason: output() });
  });
  // It need not read it.
  child.stdin.on("error", () => {});
  child.stdin.end(`${JSON.stringify(payload(descriptor))}\n`);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
  }
}

/** The descriptor as the image specification has it: what we add for ourselves stays here. */
function payload({ mediaType, digest, size, annotations }: Descriptor): object {
  return { mediaType, digest, size, annotations };
}

function gather(stream: NodeJS.ReadableStream): () => string {
  const parts: Buffer[] = [];
  let length = 0;
  let cut = false;
  stream.on("data", (chunk: Buffer) => {
    const part = chunk.subarray(0, OUTPUT - length);
    cut ||= part.length < chunk.length;
    length += part.length;
    if (part.length > 0) parts.push(part);
  });
  stream.on("error", () => {});
  return () => Buffer.concat(parts).toString("utf8").trim() + (cut ? " (cut short)" : "");
}

function kill(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function failed(
  code: "PermissionDenied" | "DeadlineExceeded" | "FailedPrecondition",
  program: string,
  what: string,
  cause?: Error,
): WharfError {
  const message = `the image verifier ${JSON.stringify(program)} ${what}`;
  return new WharfError(code, message, { operation: "verify image", subject: program, cause });
}
