// What runt writes and prints, looked at by the runtime specification's own JSON schemas, as Debian packages them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Spec } from "../../../src/common/oci/runtime.ts";
import { Bundle, ROOT } from "../../kernel/runt/bundle.ts";
import { until } from "../../support/until.ts";

/** What the schema has against each of the documents. */
function faults(box: Bundle, schema: "config" | "features" | "state", documents: readonly unknown[]): string[][] {
  const files = documents.map((_, i) => join(box.dir, `document.${i}.json`));
  for (const [i, file] of files.entries()) writeFileSync(file, JSON.stringify(documents[i]));
  const validate = ["python3", join(import.meta.dirname, "validate.py"), `${schema}-schema.json`, ...files];
  const args = ["enter", "--bind", box.dir, "--bind", ROOT, ...validate];
  const lines = execFileSync(join(ROOT, "tools/peers"), args, { encoding: "utf8" }).trim().split("\n");
  assert.equal(lines.length, documents.length);
  return lines.map((line) => JSON.parse(line) as string[]);
}

/** A config.json as `runt spec` writes it. */
function written(box: Bundle, ...flags: string[]): Spec {
  rmSync(join(box.dir, "config.json"));
  box.ok("spec", "--bundle", box.dir, ...flags);
  return JSON.parse(readFileSync(join(box.dir, "config.json"), "utf8")) as Spec;
}

test("spec: what it writes, as root and rootless, fits config-schema.json", () => {
  using box = new Bundle();
  const specs = [written(box), written(box, "--rootless")];
  assert.deepEqual(faults(box, "config", specs), [[], []]);
});

test("features: what it prints fits features-schema.json", () => {
  using box = new Bundle();
  assert.deepEqual(faults(box, "features", [JSON.parse(box.runt("features").out)]), [[]]);
});

test("state: what it prints, created, running and stopped, fits state-schema.json", async () => {
  using box = new Bundle((spec) => {
    spec.process!.args = ["sleep", "1000"];
    spec.annotations = { "org.example.key": "value" };
  });
  const state = () => JSON.parse(box.runt("state", box.id).out) as { status: string };
  box.ok("create", box.id);
  const states = [state()];
  box.ok("start", box.id);
  states.push(state());
  box.ok("kill", box.id, "KILL");
  await until("the end of its process", () => box.status() === "stopped");
  states.push(state());
  assert.deepEqual(
    states.map(({ status }) => status),
    ["created", "running", "stopped"],
  );
  assert.deepEqual(faults(box, "state", states), [[], [], []]);
});

test("the schemas refuse what does not fit", () => {
  using box = new Bundle();
  const spec = written(box);
  const { ociVersion: _, ...nameless } = spec;
  const wrong = { ...spec, mounts: [{ destination: 7 }], linux: { ...spec.linux, namespaces: [{ type: "planet" }] } };
  const [first, second] = faults(box, "config", [nameless, wrong]);
  assert.match(first!.join("\n"), /'ociVersion' is a required property/);
  assert.match(second!.join("\n"), /^mounts\/0\/destination: 7 is not of type 'string'$/m);
  assert.match(second!.join("\n"), /^linux\/namespaces\/0: .*'planet'/m);
  assert.match(faults(box, "features", [{}])[0]!.join("\n"), /'ociVersionMin' is a required property/);
  assert.match(faults(box, "state", [{}])[0]!.join("\n"), /'bundle' is a required property/);
});
