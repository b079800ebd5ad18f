// Runs one test file in a process of its own, under the reaper, with a folder of its own for what it makes.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./native.ts";
import { judge, type Outcome, parseTap } from "./outcome.ts";
import type { TestFile } from "./suites.ts";

export interface Tools {
  /** The native host and the reaper's memory image. */
  host: string;
  reaper: string;
  /** The run's name, which marks what it makes; see test/support/run.ts. */
  run: string;
  /** The run's folder; each file gets one below it as TMPDIR. */
  tmp: string;
  /** What a file leaves may still go by itself for so long. */
  graceMs: number;
  /** Ends what runs. */
  signal: AbortSignal;
  /** Only tests whose name contains this. */
  only?: string | undefined;
  /** Tells which tests took long. */
  times?: boolean | undefined;
}

export interface FileResult {
  test: TestFile;
  outcomes: Outcome[];
  /** What the file wrote to stdout and stderr, but for its report. */
  output: string;
  /** Descendants that were still there when the file had ended, and have been killed. */
  orphans: string[];
  seconds: number;
}

const OUTPUT_LIMIT = 1 << 20;

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** What is left of NODE_* settings would change how the tests run. */
function environmentFor(tools: Tools, tmp: string): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: tmp, WHARF_TEST_RUN: tools.run, NO_COLOR: "1" };
  delete env.NODE_TEST_CONTEXT;
  delete env.NODE_OPTIONS;
  delete env.FORCE_COLOR;
  return env;
}

function commandOf(test: TestFile, tools: Tools, report: string): string[] {
  if (test.world === "linux") {
    return [process.execPath, join(ROOT, "tools/linux-run.ts"), test.file, ...(tools.only ? [tools.only] : [])];
  }
  const reporter = ["--test-reporter", join(ROOT, "tools/lib/node-reporter.ts"), "--test-reporter-destination", report];
  const only = tools.only ? ["--test-name-pattern", escaped(tools.only)] : [];
  return [process.execPath, "--enable-source-maps", ...reporter, ...only, test.file];
}

interface Ended {
  output: string;
  stdout: string;
  /** Empty after a clean end. */
  status: string;
}

function execute(command: string[], env: NodeJS.ProcessEnv, timeout: number, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
    const ended: Ended = { output: "", stdout: "", status: "" };
    const collect = (text: string, stdout: boolean) => {
      if (stdout) ended.stdout += text;
      if (ended.output.length < OUTPUT_LIMIT) ended.output += text;
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => collect(text, true));
    child.stderr.setEncoding("utf8").on("data", (text: string) => collect(text, false));
    let late = false;
    let last: NodeJS.Timeout | undefined;
    // the reaper ends everything below it on SIGTERM; if even that hangs, it has to go
    const end = () => {
      child.kill("SIGTERM");
      last ??= setTimeout(() => child.kill("SIGKILL"), 10_000);
    };
    const timer = setTimeout(() => {
      late = true;
      end();
    }, timeout * 1000);
    signal.addEventListener("abort", end, { once: true });
    child.on("error", reject);
    // who outlived a killed reaper may hold the pipes open for ever
    child.on("exit", () => setTimeout(() => [child.stdout, child.stderr].map((pipe) => pipe.destroy()), 3000).unref());
    child.on("close", (code, killer) => {
      clearTimeout(timer);
      clearTimeout(last);
      signal.removeEventListener("abort", end);
      if (late) ended.status = `not done after ${timeout} s, so it was ended`;
      else if (killer) ended.status = `ended by ${killer}`;
      else if (code !== 0) ended.status = `exit code ${code}`;
      resolve(ended);
    });
  });
}

/** Runs the file to its end. `tmp` becomes its TMPDIR; it must be there, and is left for the leak check. */
export async function runFile(test: TestFile, tmp: string, tools: Tools): Promise<FileResult> {
  const report = `${tmp}.report`;
  const orphanReport = `${tmp}.orphans`;
  const begin = performance.now();
  const command = commandOf(test, tools, report);
  const reaper = [tools.host, "--image", tools.reaper, orphanReport, String(tools.graceMs), ...command];
  const ended = await execute(reaper, environmentFor(tools, tmp), test.timeout, tools.signal);
  const lines = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []);
  const orphans = lines(orphanReport);
  let outcomes: Outcome[];
  if (test.world === "linux") {
    const { outcomes: found, planned } = parseTap(ended.stdout);
    const chosen = tools.only ? found.filter(({ skipped }) => skipped === undefined) : found;
    outcomes = judge(chosen, { status: ended.status, planned: tools.only ? undefined : planned, only: !!tools.only });
  } else {
    outcomes = judge(
      lines(report).map((line) => JSON.parse(line) as Outcome),
      { status: ended.status, only: !!tools.only },
    );
  }
  rmSync(report, { force: true });
  rmSync(orphanReport, { force: true });
  return { test, outcomes, output: ended.output, orphans, seconds: (performance.now() - begin) / 1000 };
}
