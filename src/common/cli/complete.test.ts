import assert from "node:assert/strict";
import { test } from "node:test";
import { ANY, type Command, type Group } from "./command.ts";
import { complete, splitLine } from "./complete.ts";
import { bool, type Flags, list, string } from "./flags.ts";

const base = { summary: "S", usage: "", section: "", examples: [], run: () => 0 };
const RUN: Command<null, Flags> = {
  ...base,
  ...{ name: "run", args: { min: 1, max: ANY }, interspersed: false, completes: "images" },
  flags: {
    tty: bool("terminal", { short: "t" }),
    env: list("e", { short: "e" }),
    network: string("n", { completes: "networks" }),
    pull: string("p", { choices: ["always", "never"] }),
    old: bool("o", { hidden: true }),
  },
};
const CONNECT: Command<null, Flags> = {
  ...base,
  ...{ name: "connect", args: { min: 2, max: 2 }, completes: ["networks", "containers"], flags: {} },
};
const RM: Command<null, Flags> = {
  ...base,
  ...{ name: "rm", args: { min: 1, max: ANY }, completes: "containers", flags: {} },
};
const NETWORK: Group<null> = {
  ...{ name: "network", summary: "networks", section: "", commands: new Map([["connect", CONNECT]]) },
};
const ROOT = new Map<string, Command<null, Flags> | Group<null>>([
  ["run", RUN],
  ["rm", RM],
  ["network", NETWORK],
]);
const GLOBALS = {
  host: string("h", { short: "H" }),
  context: string("c", { completes: "contexts" }),
  debug: bool("d"),
};

function at(line: string) {
  const words = splitLine(line).slice(1);
  const { words: found, names, prefix, but } = complete(ROOT, GLOBALS, words.slice(0, -1), words.at(-1)!);
  return [found.map(({ word }) => word).join(" "), names, ...(prefix ? [prefix] : []), ...(but?.length ? [but] : [])];
}

test("complete() knows where in the line the word stands", () => {
  const rows: [string, unknown[]][] = [
    ["w ", ["run rm network", undefined]],
    ["w help ", ["run rm network", undefined]],
    ["w network ", ["connect", undefined]],
    ["w nothing ", ["", undefined]],
    ["w --", ["--host --context --debug --help", undefined]],
    ["w -H x network ", ["connect", undefined]],
    ["w --context ", ["", "contexts"]],
    ["w --debug --context=x rm ", ["", "containers"]],
    ["w rm a b ", ["", "containers", ["a", "b"]]],
    ["w network connect ", ["", "networks"]],
    ["w network connect n ", ["", "containers", ["n"]]],
    ["w network connect n c ", ["", undefined]],
    ["w run ", ["", "images"]],
    ["w run -", ["--tty --env --network --pull --help", undefined]],
    ["w run -te ", ["", "files"]],
    ["w run -eX -t ", ["", "images"]],
    ["w run -e A=b:c --pull ", ["always never", undefined]],
    ["w run --pull=", ["--pull=always --pull=never", undefined]],
    ["w run --network=b", ["", "networks", "--network="]],
    ["w run --nothing=", ["", undefined]],
    ["w run busybox -", ["", "files"]],
    ["w run -- -", ["", "images"]],
  ];
  for (const [line, expected] of rows) assert.deepEqual(at(line), expected, line);
});

test("splitLine() takes quotes and backslashes away; the word that is typed may be empty", () => {
  assert.deepEqual(splitLine('w run -e \'a b\'  "c\\" d" e\\ f g'), ["w", "run", "-e", "a b", 'c" d', "e f", "g"]);
  assert.deepEqual(splitLine("w '' "), ["w", "", ""]);
  assert.deepEqual(splitLine("w 'not closed"), ["w", "not closed"]);
});
