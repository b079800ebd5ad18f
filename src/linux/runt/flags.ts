// Command lines as runc takes them: flags with one or two dashes, "=value" or the next word, then positional arguments.
import { WharfError } from "../../common/errors.ts";

export type FlagKind = "bool" | "string" | "list";

/** Flags of a command by name; a second name is given as "force|f". */
export type FlagSpec = Record<string, FlagKind>;

export interface Parsed {
  bool(name: string): boolean;
  string(name: string): string | undefined;
  list(name: string): string[];
  /** What is not a flag. */
  args: string[];
}

/** What was typed is wrong: nothing has been done. */
export function usage(text: string): WharfError {
  return new WharfError("InvalidArgument", text, { operation: USAGE, hint: "see: runt --help" });
}

export const USAGE = "usage";

/** Flags by every name they have. Made while the memory image is, so that parsing costs little. */
export type FlagTable = ReadonlyMap<string, readonly [name: string, kind: FlagKind]>;

export function flagTable(spec: FlagSpec): FlagTable {
  const names = new Map<string, readonly [name: string, kind: FlagKind]>();
  for (const [key, kind] of Object.entries(spec)) {
    const [name = key, ...aliases] = key.split("|");
    for (const one of [name, ...aliases]) names.set(one, [name, kind]);
  }
  return names;
}

const TRUE = ["true", "1", "t"];
const FALSE = ["false", "0", "f"];
const DASH = 45;

/** Parses up to the first positional argument when `stopAtArgument`, else flags may stand anywhere before "--". */
export function parseFlags(words: readonly string[], names: FlagTable, stopAtArgument: boolean): Parsed {
  const values = new Map<string, string[]>();
  const args: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--" || (stopAtArgument && args.length > 0)) {
      args.push(...words.slice(word === "--" ? i + 1 : i));
      break;
    }
    if (word.charCodeAt(0) !== DASH) {
      args.push(word);
      continue;
    }
    const start = word.charCodeAt(1) === DASH ? 2 : 1;
    const equals = word.indexOf("=", start);
    const flag = names.get(equals < 0 ? word.slice(start) : word.slice(start, equals));
    if (!flag) {
      if (/^--?[A-Za-z][\w-]*(=|$)/.test(word)) throw usage(`unknown flag ${word}`);
      args.push(word);
      continue;
    }
    const [name, kind] = flag;
    let value = equals < 0 ? undefined : word.slice(equals + 1);
    if (value === undefined) {
      if (kind === "bool") value = "true";
      else {
        value = words[++i];
        if (value === undefined) throw usage(`flag ${word} needs a value`);
      }
    }
    if (kind === "bool" && !TRUE.includes(value) && !FALSE.includes(value))
      throw usage(`flag ${word}: ${JSON.stringify(value)} is not true or false`);
    const before = values.get(name);
    if (before) before.push(value);
    else values.set(name, [value]);
  }
  return {
    bool: (name) => TRUE.includes(values.get(name)?.at(-1) ?? ""),
    string: (name) => values.get(name)?.at(-1),
    list: (name) => values.get(name) ?? [],
    args,
  };
}

/** Exactly these positional arguments, named in the error. */
export function positional(parsed: Parsed, ...names: string[]): string[] {
  if (parsed.args.length < names.length) throw usage(`missing argument: ${names[parsed.args.length]}`);
  if (parsed.args.length > names.length)
    throw usage(`unexpected argument ${JSON.stringify(parsed.args[names.length])}`);
  return parsed.args;
}
