// Builds programs with one defence taken out each, from a copy of the sources in a scratch folder; the work tree is only read.
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { APPLETS } from "./applets.ts";
import type * as Images from "./images.ts";
import type { Change, Mutant } from "./mutants.ts";
import type * as Native from "./native.ts";
import { BUILD, engineFolder, engineSource, ROOT } from "./native.ts";

const COPIED = ["src", "native", "tools", "package.json"];
/** Of build/: what is the same for all. */
const CACHED = /^(igzip|isal|quickjs|linux$)/;

/** The text with the change made. Throws where what is to be replaced is not there exactly once: the list is behind the sources. */
export function changed(text: string, { file, search, replace }: Change): string {
  const [before, after, ...more] = text.split(search);
  if (after !== undefined && more.length === 0) return `${before}${replace}${after}`;
  throw new Error(`${file}: ${JSON.stringify(search)} is there ${more.length > 0 ? "more than once" : "not at all"}`);
}

/** Builds the programs that a mutant needs into the folder `bin`. */
export type Builder = (mutant: Mutant, bin: string) => Promise<void>;

/** A copy of the tree, and what builds in it. */
export async function copyTree(to: string): Promise<Builder> {
  const copy = (name: string) =>
    cpSync(join(ROOT, name), join(to, name), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  for (const name of COPIED) copy(name);
  for (const name of readdirSync(BUILD)) if (CACHED.test(name)) copy(join("build", name));
  symlinkSync(join(ROOT, "node_modules"), join(to, "node_modules"));
  // the copy's own: they work on the tree they lie in
  const images: typeof Images = await import(join(to, "tools/lib/images.ts"));
  const native: typeof Native = await import(join(to, "tools/lib/native.ts"));
  // compiled once: the copy's has another name, for its headers lie elsewhere
  const { patched } = engineSource(() => {});
  cpSync(engineFolder(patched), native.engineFolder(patched), { recursive: true });
  return async ({ changes, program }, bin) => {
    const originals = new Map<string, string>();
    try {
      for (const change of changes) {
        const file = join(to, change.file);
        const text = readFileSync(file, "utf8");
        if (!originals.has(file)) originals.set(file, text);
        writeFileSync(file, changed(text, change));
      }
      const host = await native.buildHost(() => {});
      images.stripSources(images.linuxSources().filter((file) => !file.endsWith(".test.ts")));
      const applets = [...APPLETS].filter(([name]) => program === "all" || name === "runt");
      const built = applets.map(
        ([name, { entry, guarded }]) => [name, { image: images.buildImage(host, entry), guarded }] as const,
      );
      mkdirSync(bin, { recursive: true });
      images.assemble(host, new Map(built), join(bin, program === "all" ? "wharf" : "runt"));
      if (program !== "all") return;
      for (const [name] of applets) if (name !== "wharf" && name !== "runc") symlinkSync("wharf", join(bin, name));
      // wharfd looks for the daemon beside its folder, and for Node.js two above
      cpSync(join(ROOT, "dist/bin/wharfd"), join(bin, "wharfd"));
      const filter = (file: string) => !file.endsWith(".map");
      cpSync(join(ROOT, "dist/daemon"), join(bin, "../daemon"), { recursive: true, filter });
    } finally {
      for (const [file, text] of originals) writeFileSync(file, text);
    }
  };
}
