// Runs the tests and says at the very end `N passed, N failed`.
//   tools/test.ts [--only TEXT] (unit | kernel | interop | scenario | scenario NAME | FILE)…
// Every file runs in a process of its own and may leave nothing behind; docs/testing.md tells the rules.
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import {
  clearAway,
  describeLeaks,
  leaksSince,
  removeFolder,
  type Snapshot,
  snapshot,
  type Watched,
} from "../test/support/leaks.ts";
import { newRunMark } from "../test/support/run.ts";
import { buildImage, linuxSources, stripSources } from "./lib/images.ts";
import { buildHost, ROOT } from "./lib/native.ts";
import { type FileResult, folderOf, runFile, type Tools } from "./lib/run-file.ts";
import { fileNamed, filesOf, isSuite, SUITES, type TestFile } from "./lib/suites.ts";

const say = (text: string) => process.stdout.write(`${text}\n`);

function usage(problem: string): never {
  process.stderr.write(
    `test: ${problem}\nusage: test.ts [--only TEXT] (unit | kernel | interop | scenario [NAME] | FILE)…\n`,
  );
  process.exit(2);
}

/** The files that the arguments name, in the order of the suites. */
function choose(names: string[]): TestFile[] {
  const chosen: TestFile[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const next = names[i + 1];
    if (name === "scenario" && next !== undefined && !isSuite(next) && !next.includes("/")) {
      const all = filesOf("scenario");
      const found = all.find(({ file }) => file === `test/scenarios/${next}.test.ts`);
      const known = all.map(({ file }) => file.slice("test/scenarios/".length, -".test.ts".length)).join(", ");
      chosen.push(found ?? usage(`no scenario "${next}"; there are: ${known || "none"}`));
      i++;
    } else if (isSuite(name)) chosen.push(...filesOf(name));
    else
      chosen.push(
        fileNamed(relative(ROOT, join(process.cwd(), name))) ?? usage(`"${name}" is no suite and no test file`),
      );
  }
  return chosen;
}

class Run {
  readonly results: FileResult[] = [];
  lost: string[] = [];
  readonly #tools: Tools;
  readonly #watched: Watched;

  constructor(tools: Tools, watched: Watched) {
    this.#tools = tools;
    this.#watched = watched;
  }

  /** Runs one file; what it leaves behind is a failure of it, and is cleared away. */
  async file(test: TestFile): Promise<void> {
    if (this.#tools.signal.aborted) return;
    const tmp = folderOf(test, this.#tools);
    // files that run at once are told apart by their folders; only one that runs alone is answerable for the whole machine
    const watched = SUITES[test.suite].serial ? this.#watched : { mark: `${tmp}/`, alone: false };
    mkdirSync(tmp);
    const before = snapshot();
    const result = await runFile(test, this.#tools);
    const leaks = await leaksSince(before, watched);
    const left = [...result.orphans.map((line) => `process ${line}`), ...describeLeaks(leaks)];
    if (left.length > 0) {
      result.outcomes.push({ name: "leaves nothing behind", passed: false, error: `left behind:\n${left.join("\n")}` });
      clearAway(leaks, this.#tools.run);
    }
    removeFolder(tmp);
    this.results.push(result);
    this.#report(result);
  }

  #report({ test, outcomes, seconds, output }: FileResult): void {
    const failed = outcomes.filter((outcome) => !outcome.passed);
    const skipped = outcomes.filter((outcome) => outcome.skipped !== undefined).length;
    const counts = `${outcomes.length} tests${skipped ? `, ${skipped} skipped` : ""}`;
    say(`${failed.length ? "✗" : "✓"} ${test.file} (${counts}, ${seconds.toFixed(1)} s)`);
    for (const outcome of failed) say(`    ✗ ${outcome.name}\n${indent(outcome.error ?? "failed", 6)}`);
    if (failed.length && output.trim()) say(`    what it wrote:\n${indent(output.trimEnd().slice(-4000), 6)}`);
  }

  async suite(files: TestFile[], atOnce: number): Promise<void> {
    const queue = [...files];
    const worker = async () => {
      for (let test = queue.shift(); test; test = queue.shift()) await this.file(test);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  /** After all files: what none of them was caught with. */
  async lastLook(before: Snapshot): Promise<void> {
    const leaks = await leaksSince(before, this.#watched);
    this.lost = describeLeaks(leaks);
    clearAway(leaks, this.#tools.run);
  }

  /** Says it all again in short; true when all is well. */
  summary(): boolean {
    const all = this.results.flatMap(({ test, outcomes }) =>
      outcomes.map((outcome) => ({ file: test.file, ...outcome })),
    );
    if (this.lost.length)
      all.push({ file: "the whole run", name: "leaves nothing behind", passed: false, error: this.lost.join("\n") });
    const failed = all.filter(({ passed }) => !passed);
    const skipped = all.filter((outcome) => outcome.skipped !== undefined);
    const passed = all.length - failed.length - skipped.length;
    if (skipped.length) say("\nskipped:");
    for (const { file, name, skipped: why } of skipped) say(`  ${file}: ${name}: ${why}`);
    if (failed.length) say("\nfailed:");
    for (const { file, name, error } of failed) say(`  ${file}: ${name}\n${indent(error ?? "", 4)}`);
    const nothing = passed + failed.length === 0;
    if (nothing) say("no test ran, and that is a failure");
    if (this.#tools.signal.aborted) say("interrupted");
    say(`\n${passed} passed, ${failed.length} failed${skipped.length ? `, ${skipped.length} skipped` : ""}`);
    return failed.length === 0 && !nothing && !this.#tools.signal.aborted;
  }
}

function indent(text: string, by: number): string {
  return text.replace(/^/gm, " ".repeat(by));
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: "string" } } });
  if (positionals.length === 0) usage("name a suite or a file");
  const files = choose(positionals);
  const host = await buildHost((text) => process.stderr.write(`wharf: ${text}\n`));
  stripSources(linuxSources());
  const reaper = buildImage(host, "src/linux/reaper/main.ts");
  const mark = newRunMark();
  const tmp = `/tmp/wharf-test-${mark}`;
  mkdirSync(tmp, { mode: 0o755 });
  const watched: Watched = { mark, alone: process.env.CI === "true" };
  const stop = new AbortController();
  const run = new Run({ host, reaper, run: mark, tmp, only: values.only, signal: stop.signal }, watched);
  process.on("SIGINT", () => stop.abort()).on("SIGTERM", () => stop.abort());
  const before = snapshot();
  try {
    for (const name of Object.keys(SUITES).filter(isSuite)) {
      const own = files.filter(({ suite }) => suite === name);
      await run.suite(own, SUITES[name].serial ? 1 : availableParallelism());
    }
    await run.lastLook(before);
  } finally {
    removeFolder(tmp);
  }
  const good = run.summary();
  return good ? 0 : 1;
}

process.exitCode = await main();
