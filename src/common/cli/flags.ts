// Flags of a command line: declared once with their type, used by the parser, the help and the completion.
import { WharfError } from "../errors.ts";
import { parseBytes, parseDuration } from "./units.ts";

/** What a word of a command line may name. */
export type Completes =
  | "containers"
  | "running"
  | "stopped"
  | "containerPaths"
  | "objects"
  | "images"
  | "volumes"
  | "networks"
  | "contexts"
  | "registries"
  | "signals"
  | "capabilities"
  | "files";

/** One flag. `T` is what the command gets; the name is the key under which it is declared. */
export interface Flag<T> {
  /** Shown after the name in help ("string", "bytes"); empty for a switch, which needs no value. */
  readonly type: string;
  readonly help: string;
  /** One letter. */
  readonly short?: string | undefined;
  readonly hidden?: boolean | undefined;
  /** The value without the flag. */
  readonly initial: T;
  /** The allowed words, for help, errors and completion. */
  readonly choices?: readonly string[] | undefined;
  /** Some of the words it may have, for completion; one that ends with `=` or `:` goes on. */
  readonly words?: readonly string[] | undefined;
  /** What its value names, for completion. */
  readonly completes?: Completes | undefined;
  /** Another flag's name that this one is only a second name of. */
  readonly same?: string | undefined;
  /** Why the flag is not served. */
  readonly refused?: string | undefined;
  /** The value after one more occurrence of the flag with `text`. Throws an Error that says what is wrong with it. */
  parse(text: string, before: T): T;
}

// biome-ignore lint/suspicious/noExplicitAny: a set of flags of any types; FlagValues gives them back exactly
export type Flags = Readonly<Record<string, Flag<any>>>;

/** What a command gets: one property a flag, under the flag's name. */
export type FlagValues<F extends Flags> = { [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

interface Common {
  short?: string;
  type?: string;
  hidden?: boolean;
  same?: string;
  words?: readonly string[];
  completes?: Completes;
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message);
}

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);

export function parseBool(text: string): boolean {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw bad(`${JSON.stringify(text)} is neither true nor false`);
}

/** A flag of Docker's that is not ours: saying why is better than not knowing it. */
export function refused(why: string, hint: string, more: Common = {}): Flag<undefined> {
  return {
    ...more,
    type: more.type ?? "",
    help: `Not here: ${why}`,
    hidden: true,
    refused: why,
    initial: undefined,
    parse: () => {
      throw new WharfError("Unimplemented", why, { hint });
    },
  };
}

/** A switch: `--rm`, also `--rm=false`. */
export function bool(help: string, more: Common & { initial?: boolean } = {}): Flag<boolean> {
  return { ...more, type: "", help, initial: more.initial ?? false, parse: parseBool };
}

/** A switch of which it matters whether it was given: undefined without it. */
export function maybeBool(help: string, more: Common = {}): Flag<boolean | undefined> {
  return { ...more, type: "", help, initial: undefined, parse: parseBool };
}

export interface StringMore extends Common {
  initial?: string;
  choices?: readonly string[];
  /** Returns the value to keep, or throws. */
  check?: (text: string) => string;
}

export function string(help: string, more: StringMore = {}): Flag<string> {
  const { check, choices } = more;
  return {
    ...more,
    type: more.type ?? "string",
    help,
    initial: more.initial ?? "",
    parse: (text) => {
      if (choices && !choices.includes(text)) throw bad(`it must be one of ${choices.join(", ")}`);
      return check ? check(text) : text;
    },
  };
}

/** A string of which it matters whether it was given. */
export function maybeString(help: string, more: Common = {}): Flag<string | undefined> {
  return { ...more, type: more.type ?? "string", help, initial: undefined, parse: (text) => text };
}

/** A list that grows with each occurrence. */
export function list(help: string, more: Common & { check?: (text: string) => string } = {}): Flag<readonly string[]> {
  const { check } = more;
  return {
    ...more,
    type: more.type ?? "list",
    help,
    initial: [],
    parse: (text, before) => [...before, check ? check(text) : text],
  };
}

/** A list whose entries are parsed where they stand, so that the error names the flag. */
export function listOf<T>(help: string, parse: (text: string) => T, more: Common = {}): Flag<readonly T[]> {
  return {
    ...more,
    type: more.type ?? "list",
    help,
    initial: [],
    parse: (text, before) => [...before, parse(text)],
  };
}

export interface IntMore extends Common {
  initial?: number;
  min?: number;
  max?: number;
}

const INTEGER = /^([+-]?)(0x[0-9a-f]+|0b[01]+|0o[0-7]+|0[0-7]*|[1-9][0-9]*)$/i;

/** As the originals take it: also hexadecimal (0x), binary (0b) and octal (0o, or a zero in front). */
export function parseInteger(text: string, { min, max }: Pick<IntMore, "min" | "max"> = {}): number {
  const [, sign, digits] = INTEGER.exec(text) ?? [];
  if (digits === undefined) throw bad(`${JSON.stringify(text)} is no whole number`);
  const value = Number(digits.replace(/^0(?=\d)/, "0o")) * (sign === "-" ? -1 : 1);
  if (!Number.isSafeInteger(value)) throw bad(`${text} is too large`);
  if (min !== undefined && value < min) throw bad(`${text} is less than ${min}`);
  if (max !== undefined && value > max) throw bad(`${text} is more than ${max}`);
  return value;
}

export function int(help: string, more: IntMore = {}): Flag<number> {
  return {
    ...more,
    type: more.type ?? "int",
    help,
    initial: more.initial ?? 0,
    parse: (text) => parseInteger(text, more),
  };
}

/** A number of which it matters whether it was given. */
export function maybeInt(help: string, more: Omit<IntMore, "initial"> = {}): Flag<number | undefined> {
  return { ...more, type: more.type ?? "int", help, initial: undefined, parse: (text) => parseInteger(text, more) };
}

/** A size in bytes: `512m`, `1.5GiB`. */
export function bytes(help: string, more: Common & { orMinusOne?: boolean } = {}): Flag<number> {
  return {
    ...more,
    type: "bytes",
    help,
    initial: 0,
    parse: (text) => (more.orMinusOne && text === "-1" ? -1 : parseBytes(text)),
  };
}

/** A span of time in nanoseconds: `1m30s`. */
export function duration(help: string, more: Common = {}): Flag<number> {
  return { ...more, type: "duration", help, initial: 0, parse: parseDuration };
}

/** `KEY=VALUE` pairs; a later one replaces an earlier. */
export function map(help: string, more: Common = {}): Flag<Readonly<Record<string, string>>> {
  return {
    ...more,
    type: more.type ?? "map",
    help,
    initial: {},
    parse: (text, before) => {
      const [key, value] = cut(text, "=");
      if (key === "" || value === undefined) throw bad(`${JSON.stringify(text)} is not KEY=VALUE`);
      return { ...before, [key]: value };
    },
  };
}

/** What stands before and after the first `separator`; without one, all of it and undefined. */
export function cut(text: string, separator: string): [before: string, after: string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
