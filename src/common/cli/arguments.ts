// The command line parser, with the habits of Docker's (spf13/pflag): -it, -eNAME, -e=NAME, --flag=value, --flag value, --.
import { describe, hintOf, WharfError } from "../errors.ts";
import type { Command, Input } from "./command.ts";
import type { Flag, Flags, FlagValues } from "./flags.ts";
import { suggest } from "./suggest.ts";

/** The user asked for help instead of the command. */
export class HelpWanted extends Error {}

/** The operation of errors about the number of arguments; those about flags have "usage". */
export const ARGUMENTS = "arguments";

function wrong(message: string, hint?: string, operation = "usage"): WharfError {
  return new WharfError("InvalidArgument", message, { operation, hint });
}

type Values = Record<string, unknown>;

/** The values without any flag. */
function initialValues(flags: Flags): Values {
  const values: Values = {};
  for (const name of Object.keys(flags)) values[name] = flags[name]!.initial;
  return values;
}

/** Flags by their letter. */
function shortName(flags: Flags, letter: string): string | undefined {
  for (const name in flags) if (flags[name]!.short === letter) return name;
  return undefined;
}

function label(name: string, flag: Flag<unknown>): string {
  return flag.short ? `-${flag.short}, --${name}` : `--${name}`;
}

interface State {
  flags: Flags;
  values: Values;
  given: Set<string>;
}

function set(state: State, name: string, text: string): void {
  const flag = state.flags[name]!;
  const target = flag.same ?? name;
  try {
    state.values[target] = flag.parse(text, state.values[target]);
  } catch (error) {
    // of a flag that is refused no value is wrong
    const what = flag.refused === undefined ? `invalid value ${JSON.stringify(text)} for ` : "";
    const message = `${what}${label(name, flag)}: ${describe(error)}`;
    throw wrong(message, hintOf(error) ?? (flag.choices ? `one of ${flag.choices.join(", ")}` : undefined));
  }
  state.given.add(target);
}

function unknownLong(name: string, flags: Flags, otherwise: string | undefined): WharfError {
  const visible = Object.keys(flags).filter((known) => !flags[known]!.hidden);
  const near = suggest(name, [...visible, "help"])[0];
  return wrong(`unknown flag --${name}`, near ? `did you mean --${near}?` : otherwise);
}

/** Takes the flags out of `argv`; what is left are the arguments. `otherwise` is the hint for an unknown flag that is like none. */
export function parseFlags<F extends Flags>(
  flags: F,
  argv: readonly string[],
  interspersed = true,
  otherwise?: string,
): Input<F> {
  const state: State = { flags, values: initialValues(flags), given: new Set() };
  const args: string[] = [];
  let at = 0;
  const take = (label: string): string => {
    const text = argv[at];
    if (text === undefined) throw wrong(`${label} needs a value`);
    at++;
    return text;
  };
  while (at < argv.length) {
    const word = argv[at++]!;
    if (word === "--") {
      args.push(...argv.slice(at));
      break;
    }
    if (word.startsWith("--")) {
      const equals = word.indexOf("=");
      const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
      if (!Object.hasOwn(flags, name)) {
        if (name === "help") throw new HelpWanted();
        throw unknownLong(name, flags, otherwise);
      }
      const flag = flags[name]!;
      set(state, name, equals >= 0 ? word.slice(equals + 1) : flag.type === "" ? "true" : take(label(name, flag)));
    } else if (word.startsWith("-") && word !== "-") {
      shorts(state, word, take);
    } else if (interspersed) {
      args.push(word);
    } else {
      args.push(word, ...argv.slice(at));
      break;
    }
  }
  return { flags: state.values as FlagValues<F>, given: state.given, args };
}

/** `-it`, `-d=false`, `-p80:80`, `-p=80:80`, `-p 80:80`. */
function shorts(state: State, word: string, take: (label: string) => string): void {
  for (let i = 1; i < word.length; i++) {
    const letter = word[i]!;
    const name = shortName(state.flags, letter);
    if (name === undefined) {
      if (letter === "h") throw new HelpWanted();
      const long = word.length > 2 && Object.hasOwn(state.flags, word.slice(1)) ? word.slice(1) : undefined;
      const where = word.length > 2 ? ` in ${word}` : "";
      throw wrong(`unknown flag -${letter}${where}`, long ? `did you mean --${long}?` : undefined);
    }
    const flag = state.flags[name]!;
    const equals = word[i + 1] === "=";
    if (!equals && flag.type === "") {
      set(state, name, "true");
      continue;
    }
    const rest = word.slice(i + (equals ? 2 : 1));
    set(state, name, equals || rest !== "" ? rest : take(label(name, flag)));
    return;
  }
}

function plural(n: number): string {
  return `${n} argument${n === 1 ? "" : "s"}`;
}

/** Parses a command's flags and checks the number of its arguments. */
export function parseCommand<C, F extends Flags>(
  command: Command<C, F>,
  argv: readonly string[],
  name: string,
): Input<F> {
  const input = parseFlags(command.flags, argv, command.interspersed ?? true);
  const { min, max } = command.args;
  const n = input.args.length;
  if (n >= min && n <= max) return input;
  const usage = `usage: ${name}${command.usage ? ` ${command.usage}` : ""}`;
  if (max === 0) throw wrong(`${name} takes no arguments, got ${JSON.stringify(input.args[0])}`, undefined, ARGUMENTS);
  if (min === max) throw wrong(`${name} needs ${plural(min)}, got ${n}`, usage, ARGUMENTS);
  if (n < min) throw wrong(`${name} needs at least ${plural(min)}`, usage, ARGUMENTS);
  throw wrong(`${name} takes at most ${plural(max)}, got ${n}`, usage, ARGUMENTS);
}
