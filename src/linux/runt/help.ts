// --help, in the form that callers of runc know.
import type { Command } from "./command.ts";
import type { FlagSpec } from "./flags.ts";

/** "   --force, -f" and "   --cwd VALUE", one a line. */
function flagList(flags: FlagSpec): string {
  return Object.entries(flags)
    .map(([names, kind]) => {
      const words = names.split("|").map((name) => (name.length === 1 ? `-${name}` : `--${name}`));
      return `   ${words.join(", ")}${kind === "bool" ? "" : kind === "list" ? " VALUE …" : " VALUE"}\n`;
    })
    .join("");
}

const options = (title: string, flags: FlagSpec) => {
  const list = flagList(flags);
  return list === "" ? "" : `\n${title}:\n${list}`;
};

export function help(name: string, commands: readonly Command[], flags: FlagSpec): string {
  const verbs = commands.map(({ usage, summary }) => `   ${usage}\n      ${summary}\n`);
  const usage = `USAGE:\n   ${name} [GLOBAL OPTIONS] COMMAND\n`;
  const title = `NAME:\n   ${name} - Open Container Initiative runtime\n`;
  return `${title}\n${usage}\nCOMMANDS:\n${verbs.join("")}${options("GLOBAL OPTIONS", flags)}`;
}

export function helpOf(name: string, { usage, summary, flags }: Command): string {
  const verb = usage.split(" ", 1)[0];
  return `NAME:\n   ${name} ${verb} - ${summary}\n\nUSAGE:\n   ${name} ${usage}\n${options("OPTIONS", flags)}`;
}
