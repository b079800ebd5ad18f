// The list of docker's commands and flags, against what the real program's help says.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { DOCKER_CLI } from "../../../tools/lib/docker-cli.ts";
import { flagNames, GLOBAL_FLAGS } from "../../../tools/lib/docker-cli-ledger.ts";
import { peer } from "./dockerd.ts";
import { Scratch } from "./program.ts";

const scratch = new Scratch();
after(() => scratch[Symbol.dispose]());

/** The flags of a help text, sorted: `--name`, with `=` when a value follows, after its letter. */
function flagsOf(help: string): string[] {
  const found = help.matchAll(/^ +(?:-(\w), )?--([\w-]+)(?: (\S+))?(?: {2}|\n|$)/gm);
  return [...found]
    .filter(([, , long]) => long !== "help")
    .map(([, short, long, type]) => `${short ? `-${short} ` : ""}--${long}${type ? "=" : ""}`)
    .sort();
}

test("docker's help names these flags", async () => {
  const names = ["", ...Object.keys(DOCKER_CLI)];
  const script = names.map((name) => `docker ${name} --help; printf '\\036'`).join("\n");
  const { stdout } = await peer(scratch, ["sh", "-c", script], {
    timeoutMs: 120_000,
    // Its plugins make folders at home.
    env: { HOME: scratch.dir },
  });
  const texts = stdout.split("\x1e");
  for (const [i, name] of names.entries()) {
    const flags = flagNames(name === "" ? GLOBAL_FLAGS : DOCKER_CLI[name]!.flags);
    const expected = flags.map(
      ({ short, long, takesValue }) => `${short ? `-${short} ` : ""}--${long}${takesValue ? "=" : ""}`,
    );
    assert.deepEqual(flagsOf(texts[i]!), expected.sort(), name);
  }
});
