// The documentation's page of a command, from the same declaration as its help.
import type { Command } from "./command.ts";
import type { Flag, Flags } from "./flags.ts";

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

function flagRow(name: string, flag: Flag<unknown>): string {
  const { initial, choices } = flag;
  const letter = flag.short ? `\`-${flag.short}\`, ` : "";
  const words = choices ? `: one of ${choices.map((word) => `\`${word}\``).join(", ")}` : "";
  const shown =
    initial !== undefined && initial !== "" && initial !== 0 && initial !== false && typeof initial !== "object";
  const value = flag.type === "" ? "" : ` ${flag.type}`;
  return `| ${letter}\`--${name}${cell(value)}\` | ${cell(flag.help)}${words} | ${shown ? `\`${String(initial)}\`` : ""} |\n`;
}

function table(flags: Flags, names: readonly string[]): string {
  const visible = names.filter((name) => flags[name] && !flags[name].hidden).sort();
  if (visible.length === 0) return "";
  return `| flag | what | default |\n|---|---|---|\n${visible.map((name) => flagRow(name, flags[name]!)).join("")}`;
}

/** `path` is how the command is called: "wharf daemon start". */
export function commandPage<C>(command: Command<C>, path: string, program: string): string {
  const flags = command.flags as Flags;
  const names = Object.keys(flags);
  let page = `# ${path}\n\n${command.summary}.\n\n`;
  page += `    ${path}${names.length > 0 ? " [FLAGS]" : ""}${command.usage ? ` ${command.usage}` : ""}\n`;
  if (command.description) page += `\n${command.description}\n`;
  if (command.examples.length > 0) {
    page += "\n## Examples\n";
    for (const { what, line } of command.examples)
      page += `\n${what}${what.endsWith("?") ? "" : ":"}\n\n    ${program} ${line}\n`;
  }
  const sorted = new Set((command.topics ?? []).flatMap((topic) => topic.flags));
  const rest = table(
    flags,
    names.filter((name) => !sorted.has(name)),
  );
  if (rest !== "") page += `\n## Flags\n\n${rest}`;
  for (const topic of command.topics ?? []) {
    const rows = table(flags, topic.flags);
    if (rows !== "") page += `\n### ${topic.title}\n\n${rows}`;
  }
  return page;
}
