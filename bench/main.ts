// Measures Wharf side by side with today's container programs and writes the README's table.
//   npm run bench [-- OPTION…] [NAME…]     NAME: a benchmark or the beginning of its name; all without
//   --list          says what there is      --no-readme    leaves the README alone
//   --rounds N      timed runs (25)         --slow-rounds N  of what takes seconds (3)    --containers N   for memory (100)
//   --crowd N        containers that run while a runtime is measured among others (1000)
// Everything runs inside the peers root (tools/peers), in a network namespace of its own: this program starts itself there.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { removeFolder } from "../test/support/leaks.ts";
import { mountTable } from "../test/support/machine.ts";
import { newRunMark } from "../test/support/run.ts";
import { buildImage, linuxSources, stripSources } from "../tools/lib/images.ts";
import { BUILD, buildHost, ROOT } from "../tools/lib/native.ts";
import { API } from "./benchmarks/api.ts";
import { CROWD } from "./benchmarks/crowd.ts";
import { GRPC } from "./benchmarks/grpc.ts";
import { LOGS } from "./benchmarks/logs.ts";
import { MANY } from "./benchmarks/many.ts";
import { MEMORY } from "./benchmarks/memory.ts";
import { PULL } from "./benchmarks/pull.ts";
import { PUSH } from "./benchmarks/push.ts";
import { RUN } from "./benchmarks/run.ts";
import { RUNTIME } from "./benchmarks/runtime.ts";
import { STORE } from "./benchmarks/store.ts";
import { type Benchmark, Context, command, type MeasuredRow, type Settings, which } from "./context.ts";
import { fetchLibrary } from "./grpc-library.ts";
import { makeEmptyDisk } from "./images.ts";
import { Stopwatch } from "./stopwatch.ts";
import { markdown, merge, plain, type Results, replaceTable } from "./table.ts";

const ALL: Benchmark[] = [
  ...RUNTIME,
  ...CROWD,
  ...RUN,
  ...API,
  ...MANY,
  ...LOGS,
  ...PULL,
  ...PUSH,
  ...GRPC,
  ...STORE,
  ...MEMORY,
];
const RESULTS = join(BUILD, "bench/results.json");

const OPTIONS = {
  list: { type: "boolean" },
  "no-readme": { type: "boolean" },
  rounds: { type: "string", default: "25" },
  "slow-rounds": { type: "string", default: "3" },
  containers: { type: "string", default: "100" },
  crowd: { type: "string", default: "1000" },
  /** Ours: the folder of a run that has been prepared outside. */
  inside: { type: "string" },
} as const;

interface Inside {
  settings: Settings;
  host: string;
  image: string;
  names: string[];
}

async function versions(): Promise<string> {
  const first = async (program: string, ...args: string[]) => (await command(which(program), ...args)).split("\n")[0]!;
  const number = (text: string) => /\d+(\.\d+)+/.exec(text)?.[0] ?? text;
  const asked = ["crun", "runc", "containerd", "docker", "podman"].map(
    async (program) => `${program} ${number(await first(program, "--version"))}`,
  );
  return (await Promise.all(asked)).join(", ");
}

/** Empty control groups that this run's containers were in. Their names are the mark. */
function removeGroups(mark: string): void {
  const remove = (dir: string) => {
    for (const entry of readdirSync(dir, { withFileTypes: true }))
      if (entry.isDirectory()) remove(join(dir, entry.name));
    rmdirSync(dir);
  };
  for (const { type, point } of mountTable())
    if (type.startsWith("cgroup") && existsSync(join(point, mark))) remove(join(point, mark));
}

async function inside(dir: string): Promise<number> {
  const { settings, host, image, names } = JSON.parse(readFileSync(join(dir, "inside.json"), "utf8")) as Inside;
  mkdirSync(settings.run, { recursive: true });
  await using context = new Context(settings, new Stopwatch(host, image, settings.run));
  const rows: MeasuredRow[] = [];
  for (const benchmark of ALL.filter(({ name }) => names.includes(name))) {
    context.say(`${benchmark.name}: ${benchmark.about}`);
    try {
      for (const row of await benchmark.run(context)) rows.push({ ...row, benchmark: benchmark.name });
    } catch (error) {
      // a benchmark that could not even begin: the others go on
      context.say(`${benchmark.name} failed: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
    }
  }
  writeFileSync(join(dir, "rows.json"), JSON.stringify({ rows, versions: await versions() }));
  return Number(process.exitCode ?? 0);
}

function choose(names: string[]): string[] {
  for (const name of names)
    if (!ALL.some((benchmark) => benchmark.name.startsWith(name)))
      throw new Error(`no benchmark "${name}"; there are: ${ALL.map((benchmark) => benchmark.name).join(", ")}`);
  const whole = (wanted: string) => ALL.some(({ name }) => name === wanted);
  const meant = (name: string, wanted: string) => (whole(wanted) ? name === wanted : name.startsWith(wanted));
  const chosen = ALL.filter(({ name }) => names.length === 0 || names.some((wanted) => meant(name, wanted)));
  return chosen.map(({ name }) => name);
}

/** Keeps the rows, and shows all there are. */
function publish(measured: { rows: MeasuredRow[]; versions: string }, readme: boolean): void {
  const old = existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, "utf8")) as Results).rows : [];
  const order = ALL.map(({ name }) => name);
  const rows = merge(old, measured.rows, order);
  const machine = `${cpus().length} × ${cpus()[0]!.model.trim()}, Linux ${release()}`;
  const results: Results = { date: new Date().toISOString().slice(0, 10), machine, versions: measured.versions, rows };
  writeFileSync(RESULTS, JSON.stringify(results, undefined, 2));
  process.stdout.write(plain(measured.rows));
  if (!readme) return;
  const file = join(ROOT, "README.md");
  writeFileSync(file, replaceTable(readFileSync(file, "utf8"), markdown(results)));
}

async function outside(): Promise<number> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (values.list) {
    for (const { name, about } of ALL) process.stdout.write(`${name.padEnd(12)} ${about}\n`);
    return 0;
  }
  const names = choose(positionals);
  const host = await buildHost((text) => process.stderr.write(`wharf: ${text}\n`));
  stripSources(linuxSources());
  const image = buildImage(host, "src/linux/bench/main.ts");
  const cache = join(BUILD, "bench/images");
  mkdirSync(cache, { recursive: true });
  makeEmptyDisk(cache);
  if (names.includes("grpc")) fetchLibrary();
  const mark = newRunMark();
  const work = mkdtempSync(join(BUILD, `bench/${mark}-`));
  const settings: Settings = {
    ...{ root: ROOT, work, cache, run: `/run/${mark}`, mark },
    rounds: Number(values.rounds),
    slowRounds: Number(values["slow-rounds"]),
    containers: Number(values.containers),
    crowd: Number(values.crowd),
  };
  writeFileSync(join(work, "inside.json"), JSON.stringify({ settings, host, image, names } satisfies Inside));
  try {
    const again = [join(ROOT, "tools/node"), join(ROOT, "bench/main.ts"), "--inside", work];
    const peers = ["enter", "--net", "--bind", ROOT, ...again];
    const { status } = spawnSync(join(ROOT, "tools/peers"), peers, { stdio: ["ignore", "inherit", "inherit"] });
    const found = join(work, "rows.json");
    if (!existsSync(found)) throw new Error(`the benchmarks ended with ${status}`);
    publish(JSON.parse(readFileSync(found, "utf8")), !values["no-readme"]);
    return status ?? 1;
  } finally {
    removeGroups(mark);
    removeFolder(work);
    rmSync(`${work}.log`, { force: true });
  }
}

const at = process.argv.indexOf("--inside");
process.exitCode = at < 0 ? await outside() : await inside(process.argv[at + 1]!);
