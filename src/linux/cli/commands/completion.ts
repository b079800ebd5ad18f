// wharf completion: scripts for shells, which ask `wharf __complete` for what fits; that comes from the commands' declarations.

import { parseFlags } from "../../../common/cli/arguments.ts";
import { ANY } from "../../../common/cli/command.ts";
import { complete as fitting, splitLine } from "../../../common/cli/complete.ts";
import { bool, maybeString } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { Cli, command } from "../cli.ts";
import { FILES, known, NO_SPACE } from "../completion/known.ts";
import { SCRIPTS } from "../completion/scripts.ts";
import { GLOBAL_FLAGS } from "../global-flags.ts";

export const completion = command({
  name: "completion",
  summary: "Print a script that completes commands, flags and names in a shell",
  description:
    "Names of containers, images, volumes and networks come from the daemon when it runs; it is not started for them, and it is not waited for longer than a second.",
  usage: "bash|zsh|fish",
  args: { min: 1, max: 1 },
  section: "system",
  words: Object.keys(SCRIPTS),
  flags: {},
  examples: [
    { what: "For this bash", line: "completion bash >/etc/bash_completion.d/wharf" },
    {
      what: "For every zsh, in a folder of its $fpath",
      line: "completion zsh >/usr/local/share/zsh/site-functions/_wharf",
    },
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
  flags: {
    line: maybeString("The line up to the cursor, as the shell has it, instead of words"),
    describe: bool("After each word a tab and what it means"),
  },
  examples: [],
  run: async (cli, { flags, args }) => {
    const words = flags.line === undefined ? args : splitLine(flags.line).slice(1);
    const word = words.at(-1) ?? "";
    const found = fitting(cli.commands, GLOBAL_FLAGS, words.slice(0, -1), word);
    const { candidates, files } = await known(asked(cli, words.slice(0, -1)), found);
    const fit = new Map<string, string>();
    for (const one of candidates) if (one.word.startsWith(word) && !fit.has(one.word)) fit.set(one.word, one.what);
    const sorted = [...fit].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [one, what] of sorted) cli.out(flags.describe && what !== "" ? `${one}\t${what}\n` : `${one}\n`);
    // What goes on after the word needs no space.
    if (sorted.length > 0 && sorted.every(([one]) => /[=:]$/.test(one))) cli.out(NO_SPACE);
    if (files) cli.out(FILES);
    return 0;
  },
});

/** For the daemon and configuration that the line's own flags name. */
function asked(cli: Cli, before: readonly string[]): Cli {
  try {
    const { flags } = parseFlags(GLOBAL_FLAGS, before, false);
    return new Cli({ hosts: flags, config: flags.config, debug: false }, cli.commands);
  } catch {
    return cli;
  }
}
