// Parses a template into its tree.
import { lex, SyntaxFault, type Token, unquote } from "./lex.ts";
import type { Command, Node, Operand, Pipe } from "./nodes.ts";

export interface Parsed {
  readonly root: Node[];
  /** What {{define}} and {{block}} name. */
  readonly defined: ReadonlyMap<string, Node[]>;
}

/** Throws SyntaxFault. */
export function parse(text: string, isFunction: (name: string) => boolean): Parsed {
  const parser = new Parser(text, isFunction);
  return { root: parser.top(), defined: parser.defined };
}

class Parser {
  readonly defined = new Map<string, Node[]>();
  readonly #tokens: Token[];
  readonly #isFunction: (name: string) => boolean;
  readonly #end: Token;
  #at = 0;
  #variables = ["$"];
  #ranges = 0;

  constructor(text: string, isFunction: (name: string) => boolean) {
    this.#tokens = lex(text);
    this.#isFunction = isFunction;
    this.#end = { kind: "text", pos: text.length, text: "" };
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? this.#end;
  }

  #next(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  #skipSpace(): void {
    while (this.#peek().kind === "space") this.#at++;
  }

  #nextSolid(): Token {
    this.#skipSpace();
    return this.#next();
  }

  #fault(token: Token, context: string): SyntaxFault {
    const what = token === this.#end ? "EOF" : token.kind === "close" ? "}}" : token.text;
    return new SyntaxFault(token.pos, `unexpected ${JSON.stringify(what).replace(/^"}}"$/, '"}}"')} in ${context}`);
  }

  #expectClose(context: string): void {
    const token = this.#nextSolid();
    if (token.kind !== "close") throw this.#fault(token, context);
  }

  top(): Node[] {
    const nodes = this.#list([]);
    const left = this.#peek();
    if (left !== this.#end) throw new SyntaxFault(left.pos, "unexpected {{end}}");
    return nodes;
  }

  /** Nodes up to one of the closing words, whose action's opening is left unread. */
  #list(closers: readonly string[]): Node[] {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.#peek();
      if (token === this.#end) {
        if (closers.length > 0) throw new SyntaxFault(token.pos, "unexpected EOF");
        return nodes;
      }
      this.#at++;
      if (token.kind === "text") {
        nodes.push({ kind: "text", text: token.text });
        continue;
      }
      this.#skipSpace();
      const word = this.#peek();
      if (word.kind === "word" && (word.text === "end" || word.text === "else")) {
        if (!closers.includes(word.text)) {
          const wanted = closers.length > 0 ? "expected end; found" : "unexpected";
          throw new SyntaxFault(word.pos, `${wanted} {{${word.text}}}`);
        }
        return nodes;
      }
      const node = this.#action(word);
      if (node) nodes.push(node);
    }
  }

  #action(word: Token): Node | undefined {
    if (word.kind === "word") {
      switch (word.text) {
        case "if":
        case "with":
        case "range":
          this.#at++;
          return this.#control(word.text, word.pos);
        case "define":
          this.#at++;
          this.#define();
          return undefined;
        case "block":
        case "template":
          this.#at++;
          return this.#template(word);
        case "break":
        case "continue":
          this.#at++;
          this.#expectClose(word.text);
          if (this.#ranges === 0) throw new SyntaxFault(word.pos, `{{${word.text}}} outside {{range}}`);
          return { kind: word.text };
      }
    }
    return { kind: "action", pipe: this.#pipe("command", "close") };
  }

  #control(kind: "if" | "with" | "range", pos: number): Node {
    const scope = this.#variables.length;
    const pipe = this.#pipe(kind, "close");
    if (kind === "range") this.#ranges++;
    const body = this.#list(["end", "else"]);
    if (kind === "range") this.#ranges--;
    let other: Node[] = [];
    if (this.#next().text === "else") {
      this.#skipSpace();
      const then = this.#peek();
      if (then.kind === "word" && (then.text === "if" || then.text === "with") && kind !== "range") {
        this.#at++;
        other = [this.#control(then.text, then.pos)];
        this.#variables.length = scope;
        return { kind, pos, pipe, body, other };
      }
      this.#expectClose("else");
      other = this.#list(["end"]);
      this.#next();
    }
    this.#expectClose("end");
    this.#variables.length = scope;
    return { kind, pos, pipe, body, other };
  }

  #name(context: string): string {
    const token = this.#nextSolid();
    if (token.kind !== "string") throw this.#fault(token, context);
    return unquote(token);
  }

  #define(): void {
    const name = this.#name("define clause");
    this.#expectClose("define clause");
    this.defined.set(name, this.#scoped());
  }

  /** The body of a define or block: only "$" is known there. */
  #scoped(): Node[] {
    const outer = this.#variables;
    this.#variables = ["$"];
    const body = this.#list(["end"]);
    this.#next();
    this.#expectClose("end");
    this.#variables = outer;
    return body;
  }

  #template(word: Token): Node {
    this.#skipSpace();
    const { pos } = this.#peek();
    const name = this.#name(`${word.text} clause`);
    this.#skipSpace();
    let pipe: Pipe | undefined;
    if (this.#peek().kind === "close" && word.text === "template") this.#at++;
    else pipe = this.#pipe(`${word.text} clause`, "close");
    if (word.text === "block") this.defined.set(name, this.#scoped());
    return { kind: "template", pos, name, pipe };
  }

  /** A pipeline up to and with its end: the action's close, or ")". */
  #pipe(context: string, end: "close" | ")"): Pipe {
    this.#skipSpace();
    const pos = this.#peek().pos;
    const { variables, assigns } = this.#declarations(context);
    const commands: Command[] = [];
    for (;;) {
      const command = this.#command(context);
      const token = this.#nextSolid();
      const ended = end === "close" ? token.kind === "close" : token.text === ")" && token.kind === "symbol";
      if (command.args.length === 0) {
        if (ended && commands.length === 0) throw new SyntaxFault(pos, `missing value for ${context}`);
        if (!ended) throw this.#fault(token, context);
        throw new SyntaxFault(token.pos, "missing value for command");
      }
      const first = command.args[0]!;
      if (commands.length > 0 && ["constant", "dot", "nil"].includes(first.kind)) {
        throw new SyntaxFault(first.pos, `non executable command in pipeline stage ${commands.length + 1}`);
      }
      commands.push(command);
      if (ended) return { kind: "pipe", pos, variables, assigns, commands };
      if (token.text !== "|" || token.kind !== "symbol") throw this.#fault(token, context);
    }
  }

  /** `$x :=`, `$i, $e :=`, `$x =`. */
  #declarations(context: string): { variables: string[]; assigns: boolean } {
    const start = this.#at;
    const variables: string[] = [];
    for (;;) {
      const token = this.#nextSolid();
      if (token.kind !== "variable") break;
      const after = this.#nextSolid();
      if (after.text === "," && context === "range" && variables.length === 0) {
        variables.push(token.text);
        continue;
      }
      if (after.text !== ":=" && after.text !== "=") break;
      variables.push(token.text);
      const assigns = after.text === "=";
      for (const name of variables) {
        if (!assigns) this.#variables.push(name);
        else if (!this.#variables.includes(name))
          throw new SyntaxFault(token.pos, `undefined variable ${JSON.stringify(name)}`);
      }
      return { variables, assigns };
    }
    this.#at = start;
    return { variables: [], assigns: false };
  }

  #command(context: string): Command {
    this.#skipSpace();
    const pos = this.#peek().pos;
    const args: Operand[] = [];
    for (;;) {
      this.#skipSpace();
      const operand = this.#operand(context);
      if (!operand) return { pos, args };
      args.push(operand);
      const after = this.#peek();
      const solid = after.kind !== "space" && after.kind !== "close" && after.kind !== "symbol";
      if (solid && after !== this.#end) throw this.#fault(after, "operand");
    }
  }

  #operand(context: string): Operand | undefined {
    const first = this.#term(context);
    if (!first) return undefined;
    const path: string[] = [];
    // As in Go, a longer path stands where its second field does.
    const { pos } = this.#peek();
    while (this.#peek().kind === "field") path.push(this.#next().text.slice(1));
    if (path.length === 0) return first;
    if (first.kind === "field") return { ...first, pos, path: [...first.path, ...path] };
    if (first.kind === "variable") return { ...first, pos, path: [...first.path, ...path] };
    if (first.kind === "constant" || first.kind === "nil" || first.kind === "dot") {
      throw new SyntaxFault(
        first.pos,
        `unexpected . after term ${JSON.stringify(first.kind === "constant" ? first.source : first.kind)}`,
      );
    }
    return { kind: "chain", pos, of: first, path };
  }

  #term(context: string): Operand | undefined {
    const token = this.#peek();
    const { pos, text } = token;
    switch (token.kind) {
      case "dot":
        this.#at++;
        return { kind: "dot", pos };
      case "field":
        this.#at++;
        return { kind: "field", pos, path: [text.slice(1)] };
      case "variable":
        this.#at++;
        if (!this.#variables.includes(text)) throw new SyntaxFault(pos, `undefined variable ${JSON.stringify(text)}`);
        return { kind: "variable", pos, name: text, path: [] };
      case "string":
        this.#at++;
        return { kind: "constant", pos, value: unquote(token), source: text };
      case "char":
        this.#at++;
        return { kind: "constant", pos, value: unquote(token).codePointAt(0)!, source: text };
      case "number": {
        this.#at++;
        const plain = text.replaceAll("_", "");
        const value = plain.startsWith("-") ? -Number(plain.slice(1)) : Number(plain.replace(/^\+/, ""));
        if (Number.isNaN(value)) throw new SyntaxFault(pos, `bad number syntax: ${JSON.stringify(text)}`);
        return { kind: "constant", pos, value, source: text };
      }
      case "word":
        this.#at++;
        if (text === "true" || text === "false") return { kind: "constant", pos, value: text === "true", source: text };
        if (text === "nil") return { kind: "nil", pos };
        if (!this.#isFunction(text)) throw new SyntaxFault(pos, `function ${JSON.stringify(text)} not defined`);
        return { kind: "function", pos, name: text };
      case "symbol":
        if (text !== "(") return undefined;
        this.#at++;
        return this.#pipe("parenthesized pipeline", ")");
      default:
        if (token === this.#end) throw new SyntaxFault(pos, `unexpected EOF in ${context}`);
        return undefined;
    }
  }
}
