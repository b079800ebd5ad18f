// Small rules of the house that no linter has: what a file opens with, how long it may be, no test put aside, nothing exported to nobody.
import type { Problem, Sources } from "../check-layers.ts";

const MAX_LINES = 500;

/** A reporter for node:test has to be the default export; nothing else has. */
const DEFAULT_EXPORT_ALLOWED = new Set(["tools/lib/node-reporter.ts"]);

function lint(file: string, source: string): Problem[] {
  const problems: Problem[] = [];
  const lines = source.split("\n");
  const add = (line: number, text: string) => problems.push({ file, line, text });
  const first = lines[0]?.startsWith("#!") ? lines[1] : lines[0];
  // a unit test beside the code is named after what it tests, and needs no more words
  const unit = !file.startsWith("test/") && file.endsWith(".test.ts");
  if (!unit && !/^\/[/*]\*? *\S/.test(first ?? "")) add(1, "a file opens with a comment that says what it is for");
  const length = lines.at(-1) === "" ? lines.length - 1 : lines.length;
  if (length > MAX_LINES) add(length, `${length} lines; ${MAX_LINES} at most`);
  for (const [i, line] of lines.entries()) {
    if (/^export default\b|^export \{[^}]*\bas default\b/.test(line) && !DEFAULT_EXPORT_ALLOWED.has(file))
      add(i + 1, "no default exports: a name is found everywhere by searching for it");
    if (file.endsWith(".test.ts") && /^\s*(?:await )?(?:test|it|describe|suite)\.(?:skip|only|todo)\(/.test(line))
      add(i + 1, "a test is put aside; one that cannot run here calls t.skip with the reason");
    if (file.endsWith(".test.ts") && /\{[^{}]*\b(?:only|todo): (?:true|["'])/.test(line))
      add(i + 1, "a test is put aside by an option");
  }
  return problems;
}

const EXPORTED = /^export (?:async )?(?:abstract )?(?:function\*?|class|const) ([\w$]+)/gm;

/** Values that are exported and named in no other file: dead, or a file's own affair. Types may stand in what is inferred elsewhere. */
function idleExports(sources: Sources): Problem[] {
  const own = [...sources].filter(([file]) => !file.endsWith(".d.ts"));
  /** In how many files each name is. */
  const files = new Map<string, number>();
  for (const [, source] of own) {
    for (const name of new Set(source.match(/[\w$]+/g))) files.set(name, (files.get(name) ?? 0) + 1);
  }
  return own.flatMap(([file, source]) =>
    [...source.matchAll(EXPORTED)].flatMap(({ 1: name, index }) => {
      if (files.get(name!)! > 1) return [];
      const line = source.slice(0, index).split("\n").length;
      return [{ file, line, text: `${name} is exported, but no other file names it` }];
    }),
  );
}

export function houseLints(sources: Sources): Problem[] {
  const single = [...sources].flatMap(([file, source]) => (file.endsWith(".d.ts") ? [] : lint(file, source)));
  return [...single, ...idleExports(sources)];
}
