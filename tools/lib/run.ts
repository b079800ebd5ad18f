// One run of test files: each alone with its folder, the leak check around it, what came of it said at once and again at the end.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  clearAway,
  describeLeaks,
  leaksSince,
  removeFolder,
  snapshot,
  type Watched,
} from "../../test/support/leaks.ts";
import type { Outcome } from "./outcome.ts";
import { type FileResult, runFile, type Tools } from "./run-file.ts";
import { SUITES, type TestFile } from "./suites.ts";

export class Run {
  readonly results: FileResult[] = [];
  lost: string[] = [];
  readonly #tools: Tools;
  readonly #watched: Watched;
  /** The machine before the whole run. */
  readonly #before = snapshot();
  #count = 0;
  readonly #say: (text: string) => void;

  constructor(tools: Tools, watched: Watched, say: (text: string) => void) {
    this.#tools = tools;
    this.#watched = watched;
    this.#say = say;
  }

  /** Runs one file; what it leaves behind is a failure of it, and is cleared away. */
  async file(test: TestFile): Promise<void> {
    if (this.#tools.signal.aborted) return;
    // short, because socket paths below it may have 107 bytes in all
    const tmp = join(this.#tools.tmp, String(++this.#count));
    // files that run at once are told apart by their folders; only one that runs alone is answerable for the whole machine
    const watched = SUITES[test.suite].serial ? this.#watched : { mark: `${tmp}/`, alone: false };
    mkdirSync(tmp);
    const before = snapshot();
    const result = await runFile(test, tmp, this.#tools);
    const leaks = await leaksSince(before, watched, this.#tools.graceMs);
    const left = [...result.orphans.map((line) => `process ${line}`), ...describeLeaks(leaks)];
    if (left.length > 0) {
      result.outcomes.push({ name: "leaves nothing behind", passed: false, error: `left behind:\n${left.join("\n")}` });
      clearAway(leaks, this.#tools.run);
      this.#before.add(leaks);
    }
    removeFolder(tmp);
    this.results.push(result);
    this.#report(result);
  }

  #report({ test, outcomes, seconds, output }: FileResult): void {
    const failed = outcomes.filter((outcome) => !outcome.passed);
    const skipped = outcomes.filter((outcome) => outcome.skipped !== undefined).length;
    const counts = `${outcomes.length} tests${skipped ? `, ${skipped} skipped` : ""}`;
    this.#say(`${failed.length ? "✗" : "✓"} ${test.file} (${counts}, ${seconds.toFixed(1)} s)`);
    const took = ({ name, seconds: own = 0 }: Outcome) => own >= 1 && this.#say(`    ${own.toFixed(1)} s ${name}`);
    if (this.#tools.times) outcomes.forEach(took);
    for (const outcome of failed) this.#say(`    ✗ ${outcome.name}\n${indent(outcome.error ?? "failed", 6)}`);
    if (failed.length && output.trim()) this.#say(`    what it wrote:\n${indent(output.trimEnd().slice(-4000), 6)}`);
  }

  async suite(files: TestFile[], atOnce: number): Promise<void> {
    const queue = [...files];
    const worker = async () => {
      for (let test = queue.shift(); test; test = queue.shift()) await this.file(test);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  }

  /** After all files: what none of them was caught with. */
  async lastLook(): Promise<void> {
    const leaks = await leaksSince(this.#before, this.#watched, this.#tools.graceMs);
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
    if (skipped.length) this.#say("\nskipped:");
    for (const { file, name, skipped: why } of skipped) this.#say(`  ${file}: ${name}: ${why}`);
    if (failed.length) this.#say("\nfailed:");
    for (const { file, name, error } of failed) this.#say(`  ${file}: ${name}\n${indent(gist(error ?? ""), 4)}`);
    const nothing = passed + failed.length === 0;
    if (nothing) this.#say("no test ran, and that is a failure");
    if (this.#tools.signal.aborted) this.#say("interrupted");
    this.#say(`\n${passed} passed, ${failed.length} failed${skipped.length ? `, ${skipped.length} skipped` : ""}`);
    return failed.length === 0 && !nothing && !this.#tools.signal.aborted;
  }
}

/** The first lines that say something; the whole stands above. */
function gist(error: string): string {
  return error
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(0, 4)
    .join("\n");
}

function indent(text: string, by: number): string {
  return text.replace(/^/gm, " ".repeat(by));
}
