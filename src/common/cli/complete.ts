// What may follow a command line that is being typed: found from the commands' declarations, without running anything.
import { type Command, isGroup, type Node } from "./command.ts";
import type { Completes, Flag, Flags } from "./flags.ts";

/** One word that fits, and what it means; "" where there is nothing to say. */
export interface Candidate {
  readonly word: string;
  readonly what: string;
}

export interface Completion {
  /** Words that are known from the declarations. */
  readonly words: readonly Candidate[];
  /** Names the daemon knows, to be asked for. */
  readonly names?: Completes | undefined;
  /** What stands before each name in the word: "--network=". */
  readonly prefix?: string | undefined;
  /** Names that were written already. */
  readonly but?: readonly string[] | undefined;
}

const NOTHING: Completion = { words: [] };
const HELP: Candidate = { word: "--help", what: "Say what it does" };

function plain(words: readonly string[], prefix = ""): Candidate[] {
  return words.map((word) => ({ word: prefix + word, what: "" }));
}

/** Which words may end a line of `before` (without the program's name) and a beginning `word`. */
export function complete<C>(
  root: ReadonlyMap<string, Node<C>>,
  globals: Flags,
  before: readonly string[],
  word: string,
): Completion {
  let commands = root;
  for (let at = 0; at < before.length; at++) {
    const name = before[at]!;
    if (commands === root && name.startsWith("-")) {
      // A flag of the program's own; the word after it may be its value.
      const flag = flagOf(globals, name);
      if (flag && flag.type !== "" && !name.includes("=") && ++at >= before.length) return valuesOf(flag);
      continue;
    }
    if (commands === root && name === "help") continue;
    const node = commands.get(name);
    if (!node) return NOTHING;
    if (!isGroup(node)) return inCommand(node, before.slice(at + 1), word);
    commands = node.commands;
  }
  if (word.startsWith("-")) return inFlag(commands === root ? globals : {}, word);
  const words = [...commands].filter(([name, node]) => !node.hidden && name === node.name);
  return { words: words.map(([name, { summary }]) => ({ word: name, what: summary })) };
}

/** The flag that a word like `-f`, `-itv` or `--filter` ends with. */
function flagOf(flags: Flags, word: string): Flag<unknown> | undefined {
  if (word.startsWith("--")) return Object.hasOwn(flags, word.slice(2)) ? flags[word.slice(2)] : undefined;
  const byLetter = (letter: string) => Object.values(flags).find(({ short }) => short === letter);
  const last = word.length - 1;
  // the value of one that takes any is the rest of the word
  for (let i = 1; i < last; i++) if (byLetter(word[i]!)?.type !== "") return undefined;
  return byLetter(word[last]!);
}

function valuesOf(flag: Flag<unknown>, prefix = ""): Completion {
  const words = plain(flag.choices ?? flag.words ?? [], prefix);
  if (flag.completes) return { words, names: flag.completes, prefix };
  return words.length > 0 || flag.type === "" ? { words } : { words, names: "files", prefix };
}

/** The word itself is a flag, perhaps with its value. */
function inFlag(flags: Flags, word: string): Completion {
  const equals = word.indexOf("=");
  if (equals > 0) {
    const flag = flagOf(flags, word.slice(0, equals));
    return flag ? valuesOf(flag, word.slice(0, equals + 1)) : NOTHING;
  }
  const words = Object.entries(flags)
    .filter(([, { hidden }]) => !hidden)
    .map(([name, { help }]) => ({ word: `--${name}`, what: help }));
  return { words: [...words, HELP] };
}

function inCommand<C>(node: Command<C>, before: readonly string[], word: string): Completion {
  const args: string[] = [];
  let ended = false;
  let open: Flag<unknown> | undefined;
  for (const text of before) {
    if (open) open = undefined;
    else if (ended || !text.startsWith("-") || text === "-") {
      args.push(text);
      // What follows the first argument of run and exec is another program's.
      if (node.interspersed === false) ended = true;
    } else if (text === "--") ended = true;
    else if (!text.includes("=")) {
      const flag = flagOf(node.flags, text);
      if (flag && flag.type !== "") open = flag;
    }
  }
  if (open) return valuesOf(open);
  if (node.interspersed === false && args.length > 0) return { words: [], names: "files" };
  if (word.startsWith("-") && !ended) return inFlag(node.flags, word);
  if (node.words) return args.length === 0 ? { words: plain(node.words) } : NOTHING;
  if (args.length >= node.args.max) return NOTHING;
  const kinds: readonly (Completes | undefined)[] = Array.isArray(node.completes) ? node.completes : [node.completes];
  // Many of a kind, or one and then something else that may be a file.
  const many = node.args.max === Number.POSITIVE_INFINITY;
  const kind = kinds[many ? Math.min(args.length, kinds.length - 1) : args.length];
  if (kind === undefined) return args.length > 0 ? { words: [], names: "files" } : NOTHING;
  return { words: [], names: kind, but: args };
}

/** A shell's line up to the cursor as words, quotes and backslashes taken away; the last is the one that is being typed. */
export function splitLine(line: string): string[] {
  const words: string[] = [];
  let word = "";
  let inside = false;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (c === "\\" && quote !== "'" && i + 1 < line.length) word += line[++i]!;
    else if (quote !== "") {
      if (c === quote) quote = "";
      else word += c;
    } else if (c === "'" || c === '"') quote = c;
    else if (/\s/.test(c)) {
      if (inside) words.push(word);
      word = "";
      inside = false;
      continue;
    } else word += c;
    inside = true;
  }
  return [...words, word];
}
