// The tree of a parsed template (Go's text/template/parse). Positions are offsets into the text, for error messages.

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipe: Pipe }
  | {
      readonly kind: "if" | "with" | "range";
      readonly pos: number;
      readonly pipe: Pipe;
      readonly body: Node[];
      readonly other: Node[];
    }
  | { readonly kind: "template"; readonly pos: number; readonly name: string; readonly pipe: Pipe | undefined }
  | { readonly kind: "break" | "continue" };

/** Commands joined by "|"; the last value is kept in the variables. */
export interface Pipe {
  readonly kind: "pipe";
  readonly pos: number;
  readonly variables: readonly string[];
  /** "=" on variables that are there, instead of ":=". */
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

export interface Command {
  readonly pos: number;
  readonly args: readonly Operand[];
}

export type Operand =
  | { readonly kind: "dot" | "nil"; readonly pos: number }
  | {
      readonly kind: "constant";
      readonly pos: number;
      readonly value: string | number | boolean;
      readonly source: string;
    }
  | { readonly kind: "field"; readonly pos: number; readonly path: readonly string[] }
  | { readonly kind: "variable"; readonly pos: number; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: "chain"; readonly pos: number; readonly of: Operand; readonly path: readonly string[] }
  | { readonly kind: "function"; readonly pos: number; readonly name: string }
  | Pipe;

/** A node as Go writes it in error messages. */
export function source(node: Operand): string {
  switch (node.kind) {
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "constant":
      return node.source;
    case "field":
      return node.path.map((name) => `.${name}`).join("");
    case "variable":
      return [node.name, ...node.path].join(".");
    case "chain":
      return `${node.of.kind === "pipe" ? `(${source(node.of)})` : source(node.of)}${node.path.map((name) => `.${name}`).join("")}`;
    case "function":
      return node.name;
    case "pipe": {
      const variables = node.variables.length > 0 ? `${node.variables.join(", ")} ${node.assigns ? "=" : ":="} ` : "";
      return variables + node.commands.map(commandSource).join(" | ");
    }
  }
}

export function commandSource(command: Command): string {
  return command.args.map((arg) => (arg.kind === "pipe" ? `(${source(arg)})` : source(arg))).join(" ");
}

/** Where in the text: "1:2", column counted from 0 as Go does it. */
export function place(text: string, pos: number): { line: number; column: number } {
  const before = text.slice(0, pos);
  const line = before.split("\n").length;
  return { line, column: pos - (before.lastIndexOf("\n") + 1) };
}
