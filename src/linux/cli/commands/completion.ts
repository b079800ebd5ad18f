// wharf completion: scripts for shells, which ask `wharf __complete` for what fits; that comes from the commands' declarations.
import { ANY, type Command, isGroup } from "../../../common/cli/command.ts";
import type { Completes, Flag, Flags } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Cli, command, type WharfNode } from "../cli.ts";
import { DEFAULT_CONTEXT } from "../context/store.ts";
import { GLOBAL_FLAGS } from "../global-flags.ts";
import { imageNames, namesOfContainers, networkNames, volumeNames } from "../hints.ts";

/** Each hands the words up to the cursor over, and falls back to files when nothing is answered. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_wharf() {
  local IFS=$'\\n' word="\${COMP_LINE:0:COMP_POINT}" answer
  [[ $word == *[[:space:]] ]] && word="" || word="\${word##*[[:space:]]}"
  answer=$(wharf __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" "$word" 2>/dev/null)
  COMPREPLY=($(compgen -W "$answer" -- "$word"))
  # readline takes a colon for the beginning of a word
  [[ $word == *:* ]] && COMPREPLY=("\${COMPREPLY[@]#"\${word%:*}:"}")
}
complete -o default -F _wharf wharf
`,
  zsh: `#compdef wharf
_wharf() {
  local -a answer
  answer=("\${(@f)$(wharf __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  answer=(\${answer:#})
  if (( \${#answer} )); then compadd -- "\${answer[@]}"; else _files; fi
}
compdef _wharf wharf
`,
  fish: `function __wharf_complete
  set -l words (commandline -opc) (commandline -ct)
  wharf __complete -- $words[2..-1] 2>/dev/null
end
complete -c wharf -a '(__wharf_complete)'
`,
};

export const completion = command({
  name: "completion",
  summary: "Print a script that completes commands, flags and names in a shell",
  usage: "bash|zsh|fish",
  args: { min: 1, max: 1 },
  section: "system",
  flags: {},
  examples: [
    { what: "For this bash", line: "completion bash >/etc/bash_completion.d/wharf" },
    { what: "For every fish", line: "completion fish >~/.config/fish/completions/wharf.fish" },
  ],
  run: (cli, { args }) => {
    const script = SCRIPTS[args[0]!];
    if (script === undefined)
      throw new WharfError("InvalidArgument", `no completion for ${JSON.stringify(args[0])}`, {
        hint: `shells are ${Object.keys(SCRIPTS).join(", ")}`,
      });
    cli.out(script);
    return 0;
  },
});

export const complete = command({
  name: "__complete",
  summary: "Print what fits at the end of a command line",
  usage: "WORDS...",
  args: { min: 0, max: ANY },
  section: "system",
  hidden: true,
  interspersed: false,
  flags: {},
  examples: [],
  run: async (cli, { args }) => {
    const word = args.at(-1) ?? "";
    const fitting = (await candidates(cli, args.slice(0, -1), word)).filter((one) => one.startsWith(word));
    cli.out(
      [...new Set(fitting)]
        .sort()
        .map((one) => `${one}\n`)
        .join(""),
    );
    return 0;
  },
});

async function candidates(cli: Cli, before: readonly string[], word: string): Promise<string[]> {
  let commands: ReadonlyMap<string, WharfNode> = cli.commands;
  for (let at = 0; at < before.length; at++) {
    const name = before[at]!;
    if (commands === cli.commands && name.startsWith("-")) {
      // A flag of the program's own; the word after it may be its value.
      const [, flag] = flagOf(GLOBAL_FLAGS, name) ?? [];
      if (flag && flag.type !== "" && !name.includes("=") && ++at >= before.length)
        return await named(cli, flag.completes);
      continue;
    }
    const node = commands.get(name);
    if (!node) return [];
    if (!isGroup(node)) return await argumentsOf(cli, node, before.slice(at + 1), word);
    commands = node.commands;
  }
  if (word.startsWith("-") && commands === cli.commands) return [...flagWords(GLOBAL_FLAGS), "--help"];
  return [...commands].filter(([, node]) => !node.hidden).map(([name]) => name);
}

function flagOf(flags: Flags, word: string): [name: string, flag: Flag<unknown>] | undefined {
  return Object.entries(flags).find(([name, { short }]) => word === `--${name}` || word === `-${short}`);
}

function flagWords(flags: Flags): string[] {
  return Object.entries(flags)
    .filter(([, { hidden }]) => !hidden)
    .map(([name]) => `--${name}`);
}

/** The names of one kind that there are. */
async function named(cli: Cli, kind: Completes | undefined): Promise<string[]> {
  if (kind === "images") return await imageNames(cli);
  if (kind === "containers") return await namesOfContainers(cli, true);
  if (kind === "running") return await namesOfContainers(cli, false);
  if (kind === "volumes") return await volumeNames(cli);
  if (kind === "networks") return await networkNames(cli);
  if (kind === "contexts") return [...cli.contexts.list().map(({ Name }) => Name), DEFAULT_CONTEXT];
  return [];
}

async function argumentsOf(cli: Cli, node: Command<Cli>, before: readonly string[], word: string): Promise<string[]> {
  const [, open] = flagOf(node.flags, before.at(-1) ?? "") ?? [];
  if (open && open.type !== "") return open.choices ? [...open.choices] : await named(cli, open.completes);
  // What follows the first argument of run and exec is another program's.
  const taken = argumentCount(node, before);
  if (word.startsWith("-") && (node.interspersed !== false || taken === 0)) return [...flagWords(node.flags), "--help"];
  if (node.interspersed === false && taken > 0) return [];
  return await named(cli, node.completes);
}

/** The words that are neither flags nor their values. */
function argumentCount(node: Command<Cli>, words: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (!word.startsWith("-")) count++;
    else if ((flagOf(node.flags, word)?.[1].type ?? "") !== "") i++;
  }
  return count;
}
