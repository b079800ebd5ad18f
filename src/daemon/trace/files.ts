/**
 * The trace files that linux-world processes leave in `<state>/trace`: read for one trace, and swept so that they never
 * take up much.
 */

import { readdir, readFile, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type Span, spansFromLines } from "../../common/trace.ts";
import { ifMissing } from "../expected.ts";
import { spansOf } from "./trace.ts";

/** Files kept when sweeping; the newest. */
const KEEP = 256;

/** All spans of a trace: the daemon's own and those of the files. */
export async function collectTrace(stateDir: string, traceId: string): Promise<Span[]> {
  const own = spansOf(traceId);
  const text = await readFile(join(stateDir, "trace", `${traceId}.jsonl`), "utf8").catch(ifMissing(""));
  return [...own, ...spansFromLines(text)].sort((a, b) => a.start - b.start);
}

/** Removes all but the newest trace files. Never fails: traces are a convenience. */
export async function sweepTraces(stateDir: string): Promise<void> {
  const directory = join(stateDir, "trace");
  const names = await readdir(directory).catch(ifMissing<string[]>([]));
  if (names.length <= KEEP) return;
  const aged = await Promise.all(
    names.map(async (name) => ({
      name,
      time: (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  );
  aged.sort((a, b) => b.time - a.time);
  await Promise.all(aged.slice(KEEP).map(({ name }) => unlink(join(directory, name)).catch(() => undefined)));
}
