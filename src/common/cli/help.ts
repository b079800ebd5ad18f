// Help texts, made from the declarations and fitted to the window.
import type { Command, Group, Node, Section, Topic } from "./command.ts";
import type { Flag, Flags } from "./flags.ts";
import { displayWidth, wrap } from "./width.ts";

export interface HelpStyle {
  /** Columns to fit into. */
  readonly width: number;
  /** Headings in bold. */
  readonly bold: boolean;
}

function heading(text: string, style: HelpStyle): string {
  return style.bold ? `\x1b[1m${text}\x1b[0m` : text;
}

/** Two columns, the right one wrapped; one below the other where the window is narrow. */
function columns(rows: readonly (readonly [string, string])[], style: HelpStyle): string {
  const left = Math.min(Math.max(...rows.map(([name]) => displayWidth(name))), 32);
  const right = style.width - left - 5;
  let text = "";
  for (const [name, what] of rows) {
    if (right < 24) {
      text += `  ${name}\n${wrap(what, Math.max(style.width - 8, 20))
        .map((line) => `        ${line}\n`)
        .join("")}`;
      continue;
    }
    const lines = wrap(what, right);
    const tooLong = displayWidth(name) > left;
    if (tooLong) text += `  ${name}\n`;
    for (const [i, line] of lines.entries()) {
      const start = i === 0 && !tooLong ? name : "";
      text += `${`  ${start}${" ".repeat(left - displayWidth(start))}   ${line}`.trimEnd()}\n`;
    }
  }
  return text;
}

function flagName(name: string, flag: Flag<unknown>): string {
  const letter = flag.short ? `-${flag.short}, ` : "    ";
  return `${letter}--${name}${flag.type === "" ? "" : ` ${flag.type}`}`;
}

function flagHelp(flag: Flag<unknown>): string {
  const { initial } = flag;
  const words = flag.choices ? ` (${flag.choices.join(", ")})` : "";
  const shown =
    typeof initial === "string" ? initial !== "" : typeof initial === "number" ? initial !== 0 : initial === true;
  return `${flag.help}${words}${shown ? ` [${String(initial)}]` : ""}`;
}

function flagsHelp(flags: Flags, style: HelpStyle, topics: readonly Topic[] = []): string {
  const sorted = new Set(topics.flatMap((topic) => topic.flags));
  const rest = { title: "Flags", flags: Object.keys(flags).filter((name) => !sorted.has(name)) };
  let text = "";
  for (const topic of [rest, ...topics]) {
    const names = topic.flags.filter((name) => flags[name] && !flags[name].hidden).sort();
    const rows = names.map((name) => [flagName(name, flags[name]!), flagHelp(flags[name]!)] as const);
    if (rows.length > 0) text += `\n${heading(`${topic.title}:`, style)}\n${columns(rows, style)}`;
  }
  return text;
}

/** `path` is how the user calls it: "wharf run". */
export function commandHelp<C>(command: Command<C>, path: string, program: string, style: HelpStyle): string {
  const hasFlags = Object.keys(command.flags).length > 0;
  let text = `${heading("Usage:", style)}  ${path}${hasFlags ? " [FLAGS]" : ""}${command.usage ? ` ${command.usage}` : ""}\n\n`;
  text += `${wrap(command.description ?? command.summary, style.width).join("\n")}\n`;
  if (command.examples.length > 0) {
    text += `\n${heading("Examples:", style)}\n`;
    for (const [i, { what, line }] of command.examples.entries()) {
      text += `${i > 0 ? "\n" : ""}${wrap(what, style.width - 4)
        .map((part) => `  # ${part}\n`)
        .join("")}  ${program} ${line}\n`;
    }
  }
  return text + flagsHelp(command.flags, style, command.topics);
}

function nodeRows<C>(nodes: Iterable<[string, Node<C>]>): (readonly [string, string])[] {
  const rows: (readonly [string, string])[] = [];
  for (const [name, node] of nodes) if (!node.hidden && name === node.name) rows.push([name, node.summary]);
  return rows.sort(([a], [b]) => (a < b ? -1 : 1));
}

export function groupHelp<C>(group: Group<C>, path: string, style: HelpStyle): string {
  let text = `${heading("Usage:", style)}  ${path} COMMAND\n\n${group.summary}\n\n${heading("Commands:", style)}\n`;
  text += columns(nodeRows(group.commands), style);
  if (group.flags) text += flagsHelp(group.flags, style);
  return `${text}\nRun '${path} COMMAND --help' for more on a command.\n`;
}

/** The program's own help: its commands by section. */
export function programHelp<C>(
  program: string,
  what: string,
  root: ReadonlyMap<string, Node<C>>,
  sections: readonly Section[],
  flags: Flags,
  style: HelpStyle,
): string {
  let text = `${heading("Usage:", style)}  ${program} [FLAGS] COMMAND\n\n${wrap(what, style.width).join("\n")}\n`;
  for (const section of sections) {
    const rows = nodeRows([...root].filter(([, node]) => node.section === section.name));
    if (rows.length > 0) text += `\n${heading(`${section.title}:`, style)}\n${columns(rows, style)}`;
  }
  text += flagsHelp(flags, style);
  return `${text}\nRun '${program} COMMAND --help' for a command's flags and examples.\n`;
}

/** Every name below a group or the program, for "did you mean". */
export function knownNames<C>(commands: ReadonlyMap<string, Node<C>>): string[] {
  return [...commands].filter(([, node]) => !node.hidden).map(([name]) => name);
}
