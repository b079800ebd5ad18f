// Runs one linux-world module in the native host: `tools/node tools/linux-run.ts FILE [ARG…]`. A test file exports no main; it gets one.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { buildImage, linuxSources, stripSources } from "./lib/images.ts";
import { BUILD, buildHost, ROOT } from "./lib/native.ts";

const [file, ...args] = process.argv.slice(2);
if (!file) {
  process.stderr.write("usage: linux-run.ts FILE [ARG…]\n");
  process.exit(2);
}
const host = await buildHost((text) => process.stderr.write(`wharf: ${text}\n`));
stripSources(linuxSources());
let entry = relative(ROOT, file);
if (entry.endsWith(".test.ts")) {
  const wrapper = join(dirname(entry), `.${basename(entry, ".test.ts")}.run.ts`);
  const up = relative(dirname(entry), "src/linux/testing.ts");
  const text = `import "./${basename(entry)}";\nexport { main } from "${up.startsWith(".") ? up : `./${up}`}";\n`;
  const path = join(BUILD, "linux", wrapper);
  let old = "";
  try {
    old = readFileSync(path, "utf8");
  } catch {}
  if (old !== text) writeFileSync(path, text);
  entry = wrapper;
}
const image = buildImage(host, entry);
const { status, signal } = spawnSync(host, ["--image", image, ...args], { stdio: "inherit" });
if (signal) process.stderr.write(`ended by ${signal}\n`);
process.exit(status ?? 1);
