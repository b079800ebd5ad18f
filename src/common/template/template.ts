// Go's text/template with docker's functions: parse once, execute with any data.
import { FUNCTIONS, FunctionFault, type TemplateFunction } from "./functions.ts";
import { SyntaxFault } from "./lex.ts";
import { type Command, commandSource, type Node, type Operand, type Pipe, place, source } from "./nodes.ts";
import { type Parsed, parse } from "./parse.ts";
import { isMap, Nil, printed, Struct, truth, typeName } from "./values.ts";

/** A template that cannot be parsed or executed; the message is Go's: `template: :1:2: executing "" at <.X>: …`. */
export class TemplateError extends Error {}

export interface TemplateOptions {
  /** Names the template in errors. */
  readonly name?: string;
  readonly functions?: ReadonlyMap<string, TemplateFunction>;
  /**
   * A map has no such key. Returns the value to take, undefined for <no value>, or throws FunctionFault with the reason.
   */
  readonly missing?: (map: Record<string, unknown>, key: string) => unknown;
}

class Break extends Error {}
class Continue extends Error {}

export class Template {
  readonly #text: string;
  readonly #name: string;
  readonly #parsed: Parsed;
  readonly #functions: ReadonlyMap<string, TemplateFunction>;
  readonly #missing: TemplateOptions["missing"];

  /** Throws TemplateError where the text is no template. */
  constructor(text: string, options: TemplateOptions = {}) {
    this.#text = text;
    this.#name = options.name ?? "";
    this.#functions = options.functions ?? FUNCTIONS;
    this.#missing = options.missing;
    try {
      this.#parsed = parse(text, (name) => this.#functions.has(name) || name === "and" || name === "or");
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error;
      throw new TemplateError(`template: ${this.#name}:${place(text, error.pos).line}: ${error.message}`);
    }
  }

  /** The text that comes of `data`. `functions` replaces the functions, for headings. Throws TemplateError. */
  execute(data: unknown, functions = this.#functions): string {
    const run = new Run(this.#parsed, functions, this.#missing, (pos, at, message) => {
      const { line, column } = place(this.#text, pos);
      const quoted = JSON.stringify(this.#name);
      return new TemplateError(`template: ${this.#name}:${line}:${column}: executing ${quoted} at <${at}>: ${message}`);
    });
    run.list(this.#parsed.root, data);
    return run.output;
  }
}

interface Variable {
  readonly name: string;
  value: unknown;
}

const MAX_DEPTH = 1000;

/** The text of a `{{.Name}}` on a row, which is most of what tables are made of; undefined for all else. */
function plainField({ commands, variables }: Pipe, dot: unknown): string | undefined {
  if (!(dot instanceof Struct) || commands.length !== 1 || variables.length > 0) return undefined;
  const { args } = commands[0]!;
  const first = args[0];
  if (args.length !== 1 || first?.kind !== "field" || first.path.length !== 1) return undefined;
  const name = first.path[0]!;
  if (!Object.hasOwn(dot.fields, name)) return undefined;
  let value = dot.fields[name];
  if (typeof value === "function" && value.length === 0) value = (value as () => unknown)();
  return typeof value === "string" ? value : undefined;
}

class Run {
  output = "";
  readonly #parsed: Parsed;
  readonly #functions: ReadonlyMap<string, TemplateFunction>;
  readonly #missing: TemplateOptions["missing"];
  readonly #fault: (pos: number, at: string, message: string) => TemplateError;
  #variables: Variable[] = [];
  #depth = 0;

  constructor(
    parsed: Parsed,
    functions: ReadonlyMap<string, TemplateFunction>,
    missing: TemplateOptions["missing"],
    fault: (pos: number, at: string, message: string) => TemplateError,
  ) {
    this.#parsed = parsed;
    this.#functions = functions;
    this.#missing = missing;
    this.#fault = fault;
  }

  /** Executes nodes with a fresh "$". */
  list(nodes: readonly Node[], data: unknown): void {
    const outer = this.#variables;
    this.#variables = [{ name: "$", value: data }];
    this.#walkAll(nodes, data);
    this.#variables = outer;
  }

  #walkAll(nodes: readonly Node[], dot: unknown): void {
    for (const node of nodes) this.#walk(node, dot);
  }

  #walk(node: Node, dot: unknown): void {
    switch (node.kind) {
      case "text":
        this.output += node.text;
        return;
      case "action": {
        const plain = plainField(node.pipe, dot);
        if (plain !== undefined) {
          this.output += plain;
          return;
        }
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0) this.output += printed(value);
        return;
      }
      case "if":
      case "with": {
        const mark = this.#variables.length;
        const value = this.#pipe(node.pipe, dot);
        if (truth(value)) this.#walkAll(node.body, node.kind === "with" ? value : dot);
        else this.#walkAll(node.other, dot);
        this.#variables.length = mark;
        return;
      }
      case "range":
        this.#range(node, dot);
        return;
      case "template": {
        const body = this.#parsed.defined.get(node.name);
        if (!body)
          throw this.#fault(
            node.pos,
            `{{template ${JSON.stringify(node.name)}}}`,
            `template ${JSON.stringify(node.name)} not defined`,
          );
        if (++this.#depth > MAX_DEPTH) throw this.#fault(node.pos, node.name, "exceeded maximum template depth");
        this.list(body, node.pipe ? this.#pipe(node.pipe, dot) : undefined);
        this.#depth--;
        return;
      }
      case "break":
        throw new Break();
      case "continue":
        throw new Continue();
    }
  }

  #range(node: Extract<Node, { kind: "range" | "if" | "with" }>, dot: unknown): void {
    const mark = this.#variables.length;
    const value = this.#pipe({ ...node.pipe, variables: [], assigns: false }, dot);
    const entries = this.#entries(value, node);
    if (entries.length === 0) this.#walkAll(node.other, dot);
    const names = node.pipe.variables;
    for (const [key, entry] of entries) {
      const start = this.#variables.length;
      if (names.length === 1) this.#set(names[0]!, entry, node.pipe.assigns);
      if (names.length === 2) {
        this.#set(names[0]!, key, node.pipe.assigns);
        this.#set(names[1]!, entry, node.pipe.assigns);
      }
      try {
        this.#walkAll(node.body, entry);
      } catch (error) {
        if (error instanceof Break) break;
        if (!(error instanceof Continue)) throw error;
      } finally {
        this.#variables.length = start;
      }
    }
    this.#variables.length = mark;
  }

  #entries(value: unknown, node: { pos: number; pipe: Pipe }): (readonly [unknown, unknown])[] {
    if (value === undefined || value === null || value instanceof Nil) return [];
    if (Array.isArray(value)) return value.map((entry, i) => [i, entry] as const);
    if (typeof value === "number" && Number.isInteger(value))
      return Array.from({ length: Math.max(value, 0) }, (_, i) => [i, i] as const);
    if (isMap(value)) {
      return Object.keys(value)
        .sort()
        .map((key) => [key, value[key]] as const);
    }
    throw this.#fault(node.pipe.pos, source(node.pipe), `range can't iterate over ${printed(value)}`);
  }

  #set(name: string, value: unknown, assigns: boolean): void {
    const known = assigns ? this.#variables.findLast((variable) => variable.name === name) : undefined;
    if (known) known.value = value;
    else this.#variables.push({ name, value });
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown;
    for (const [i, command] of pipe.commands.entries()) value = this.#command(command, dot, i > 0 ? [value] : []);
    for (const name of pipe.variables) this.#set(name, value, pipe.assigns);
    return value;
  }

  /** `piped` is the value of the command before, which becomes the last argument. */
  #command(command: Command, dot: unknown, piped: readonly unknown[]): unknown {
    const [first, ...rest] = command.args as [Operand, ...Operand[]];
    if (first.kind === "function") return this.#call(first, command, rest, dot, piped);
    const callable = first.kind === "field" || first.kind === "variable" || first.kind === "chain";
    if (callable) {
      const args = () => [...rest.map((arg) => this.#operand(arg, dot)), ...piped];
      return this.#fields(first, dot, rest.length + piped.length > 0 ? args() : undefined);
    }
    if (rest.length + piped.length > 0) {
      throw this.#fault(first.pos, source(first), `can't give argument to non-function ${source(first)}`);
    }
    if (first.kind === "nil") throw this.#fault(first.pos, "nil", "nil is not a command");
    return this.#operand(first, dot);
  }

  #call(
    first: Extract<Operand, { kind: "function" }>,
    command: Command,
    rest: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[],
  ): unknown {
    const { name } = first;
    if (name === "and" || name === "or") {
      let value: unknown;
      if (rest.length + piped.length === 0)
        throw this.#fault(first.pos, name, `wrong number of args for ${name}: want at least 1 got 0`);
      for (const arg of rest) {
        value = this.#operand(arg, dot);
        if (truth(value) === (name === "or")) return value;
      }
      return piped.length > 0 ? piped[0] : value;
    }
    const args = [...rest.map((arg) => this.#operand(arg, dot)), ...piped];
    const run = this.#functions.get(name)!;
    if (run.length > 0 && args.length < run.length) {
      throw this.#fault(first.pos, name, `wrong number of args for ${name}: want ${run.length} got ${args.length}`);
    }
    try {
      return run(...args);
    } catch (error) {
      if (!(error instanceof FunctionFault)) throw error;
      const wrong = error.argument === undefined ? undefined : rest[error.argument];
      if (wrong) throw this.#fault(wrong.pos, source(wrong), error.message);
      throw this.#fault(first.pos, commandSource(command), `error calling ${name}: ${error.message}`);
    }
  }

  #operand(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case "dot":
        return dot;
      case "nil":
        return undefined;
      case "constant":
        return operand.value;
      case "pipe":
        return this.#pipe(operand, dot);
      case "function":
        return this.#call(operand, { pos: operand.pos, args: [operand] }, [], dot, []);
      default:
        return this.#fields(operand, dot, undefined);
    }
  }

  /** Follows a path of fields; `args` go to the last one, which then must be a method. */
  #fields(
    node: Extract<Operand, { kind: "field" | "variable" | "chain" }>,
    dot: unknown,
    args: unknown[] | undefined,
  ): unknown {
    let value: unknown;
    if (node.kind === "field") value = dot;
    else if (node.kind === "chain") value = this.#operand(node.of, dot);
    else {
      const variable = this.#variables.findLast(({ name }) => name === node.name);
      value = variable?.value;
    }
    if (node.path.length === 0 && args)
      throw this.#fault(node.pos, source(node), `can't give argument to non-function ${source(node)}`);
    for (const [i, name] of node.path.entries()) {
      value = this.#field(value, name, i === node.path.length - 1 ? args : undefined, node);
    }
    return value;
  }

  #field(receiver: unknown, name: string, args: unknown[] | undefined, node: Operand): unknown {
    const fault = (message: string) => this.#fault(node.pos, source(node), message);
    if (receiver === undefined || receiver === null) throw fault(`nil data; no entry for key ${JSON.stringify(name)}`);
    if (receiver instanceof Nil) throw fault(`nil pointer evaluating ${receiver.kind}.${name}`);
    if (receiver instanceof Struct) {
      if (!Object.hasOwn(receiver.fields, name)) throw fault(`can't evaluate field ${name} in type ${receiver.name}`);
      const value = receiver.fields[name];
      if (typeof value !== "function") {
        if (args) throw fault(`${name} has arguments but cannot be invoked as function`);
        return value;
      }
      const wanted = (value as TemplateFunction).length;
      if ((args?.length ?? 0) !== wanted)
        throw fault(`wrong number of args for ${name}: want ${wanted} got ${args?.length ?? 0}`);
      return (value as TemplateFunction)(...(args ?? []));
    }
    if (!isMap(receiver)) throw fault(`can't evaluate field ${name} in type ${typeName(receiver)}`);
    if (args) throw fault(`${name} is not a method but has arguments`);
    if (Object.hasOwn(receiver, name)) return receiver[name];
    try {
      return this.#missing?.(receiver, name);
    } catch (error) {
      if (error instanceof FunctionFault) throw fault(error.message);
      throw error;
    }
  }
}
