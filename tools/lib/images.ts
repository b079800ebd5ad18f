// Linux-world TypeScript into memory images: types stripped in place, evaluated once by the host, heap written to a file.
import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { BUILD, hashFiles, ROOT } from "./native.ts";

export const STRIPPED = join(BUILD, "linux");

/** The linux and common worlds' sources, relative to the root. */
export function linuxSources(): string[] {
  return globSync(["src/linux/**/*.ts", "src/common/**/*.ts"], { cwd: ROOT })
    .filter((file) => !file.endsWith(".d.ts"))
    .sort();
}

/** Brings build/linux up to date: every line stays where it is, so stack traces name TypeScript lines. */
export function stripSources(files: readonly string[]): void {
  for (const file of files) {
    const from = join(ROOT, file);
    const to = join(STRIPPED, file);
    const { mtimeMs } = statSync(from);
    if ((statSync(to, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= mtimeMs) continue;
    mkdirSync(dirname(to), { recursive: true });
    const text = stripTypeScriptTypes(readFileSync(from, "utf8"), { mode: "strip" });
    writeFileSync(`${to}.${process.pid}`, text);
    renameSync(`${to}.${process.pid}`, to);
  }
}

/** Every file that `entry` reaches by imports, relative to the root, sorted. */
function closure(entry: string): string[] {
  const seen = new Set<string>();
  const visit = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(join(STRIPPED, file), "utf8");
    for (const match of text.matchAll(/(?:^|\n|;)\s*(?:import|export)[^;"'`]*?["'](\.[^"']+)["']/g)) {
      visit(join(dirname(file), match[1]!));
    }
  };
  visit(entry);
  return [...seen].sort();
}

/** What the memory image of one entry module depends on. */
export function imageKey(host: string, entry: string): string {
  return hashFiles(
    closure(entry).map((file) => join(STRIPPED, file)),
    host,
    entry,
  );
}

/** Builds the memory image of one entry module (which exports `main`) and returns its path; cached by content. */
export function buildImage(host: string, entry: string): string {
  const key = imageKey(host, entry);
  const image = join(BUILD, "images", `${entry.replaceAll("/", "-")}-${key}.img`);
  if (!statSync(image, { throwIfNoEntry: false })) {
    mkdirSync(dirname(image), { recursive: true });
    const tmp = `${image}.${process.pid}`;
    execFileSync(host, ["--snapshot", entry, tmp], { cwd: STRIPPED, stdio: ["ignore", "inherit", "inherit"] });
    renameSync(tmp, image);
  }
  return image;
}

const MAGIC = Buffer.from("WHARF-APPLETS-1\0");
const PAGE = 4096;
/** Bytes of a text in the applet table. */
const FIELD = 40;
/** Where an image says how many of its pages, from the first, a run writes to (struct arena_root in native/region.h). */
const WRITTEN = 40;

export interface Applet {
  /** Its image's file. */
  image: string;
  /** Arguments with which it protects its own file first (native/self.h): words with spaces between, or "*" for all. */
  guarded: string;
}

/** The host with its applets' images appended and its table filled in; layout as in native/host.c. */
export function assemble(host: string, applets: ReadonlyMap<string, Applet>, out: string): void {
  const program = readFileSync(host);
  const table = program.indexOf(MAGIC);
  if (table < 0) throw new Error("the host has no applet table");
  const parts = [program];
  /** A second name for an applet shares its image. */
  const placed = new Map<string, { at: number; length: number; written: bigint }>();
  let offset = program.length;
  let at = table + MAGIC.length;
  for (const [name, applet] of applets) {
    const known = placed.get(applet.image);
    const padding = known ? 0 : (PAGE - (offset % PAGE)) % PAGE;
    const image = known ? Buffer.alloc(0) : readFileSync(applet.image);
    const place = known ?? { at: offset + padding, length: image.length, written: image.readBigUInt64LE(WRITTEN) };
    placed.set(applet.image, place);
    const words = applet.guarded === "" || applet.guarded === "*" ? applet.guarded : ` ${applet.guarded} `;
    if (name.length >= FIELD || words.length >= FIELD) throw new Error(`applet ${name}: too long for the table`);
    parts.push(Buffer.alloc(padding), image);
    program.fill(0, at, at + 2 * FIELD);
    program.write(name, at, "ascii");
    program.write(words, at + FIELD, "ascii");
    program.writeBigUInt64LE(BigInt(place.at), at + 2 * FIELD);
    program.writeBigUInt64LE(BigInt(place.length), at + 2 * FIELD + 8);
    program.writeBigUInt64LE(place.written, at + 2 * FIELD + 16);
    at += 2 * FIELD + 24;
    offset += padding + image.length;
  }
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(`${out}.tmp`, Buffer.concat(parts), { mode: 0o755 });
  renameSync(`${out}.tmp`, out);
}
