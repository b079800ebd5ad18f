// The CLI under test, built from the sources as they are, and ways to run it.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assemble, buildImage, linuxSources, stripSources } from "../../../tools/lib/images.ts";
import { buildHost } from "../../../tools/lib/native.ts";

export interface Result {
  stdout: string;
  stderr: string;
  /** Exit code; minus the signal's number when one ended it. */
  code: number;
}

export interface RunOptions {
  input?: string | Buffer;
  env?: Record<string, string>;
  cwd?: string;
  /** Called with the running process. */
  started?: (child: ChildProcess) => void;
  timeoutMs?: number;
}

const TIMEOUT_MS = 150_000;

/** Runs a program to its end. */
export function execute(command: readonly string[], options: RunOptions = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = command;
    const child = spawn(program!, args, {
      env: { PATH: process.env.PATH!, HOME: "/nonexistent", ...marked(), ...options.env },
      cwd: options.cwd,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (data) => out.push(data));
    child.stderr.on("data", (data) => err.push(data));
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? TIMEOUT_MS);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const text = (parts: Buffer[]) => Buffer.concat(parts).toString("utf8");
      if (signal === "SIGKILL") reject(new Error(`${command.join(" ")} did not end:\n${text(out)}${text(err)}`));
      else resolve({ stdout: text(out), stderr: text(err), code: code ?? -1 });
    });
    options.started?.(child);
  });
}

/** What tells the leak check whose processes these are. */
function marked(): Record<string, string> {
  const mark = process.env.WHARF_TEST_RUN;
  return mark === undefined ? {} : { WHARF_TEST_RUN: mark };
}

/** Folders of a test, removed at its end. */
export class Scratch implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "wt-cli-"));
  path(name: string): string {
    return join(this.dir, name);
  }
  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

let built: Promise<string> | undefined;

/** The path of the program, made once a process in a folder that the caller removes. */
export function wharfProgram(scratch: Scratch): Promise<string> {
  built ??= (async () => {
    const host = await buildHost(() => undefined);
    stripSources(linuxSources());
    const program = scratch.path("wharf");
    const image = buildImage(host, "src/linux/cli/main.ts");
    assemble(host, new Map([["wharf", { image, guarded: "" }]]), program);
    return program;
  })();
  return built;
}
