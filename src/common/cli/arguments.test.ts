import assert from "node:assert/strict";
import { test } from "node:test";
import { hintOf } from "../errors.ts";
import { HelpWanted, parseCommand, parseFlags } from "./arguments.ts";
import type { Command } from "./command.ts";
import { bool, bytes, duration, int, list, map, maybeInt, parseInteger, string } from "./flags.ts";

const FLAGS = {
  interactive: bool("", { short: "i" }),
  tty: bool("", { short: "t" }),
  proxy: bool("", { initial: true }),
  env: list("", { short: "e" }),
  publish: list("", { short: "p" }),
  name: string(""),
  pull: string("", { choices: ["always", "missing"], initial: "missing" }),
  memory: bytes("", { short: "m" }),
  wait: duration(""),
  cpus: int("", { min: 0, max: 4 }),
  last: maybeInt("", { short: "n" }),
  sysctl: map(""),
  time: maybeInt("", { hidden: true, same: "last" }),
} as const;

const parse = (...argv: string[]) => parseFlags(FLAGS, argv);

test("parseFlags() reads docker's forms", () => {
  const { flags, args, given } = parse(
    "-it",
    "-eA=1",
    "-e",
    "B=2",
    "-e=C=3",
    "--name=x",
    "--name",
    "y",
    "img",
    "-m64m",
  );
  assert.equal(flags.interactive && flags.tty, true);
  assert.deepEqual(flags.env, ["A=1", "B=2", "C=3"]);
  assert.equal(flags.name, "y");
  assert.equal(flags.memory, 64 * 2 ** 20);
  assert.deepEqual(args, ["img"]);
  assert.deepEqual([...given].sort(), ["env", "interactive", "memory", "name", "tty"]);
});

test("parseFlags() gives the initial values of what is not given, each call its own", () => {
  const first = parse("-e", "A=1").flags;
  const second = parse().flags;
  assert.deepEqual([first.env.length, second.env.length], [1, 0]);
  assert.equal(second.pull, "missing");
  assert.equal(second.last, undefined);
  assert.deepEqual({ ...second }.proxy, true);
});

test("parseFlags() takes switches with a value", () => {
  assert.equal(parse("--proxy=false").flags.proxy, false);
  assert.equal(parse("-t=false").flags.tty, false);
  assert.equal(parse("-t=T").flags.tty, true);
  assert.throws(() => parse("--tty=maybe"), /invalid value "maybe" for -t, --tty: "maybe" is neither true nor false/);
});

test("parseFlags() stops at -- and, without interspersed flags, at the first argument", () => {
  assert.deepEqual(parse("a", "-i", "b", "--", "-t").args, ["a", "b", "-t"]);
  const run = parseFlags(FLAGS, ["-i", "img", "ls", "-t", "--", "x"], false);
  assert.deepEqual(run.args, ["img", "ls", "-t", "--", "x"]);
  assert.equal(run.flags.tty, false);
});

test("parseFlags() takes - and negative numbers as what they are", () => {
  assert.deepEqual(parse("-").args, ["-"]);
  assert.equal(parse("-n", "-1").flags.last, -1);
  assert.equal(parse("-n-1").flags.last, -1);
  assert.equal(parse("--time", "3").flags.last, 3);
});

test("parseFlags() says what is wrong and what was meant", () => {
  const hint = (...argv: string[]) => {
    try {
      parse(...argv);
    } catch (error) {
      return hintOf(error);
    }
    return "no error";
  };
  assert.equal(hint("--nmae", "x"), "did you mean --name?");
  assert.equal(hint("-cpus", "x"), "did you mean --cpus?");
  assert.equal(hint("--hlep"), "did you mean --help?");
  assert.equal(hint("--nothing-like-it"), undefined);
  assert.throws(() => parse("-x"), /unknown flag -x$/);
  assert.throws(() => parse("-ix"), /unknown flag -x in -ix/);
  assert.throws(() => parse("--name"), /--name needs a value/);
  assert.throws(() => parse("-m"), /-m, --memory needs a value/);
  assert.throws(() => parse("--memory", "1x"), /invalid value "1x" for -m, --memory: "1x" is no size/);
  assert.throws(() => parse("--pull", "often"), /it must be one of always, missing/);
  assert.throws(() => parse("--cpus", "5"), /5 is more than 4/);
  assert.throws(() => parse("--cpus", "1.5"), /"1.5" is no whole number/);
  assert.throws(() => parse("--sysctl", "x"), /is not KEY=VALUE/);
  assert.throws(() => parse("--__proto__"), /unknown flag/);
  assert.throws(() => parse("--toString=1"), /unknown flag/);
});

test("parseInteger() reads numbers as Go does with base 0", () => {
  const read = ["0", "10", "-3", "+7", "0x1F", "-0x10", "0b101", "0o17", "010", "-010"];
  assert.deepEqual(
    read.map((text) => parseInteger(text)),
    [0, 10, -3, 7, 31, -16, 5, 15, 8, -8],
  );
  for (const text of ["", "-", "1e5", "08", "0x", "a", "1.5", " 1"])
    assert.throws(() => parseInteger(text), /is no whole number/, text);
});

test("parseFlags() knows help everywhere but where -h is a flag", () => {
  assert.throws(() => parse("--help"), HelpWanted);
  assert.throws(() => parse("-h"), HelpWanted);
  assert.equal(parseFlags({ hostname: string("", { short: "h" }) }, ["-h", "box"]).flags.hostname, "box");
});

test("parseCommand() counts the arguments", () => {
  const command = (min: number, max: number): Command<null> => ({
    ...{ name: "c", summary: "", usage: "A B", section: "", flags: {}, examples: [] },
    args: { min, max },
    run: () => 0,
  });
  assert.deepEqual(parseCommand(command(1, 2), ["x"], "p c").args, ["x"]);
  assert.throws(() => parseCommand(command(0, 0), ["x"], "p c"), /p c takes no arguments, got "x"/);
  assert.throws(() => parseCommand(command(2, 2), ["x"], "p c"), /p c needs 2 arguments, got 1/);
  assert.throws(() => parseCommand(command(1, 9), [], "p c"), /p c needs at least 1 argument/);
  assert.throws(() => parseCommand(command(0, 1), ["x", "y"], "p c"), /p c takes at most 1 argument, got 2/);
});
