// Builds the native host: QuickJS-NG's sources from PyPI, pinned by hash, compiled once, linked with native/host.c.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { patchEngine } from "./engine.ts";
import { buildIgzip } from "./igzip.ts";
import { CC, fetchSdist, run } from "./sdist.ts";

export const ROOT = join(import.meta.dirname, "../..");
export const BUILD = join(ROOT, "build");

const QUICKJS = {
  requirement: "quickjs-ng==0.17.0.2",
  sha256: "43d2e48272208721a7aaea8e3f02d4b9318f12ef20cc4f5421b59d9a470706ef",
  folder: "upstream-quickjs",
};
const ENGINE_FILES = ["quickjs", "libregexp", "libunicode", "dtoa"];
const MULTIARCH = "x86_64-linux-gnu";
/** The kernel's and the libraries' headers, after the C library's own. */
const HEADERS = ["-idirafter", "/usr/include", "-idirafter", `/usr/include/${MULTIARCH}`];
const FLAGS = ["-O2", "-fwrapv", "-D_GNU_SOURCE", "-DNDEBUG", "-fno-pie", "-ffunction-sections", "-w"];
const LIBRARIES = ["seccomp", "zstd", "ssl", "crypto"].map((name) => `/usr/lib/${MULTIARCH}/lib${name}.a`);

export function hashFiles(files: readonly string[], ...extra: string[]): string {
  const hash = createHash("sha256");
  for (const text of extra) hash.update(`${text}\0`);
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  return hash.digest("hex").slice(0, 16);
}

/** libcrypto's look at the processor, without the hook that runs it at every start of the program (native/symbols.h). */
async function quietCpuid(dir: string): Promise<string> {
  const member = "libcrypto-lib-x86_64cpuid.o";
  const quiet = join(dir, "cpuid.o");
  if (existsSync(quiet)) return quiet;
  await run("ar", ["x", "--output", dir, LIBRARIES.at(-1)!, member]);
  await run("objcopy", ["--remove-section=.init", "--remove-section=.rela.init", join(dir, member), `${quiet}.tmp`]);
  renameSync(`${quiet}.tmp`, quiet);
  return quiet;
}

/** A linker script for what native/order.txt says. */
function orderScript(order: string, out: string): void {
  const names = readFileSync(order, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const section = (name: string) =>
    name.includes(":") ? `    *${name}(.text .text.*)\n` : `    *(.text.${name} .text.${name}.*)\n`;
  const sections = names.map(section).join("");
  writeFileSync(out, `SECTIONS\n{\n  .text.first :\n  {\n${sections}  }\n}\nINSERT BEFORE .text;\n`);
}

/** The folder of the engine's compiled objects, by what they are made of. */
export function engineFolder(patched: string): string {
  const memory = ["region.h", "arena.h", "blocks.h"].map((name) => join(ROOT, "native", name));
  return join(BUILD, "engine", hashFiles(memory, QUICKJS.sha256, patched, CC, ...FLAGS));
}

/** The engine's source as it is compiled, and the folder of what it includes. */
export function engineSource(say: (text: string) => void): { patched: string; engine: string } {
  const engine = fetchSdist(QUICKJS, BUILD, say);
  return { engine, patched: patchEngine(join(engine, "quickjs.c")) };
}

/** The path of the linked host without applets; built when its sources have changed. */
export async function buildHost(say: (text: string) => void): Promise<string> {
  const { engine, patched } = engineSource(say);
  const igzip = await buildIgzip(BUILD, say);
  const dir = join(ROOT, "native");
  const objects = engineFolder(patched);
  if (!existsSync(join(objects, "done"))) {
    say("compiling the engine (about a minute, once)");
    mkdirSync(objects, { recursive: true });
    writeFileSync(join(objects, "quickjs.c"), patched);
    const compile = (name: string) => {
      const source = join(name === "quickjs" ? objects : engine, `${name}.c`);
      return run(CC, [...FLAGS, "-I", engine, "-I", dir, "-c", source, "-o", join(objects, `${name}.o`)]);
    };
    await Promise.all(ENGINE_FILES.map(compile));
    writeFileSync(join(objects, "done"), "");
  }
  const own = readdirSync(dir)
    .filter((name) => /\.[ch]$|^order\.txt$/.test(name))
    .sort();
  const sources = own.filter((name) => name.endsWith(".c")).map((name) => join(dir, name));
  const key = hashFiles(
    own.map((name) => join(dir, name)),
    objects,
    igzip.key,
    ...LIBRARIES,
  );
  const host = join(BUILD, "host", key);
  if (!existsSync(host)) {
    say("linking the native host");
    mkdirSync(join(BUILD, "host"), { recursive: true });
    const tmp = `${host}.${process.pid}.tmp`;
    const warnings = ["-Wall", "-Wno-unused", "-Wno-deprecated-declarations"];
    const order = `${tmp}.ld`;
    orderScript(join(dir, "order.txt"), order);
    const plain = ["-fno-builtin", "-fno-tree-loop-distribute-patterns"]; // memory.c must not call itself
    const link = [
      "-O2",
      ...plain,
      "-ffunction-sections",
      `-Wl,-T,${order}`,
      "-static",
      "-no-pie",
      "-fno-pie",
      ...warnings,
      "-I",
      engine,
      "-I",
      igzip.include,
      ...HEADERS,
    ];
    await run(CC, [
      ...link,
      ...sources,
      ...ENGINE_FILES.map((name) => join(objects, `${name}.o`)),
      ...igzip.objects,
      await quietCpuid(objects),
      "-o",
      tmp,
      ...LIBRARIES,
    ]);
    rmSync(order);
    execFileSync("strip", [tmp]);
    renameSync(tmp, host);
  }
  return host;
}
