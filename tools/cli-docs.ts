// Writes docs/cli/: a page a command, from the declarations the program itself uses. `tools/node tools/cli-docs.ts`
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildImage, linuxSources, stripSources } from "./lib/images.ts";
import { buildHost, ROOT } from "./lib/native.ts";

export const DOCS = join(ROOT, "docs/cli");

/** File name and text of every page. */
export async function pages(): Promise<Map<string, string>> {
  const host = await buildHost((text) => process.stderr.write(`wharf: ${text}\n`));
  stripSources(linuxSources());
  const image = buildImage(host, "src/linux/cli/docs.ts");
  const json = execFileSync(host, ["--image", image], { encoding: "utf8", maxBuffer: 16 << 20 });
  return new Map(JSON.parse(json) as [string, string][]);
}

if (import.meta.main) {
  mkdirSync(DOCS, { recursive: true });
  const current = await pages();
  for (const file of readdirSync(DOCS)) if (file.endsWith(".md") && !current.has(file)) rmSync(join(DOCS, file));
  for (const [file, text] of current) writeFileSync(join(DOCS, file), text);
}
