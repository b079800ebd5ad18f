// Builds the native host: QuickJS-NG's sources from PyPI, pinned by hash, compiled once, linked with native/host.c.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");
export const BUILD = join(ROOT, "build");

const QUICKJS = "quickjs-ng==0.17.0.2";
const QUICKJS_SHA256 = "43d2e48272208721a7aaea8e3f02d4b9318f12ef20cc4f5421b59d9a470706ef";
const ENGINE_FILES = ["quickjs", "libregexp", "libunicode", "dtoa"];
const FLAGS = ["-O2", "-fwrapv", "-D_GNU_SOURCE", "-DNDEBUG", "-fno-pie", "-w"];
const LIBRARIES = ["-lseccomp", "-lzstd", "-lcrypto", "-lm"];

export function hashFiles(files: readonly string[], ...extra: string[]): string {
  const hash = createHash("sha256");
  for (const text of extra) hash.update(`${text}\0`);
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  return hash.digest("hex").slice(0, 16);
}

function run(command: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (text) => {
      errors += text;
    });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`${command} ${args.join(" ")} failed:\n${errors}`))));
  });
}

/** The engine's source folder; downloaded at the first call. */
function fetchEngine(say: (text: string) => void): string {
  const dir = join(BUILD, `quickjs-${QUICKJS_SHA256.slice(0, 12)}`);
  const sources = join(dir, "upstream-quickjs");
  if (existsSync(join(sources, "quickjs.c"))) return sources;
  say("downloading the QuickJS-NG sources");
  const tmp = `${dir}.tmp`;
  rmSync(tmp, { recursive: true, force: true });
  mkdirSync(tmp, { recursive: true });
  writeFileSync(join(tmp, "requirements.txt"), `${QUICKJS} --hash=sha256:${QUICKJS_SHA256}\n`);
  const args = ["-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-r", join(tmp, "requirements.txt"), "-d", tmp];
  execFileSync("python3", args, { stdio: ["ignore", "ignore", "inherit"] });
  const archive = readdirSync(tmp).find((name) => name.endsWith(".tar.gz"));
  if (!archive) throw new Error("pip downloaded no source archive of quickjs-ng");
  execFileSync("tar", ["-xzf", join(tmp, archive), "-C", tmp, "--strip-components=1"]);
  rmSync(dir, { recursive: true, force: true });
  renameSync(tmp, dir);
  return sources;
}

/** The path of the linked host without applets; built when its sources have changed. */
export async function buildHost(say: (text: string) => void): Promise<string> {
  const engine = fetchEngine(say);
  const objects = join(BUILD, "engine", hashFiles([], QUICKJS_SHA256, ...FLAGS));
  if (!existsSync(join(objects, "done"))) {
    say("compiling the engine (about a minute, once)");
    mkdirSync(objects, { recursive: true });
    const compile = (name: string) => run("cc", [...FLAGS, "-c", join(engine, `${name}.c`), "-o", join(objects, `${name}.o`)]);
    await Promise.all(ENGINE_FILES.map(compile));
    writeFileSync(join(objects, "done"), "");
  }
  const dir = join(ROOT, "native");
  const own = readdirSync(dir).filter((name) => /\.[ch]$/.test(name)).sort();
  const sources = own.filter((name) => name.endsWith(".c")).map((name) => join(dir, name));
  const key = hashFiles(own.map((name) => join(dir, name)), objects, ...LIBRARIES);
  const host = join(BUILD, "host", key);
  if (!existsSync(host)) {
    say("linking the native host");
    mkdirSync(join(BUILD, "host"), { recursive: true });
    const warnings = ["-Wall", "-Wno-unused", "-Wno-deprecated-declarations"];
    const link = ["-O2", "-static", "-no-pie", "-fno-pie", ...warnings, "-I", engine, ...sources];
    await run("cc", [...link, ...ENGINE_FILES.map((name) => join(objects, `${name}.o`)), "-o", `${host}.tmp`, ...LIBRARIES]);
    execFileSync("strip", [`${host}.tmp`]);
    renameSync(`${host}.tmp`, host);
  }
  return host;
}
