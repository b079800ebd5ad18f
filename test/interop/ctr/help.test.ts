// Every command and flag that the original's help names is here, or stands below with its reason.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { buildImage, linuxSources, stripSources } from "../../../tools/lib/images.ts";
import { buildHost } from "../../../tools/lib/native.ts";
import { peer } from "../cli/dockerd.ts";
import { Scratch } from "../cli/program.ts";

const DAEMON_DOES = "the daemon carries it out as a whole";
const NOT_HERE: Readonly<Record<string, string>> = {
  "content fetch --metadata-only": DAEMON_DOES,
  "containers create --gpus": "GPUs are given by CDI: --device nvidia.com/gpu=0",
  "containers create --blockio-config-file": "classes of block I/O are not supported",
  "containers create --blockio-class": "classes of block I/O are not supported",
  "run --gpus": "GPUs are given by CDI: --device nvidia.com/gpu=0",
  "run --blockio-config-file": "classes of block I/O are not supported",
  "run --blockio-class": "classes of block I/O are not supported",
  "content active --root": "it is about the files of a daemon that does not run",
};

interface Help {
  commands: string[][];
  flags: string[];
}

function parse(text: string): Help {
  const help: Help = { commands: [], flags: [] };
  let section = "";
  for (const line of text.split("\n")) {
    section = /^([A-Z][A-Z ]+):\s*$/.exec(line)?.[1] ?? section;
    const command = /^ {3}([a-z][\w-]*(?:, [\w-]+)*)(?:\s|$)/.exec(line)?.[1];
    if (section === "COMMANDS" && command) help.commands.push(command.split(", "));
    // `--pid-file value`, `--quiet, -q`, `--env value [ --env value ]`
    const flag = /^ {3}(-\S.*?)(?: {2,}|$)/.exec(line)?.[1];
    if (section === "OPTIONS" && flag)
      help.flags.push(...[...flag.matchAll(/(?<=^|[ ,[])--?([\w-]+)/g)].map(([, name]) => name!));
  }
  return help;
}

/** The original's help of every command, level by level: entering the peers root takes a while. */
async function original(scratch: Scratch): Promise<Map<string, Help>> {
  const found = new Map<string, Help>();
  for (let level = [""]; level.length > 0; ) {
    const script = level.map((name) => `ctr ${name} --help; printf '\\036'`).join("\n");
    const { stdout } = await peer(scratch, ["sh", "-c", script]);
    const texts = stdout.split("\x1e");
    const next: string[] = [];
    for (const [i, name] of level.entries()) {
      const help = parse(texts[i]!);
      found.set(name, help);
      for (const [first] of help.commands) if (first !== "help") next.push(`${name} ${first}`.trim());
    }
    level = next;
  }
  return found;
}

const scratch = new Scratch();
after(() => scratch[Symbol.dispose]());

test("ours has what the original's help names", async () => {
  const host = await buildHost(() => undefined);
  stripSources(linuxSources());
  const image = buildImage(host, "src/linux/ctr/tree.ts");
  const tree = JSON.parse(execFileSync(host, ["--image", image], { encoding: "utf8" })) as Record<string, string[]>;
  const missing = new Set<string>();
  const isBelow = (name: string) => [...missing].some((one) => name.startsWith(`${one} `));
  for (const [name, { commands, flags }] of await original(scratch)) {
    if (missing.has(name) || isBelow(name)) continue;
    for (const names of commands) {
      for (const one of names) {
        const path = `${name} ${one}`.trim();
        if (one !== "help" && one !== "h" && !(path in tree)) missing.add(path);
      }
    }
    if (name === "") continue;
    for (const flag of flags) {
      if (flag !== "help" && flag !== "h" && !tree[name]!.includes(flag)) missing.add(`${name} --${flag}`);
    }
  }
  assert.deepEqual([...missing].sort(), Object.keys(NOT_HERE).sort());
});
