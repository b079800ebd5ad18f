import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ELSEWHERE } from "../src/common/cli/elsewhere.ts";
import { PAGE, page } from "./docker-coverage.ts";
import { DOCKER_CLI } from "./lib/docker-cli.ts";
import { dockerCliLedger, flagNames, GLOBAL_FLAGS, rows } from "./lib/docker-cli-ledger.ts";
import { assertComplete } from "./lib/evidence.ts";
import { buildImage, linuxSources, stripSources } from "./lib/images.ts";
import { buildHost } from "./lib/native.ts";

interface Declared {
  readonly flags: readonly { name: string; short?: string; takesValue: boolean; refused: boolean }[];
}

/** Our own commands by their words, as the program declares them. */
async function ours(): Promise<Record<string, Declared>> {
  const host = await buildHost(() => undefined);
  stripSources(linuxSources());
  const image = buildImage(host, "src/linux/cli/tree.ts");
  return JSON.parse(execFileSync(host, ["--image", image], { encoding: "utf8" })) as Record<string, Declared>;
}

test("every command and flag of docker's has a test or a reason, and no row is left over", () => {
  assert.ok(rows().length > 300, "docker's flags are there");
  assertComplete(rows(), dockerCliLedger());
});

test("ours has each of them, with the same letter; those with a reason are refused", async () => {
  const tree = await ours();
  const ledger = dockerCliLedger();
  const commands = { ...DOCKER_CLI, "": { also: [], flags: GLOBAL_FLAGS } };
  for (const [name, { also, flags }] of Object.entries(commands)) {
    if (name in ledger && "reason" in ledger[name]!) {
      assert.ok(ELSEWHERE[name], `${name} is refused in words`);
      continue;
    }
    for (const word of [name, ...also]) {
      assert.ok(tree[word], word);
      const own = new Map(tree[word]!.flags.map((flag) => [flag.name, flag]));
      for (const { long, short, takesValue } of flagNames(flags)) {
        const flag = own.get(long);
        assert.ok(flag, `${word} --${long}`);
        assert.deepEqual([flag.short, flag.takesValue], [short, takesValue], `${word} --${long}`);
        const evidence =
          ledger[`${name === "run" ? "create" : name || "docker"} --${long}`] ?? ledger[`${name} --${long}`];
        assert.equal(flag.refused, evidence !== undefined && "reason" in evidence, `${word} --${long} is refused`);
      }
    }
  }
});

test("the page is up to date", () => {
  assert.equal(readFileSync(PAGE, "utf8"), page(), "run tools/node tools/docker-coverage.ts");
});
