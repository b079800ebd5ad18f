// What a command is: data from which the parser, the help and the completion are made, and a function that carries it out.
import type { Completes, Flags, FlagValues } from "./flags.ts";

export interface Example {
  readonly what: string;
  /** Without the program's name: "run --rm busybox true". */
  readonly line: string;
}

/** What the user wrote, checked and converted. */
export interface Input<F extends Flags> {
  readonly flags: FlagValues<F>;
  /** The names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
}

export interface Section {
  readonly name: string;
  readonly title: string;
}

/** Flags that belong together, by name; help shows them under a heading of their own. */
export interface Topic {
  readonly title: string;
  readonly flags: readonly string[];
}

/** A command; `C` is what it works with (streams, the API). */
export interface Command<C, F extends Flags = Flags> {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** More than one line, for the command's own help. */
  readonly description?: string;
  /** What follows the name, without the flags: "IMAGE [COMMAND] [ARG...]". */
  readonly usage: string;
  readonly args: { readonly min: number; readonly max: number };
  readonly flags: F;
  /** Headings for its flags; those under none come first. */
  readonly topics?: readonly Topic[];
  /** False: flags end at the first argument, what follows belongs to another program. */
  readonly interspersed?: boolean;
  readonly examples: readonly Example[];
  /** The title below which the program's help lists it. */
  readonly section: string;
  readonly hidden?: boolean;
  /** What its arguments name, for completion, each by its place; where there may be any number, the last stands for all that follow. */
  readonly completes?: Completes | readonly Completes[];
  /** The words its first argument may be. */
  readonly words?: readonly string[];
  /** Returns the exit code. */
  run(cli: C, input: Input<F>): Promise<number> | number;
}

/** Commands below a word: `wharf container ls`. */
export interface Group<C> {
  readonly name: string;
  readonly summary: string;
  readonly section: string;
  readonly hidden?: boolean;
  /** Flags that may stand before the command's name; the commands have them too. */
  readonly flags?: Flags;
  readonly commands: ReadonlyMap<string, Node<C>>;
}

// biome-ignore lint/suspicious/noExplicitAny: a table of commands with flags of any types
export type Node<C> = Command<C, any> | Group<C>;

export function isGroup<C>(node: Node<C>): node is Group<C> {
  return "commands" in node;
}

/** Many arguments. */
export const ANY = Number.POSITIVE_INFINITY;
