// The docker command line and ours with the same words at the same moment, many lines in one visit to the peers root.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { peer } from "./dockerd.ts";
import type { Subject } from "./engine.ts";
import type { Result } from "./program.ts";

export interface Both {
  readonly ours: Result;
  readonly theirs: Result;
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

/** Runs every line with both, on the subject's engine. */
export async function both(
  { wharf, socket, scratch }: Subject,
  lines: readonly (readonly string[])[],
): Promise<Both[]> {
  const dir = mkdtempSync(join(scratch.dir, "both-"));
  const programs = { ours: wharf, theirs: "docker" };
  const run = (program: string, name: string, words: readonly string[]) =>
    `{ ${quoted([program, "-H", `unix://${socket}`, ...words])} > ${name}.out 2> ${name}.err < /dev/null; echo $? > ${name}.code; } &`;
  const script = lines.map((words, i) =>
    [...Object.entries(programs).map(([name, program]) => run(program, `${dir}/${i}.${name}`, words)), "wait"].join(
      "\n",
    ),
  );
  writeFileSync(join(dir, "script"), script.join("\n"));
  const done = await peer(scratch, ["sh", join(dir, "script")], { timeoutMs: 240_000 });
  if (done.code !== 0) throw new Error(`the comparison did not end: ${done.stderr}`);
  const read = (i: number, name: string): Result => {
    const text = (what: string) => readFileSync(join(dir, `${i}.${name}.${what}`), "utf8");
    return { stdout: text("out"), stderr: text("err"), code: Number(text("code")) };
  };
  const all = lines.map((_, i) => ({ ours: read(i, "ours"), theirs: read(i, "theirs") }));
  rmSync(dir, { recursive: true });
  return all;
}
