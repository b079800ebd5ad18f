// Go templates: the real docker CLI and ours print the same of the same object, errors included. What docker prints is kept in
// src/common/template/golden.json for the unit tests; WHARF_UPDATE_GOLDEN=1 writes it anew.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT } from "../../../tools/lib/native.ts";
import { peer } from "./dockerd.ts";
import { execute, Scratch, wharfProgram } from "./program.ts";

const DATA = join(ROOT, "test/interop/cli/data");
const GOLDEN = join(ROOT, "src/common/template/golden.json");

const scratch = new Scratch();
const templates = JSON.parse(readFileSync(join(DATA, "templates.json"), "utf8")) as string[];
const container = readFileSync(join(DATA, "container.json"), "utf8");
const server = createServer((request, response) => {
  response.setHeader("Api-Version", "1.51");
  if (request.url!.endsWith("/_ping")) return response.end("OK");
  response.setHeader("Content-Type", "application/json");
  return response.end(container);
});
const socket = scratch.path("mock.sock");

before(() => new Promise<void>((resolve) => server.listen(socket, resolve)));
after(() => {
  server.closeAllConnections();
  server.close();
  scratch[Symbol.dispose]();
});

const SEPARATOR = "\x1e";

/** Runs docker once for all templates: entering the peers root takes a while. */
async function dockerSays(): Promise<string[]> {
  const list = scratch.path("list");
  writeFileSync(list, templates.map((text) => `${text}\0`).join(""));
  const script = `while IFS= read -r -d '' t; do docker -H unix://${socket} inspect -f "$t" x 2>&1; printf '${SEPARATOR}'; done < ${list}`;
  const { stdout } = await peer(scratch, ["bash", "-c", script]);
  // An error of docker stands after an empty line.
  return stdout
    .split(SEPARATOR)
    .slice(0, -1)
    .map((text) => text.replace(/^\n(?=template )/, ""));
}

test("docker and wharf print the same", async () => {
  const wharf = await wharfProgram(scratch);
  const theirs = await dockerSays();
  assert.equal(theirs.length, templates.length);
  if (process.env.WHARF_UPDATE_GOLDEN === "1") {
    const cases = templates.map((template, i) => ({ template, output: theirs[i]!.replace(/\n$/, "") }));
    writeFileSync(GOLDEN, `${JSON.stringify({ data: JSON.parse(container), cases }, undefined, 1)}\n`);
  }
  for (const [i, template] of templates.entries()) {
    const { stdout, stderr } = await execute([wharf, "-H", `unix://${socket}`, "inspect", "-f", template, "x"]);
    const ours = stdout + stderr.replace(/^wharf: /, "").replace(/^hint: .*\n/m, "");
    assert.equal(ours, theirs[i], template);
  }
});
