// Runs the kernel suites of runt with `true` and `false` in its place: a test that passes then proves nothing about runt, and
// no ledger may name it as evidence. Renews tools/lib/hollow.json, the list of them.
//   tools/node tools/hollow.ts [FILE]…
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HOLLOW_FILE, hollowTests, passedTitles } from "./lib/hollow.ts";
import { ROOT } from "./lib/native.ts";

const PATTERN = "test/kernel/runt/*.test.ts";
const STAND_INS = ["/bin/true", "/bin/false"];
const LIMIT_MS = 300_000;

/** The titles of a file's tests that pass with this program as the runtime. */
function passing(file: string, runtime: string): Promise<string[]> {
  const tmp = mkdtempSync(join(tmpdir(), "wharf-hollow-"));
  const args = ["--test-reporter", "tap", "--test-concurrency", "1", file];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, WHARF_TEST_RUNTIME: runtime, TMPDIR: tmp },
    stdio: ["ignore", "pipe", "ignore"],
    timeout: LIMIT_MS,
  });
  let out = "";
  child.stdout.on("data", (data) => {
    out += data;
  });
  return new Promise((resolve) =>
    child.on("close", () => {
      rmSync(tmp, { recursive: true, force: true });
      resolve(passedTitles(out));
    }),
  );
}

const chosen = process.argv.slice(2);
const files = chosen.length > 0 ? chosen : globSync(PATTERN, { cwd: ROOT }).sort();
const found: Record<string, string[]> = chosen.length > 0 ? { ...hollowTests() } : {};
for (const file of files) {
  const titles = new Set((await Promise.all(STAND_INS.map((one) => passing(file, one)))).flat());
  delete found[file];
  if (titles.size > 0) found[file] = [...titles].sort();
  process.stdout.write(`${file}: ${titles.size}\n`);
}
writeFileSync(HOLLOW_FILE, `${JSON.stringify(found, null, 2)}\n`);
