// Runs the tests and says at the very end `N passed, N failed`.
//   tools/test.ts [--only TEXT] [--times] (unit | kernel | interop | scenario | scenario NAME | vm | FILE)…
// Every file runs in a process of its own and may leave nothing behind; docs/testing.md tells the rules.
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { removeFolder, type Watched } from "../test/support/leaks.ts";
import { newRunMark } from "../test/support/run.ts";
import { buildImage, linuxSources, stripSources } from "./lib/images.ts";
import { buildHost, ROOT } from "./lib/native.ts";
import { Run } from "./lib/run.ts";
import { fileNamed, filesOf, isSuite, SUITES, type TestFile } from "./lib/suites.ts";

/** On a busy machine the last of a file's processes takes its time to end; where nothing is left this costs nothing. */
const GRACE_MS = 15_000;

const say = (text: string) => process.stdout.write(`${text}\n`);

function usage(problem: string): never {
  process.stderr.write(
    `test: ${problem}\nusage: test.ts [--only TEXT] [--times] (unit | kernel | interop | scenario [NAME] | vm | FILE)…\n`,
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

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: "string" }, times: { type: "boolean" } },
  });
  if (positionals.length === 0) usage("name a suite or a file");
  const files = choose(positionals);
  const host = await buildHost((text) => process.stderr.write(`wharf: ${text}\n`));
  stripSources(linuxSources());
  const reaper = buildImage(host, "src/linux/reaper/main.ts");
  const mark = newRunMark();
  const tmp = `/tmp/${mark}`;
  mkdirSync(tmp, { mode: 0o755 });
  const alone = process.env.CI === "true" && process.env.WHARF_TEST_SHARED !== "1";
  // memory images of tests are made in build/ while the tests run, and the tree itself may lie in /tmp
  const watched: Watched = { mark, alone, except: ROOT };
  const stop = new AbortController();
  const run = new Run(
    { host, reaper, run: mark, tmp, only: values.only, times: values.times, graceMs: GRACE_MS, signal: stop.signal },
    watched,
    say,
  );
  process.on("SIGINT", () => stop.abort()).on("SIGTERM", () => stop.abort());
  try {
    for (const name of Object.keys(SUITES).filter(isSuite)) {
      const own = files.filter(({ suite }) => suite === name);
      await run.suite(own, SUITES[name].serial ? 1 : availableParallelism());
    }
    await run.lastLook();
  } finally {
    removeFolder(tmp);
  }
  const good = run.summary();
  return good ? 0 : 1;
}

process.exitCode = await main();
