// Tests that pass with `true` or `false` in the runtime's place, as `npm run test:hollow` has found them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./native.ts";

export const HOLLOW_FILE = join(ROOT, "tools/lib/hollow.json");

/** Titles by file. */
export function hollowTests(): Readonly<Record<string, string[]>> {
  return JSON.parse(readFileSync(HOLLOW_FILE, "utf8")) as Record<string, string[]>;
}

/** The titles of all tests that passed, of TAP as Node's runner writes it; skipped ones prove as little. */
export function passedTitles(tap: string): string[] {
  const titles: string[] = [];
  for (const [, title] of tap.matchAll(/^ *ok \d+ - (.*?)(?: # (?:SKIP|TODO).*)?$/gm)) {
    if (!title!.endsWith(".test.ts")) titles.push(title!.replace(/\\([#\\])/g, "$1"));
  }
  return titles;
}

/** A ledger's evidence may name part of a title: true when that part is of a hollow test. */
export function isHollow(file: string, title: string, list = hollowTests()): boolean {
  return (list[file] ?? []).some((one) => one.includes(title));
}
