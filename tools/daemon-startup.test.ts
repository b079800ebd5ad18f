// What the daemon loads when it starts: what it seldom needs costs every daemon memory and time.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { importsOf } from "./lib/imports.ts";

const ROOT = join(import.meta.dirname, "..");

/** Files that are loaded with `entry`, and parts of Node; each with the file that imports it. `import()` is for later. */
function loaded(entry: string): Map<string, string> {
  const found = new Map([[entry, "nobody"]]);
  for (const file of found.keys()) {
    if (file.startsWith("node:")) continue;
    const text = readFileSync(join(ROOT, file), "utf8").replace(/\bimport\(/g, "later(");
    for (const { specifier, file: target, typeOnly } of importsOf(file, text)) {
      const name = target ?? specifier;
      if (!typeOnly && !name.endsWith(".worker.ts") && !found.has(name)) found.set(name, file);
    }
  }
  return found;
}

test("what speaks to registries, gRPC, TLS and compressed streams is not loaded at the start", () => {
  const found = loaded("src/daemon/serve.ts");
  assert.ok(found.has("src/daemon/docker/api.ts"));
  const late = (name: string) =>
    /^node:(https?|http2|tls|zlib|stream\/web)$/.test(name) ||
    /^src\/daemon\/(registry\/(client|http|host|auth)|transfer\/(pull|push|fetch)|grpc\/(http2|services))\.ts$/.test(
      name,
    );
  const bad = [...found].filter(([name]) => late(name)).map(([name, by]) => `${name}, imported by ${by}`);
  assert.deepEqual(bad, []);
});
