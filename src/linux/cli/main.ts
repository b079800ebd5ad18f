// The `wharf` program: finds the command in the tree, parses its flags, runs it, and turns errors into words and exit codes.
import "../sys/builtins.ts";
import { HelpWanted, parseCommand, parseFlags } from "../../common/cli/arguments.ts";
import { isGroup } from "../../common/cli/command.ts";
import { ELSEWHERE } from "../../common/cli/elsewhere.ts";
import { commandHelp, groupHelp, type HelpStyle, knownNames, programHelp } from "../../common/cli/help.ts";
import { suggest } from "../../common/cli/suggest.ts";
import { WharfError } from "../../common/errors.ts";
import { VERSION } from "../../common/version.ts";
import { O, open } from "../sys/fs.ts";
import { loop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { stderr, stdout } from "../sys/out.ts";
import { Cli, type Globals, PROGRAM, type WharfNode } from "./cli.ts";
import { ROOT, SECTIONS } from "./commands/index.ts";
import { ExitCode, report, USAGE } from "./errors.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";
import { withNameHint } from "./hints.ts";
import { terminalSize } from "./terminal.ts";

const WHAT = "Containers from the command line to the kernel: images, containers and the daemon behind them.";

function helpStyle(fd: 1 | 2): HelpStyle {
  // A pager in between shows it in the window all the same.
  const size = terminalSize(fd) ?? terminalSize(2);
  return {
    width: Math.min(size?.columns ?? 100, 120),
    bold: new Cli(NO_GLOBALS, ROOT).colour(fd),
  };
}

const NO_GLOBALS: Globals = {
  hosts: { host: "", context: "", tls: false, tlsverify: undefined, tlscacert: "", tlscert: "", tlskey: "" },
  config: "",
  debug: false,
};

function rootHelp(fd: 1 | 2): string {
  return programHelp(PROGRAM, WHAT, ROOT, SECTIONS, GLOBAL_FLAGS, helpStyle(fd));
}

function unknownCommand(path: string, word: string, commands: ReadonlyMap<string, WharfNode>): WharfError {
  const known = ELSEWHERE[`${path} ${word}`.slice(PROGRAM.length + 1)];
  if (known !== undefined) return new WharfError("Unimplemented", `'${path} ${word}' is not here: ${known}`);
  const near = suggest(word, knownNames(commands));
  const hint =
    near.length > 0
      ? `did you mean ${near.map((name) => `'${path} ${name}'`).join(" or ")}?`
      : `'${path} --help' lists the commands`;
  return new WharfError("InvalidArgument", `unknown command '${path} ${word}'`, { hint });
}

async function run(argv: readonly string[]): Promise<number> {
  const input = parseFlags(GLOBAL_FLAGS, argv, false, "a command's own flags come after its name");
  if (input.flags.version) {
    stdout(`Wharf version ${VERSION}\n`);
    return 0;
  }
  const { config, debug } = input.flags;
  const globals: Globals = { hosts: input.flags, config, debug: debug || input.flags["log-level"] === "debug" };
  let [word, ...rest] = input.args;
  if (word === undefined) {
    stderr(rootHelp(2));
    return 0;
  }
  if (word === "help") {
    rest = [...rest, "--help"];
    word = rest.shift()!;
    if (word === "--help") throw new HelpWanted();
  }
  let path = PROGRAM;
  let commands = ROOT;
  for (;;) {
    const node = commands.get(word);
    if (!node) throw unknownCommand(path, word, commands);
    path += ` ${word}`;
    if (!isGroup(node)) {
      const cli = new Cli(globals, ROOT);
      let parsed: ReturnType<typeof parseCommand> | undefined;
      try {
        parsed = parseCommand(node, rest, path);
        return await node.run(cli, parsed);
      } catch (error) {
        if (error instanceof HelpWanted) {
          stdout(commandHelp(node, path, PROGRAM, helpStyle(1)));
          return 0;
        }
        const code = report(cli, await withNameHint(cli, error), path);
        // As docker has it: 125 for flags that cannot be read, and for whatever keeps a container from being made.
        return parsed && code === USAGE && node.name !== "create" ? 1 : code;
      }
    }
    commands = node.commands;
    const next = rest.shift();
    if (next === undefined || next === "--help" || next === "-h") {
      (next === undefined ? stderr : stdout)(groupHelp(node, path, helpStyle(next === undefined ? 2 : 1)));
      return 0;
    }
    word = next;
  }
}

const F_GETFD = 1;
const EBADF = 9;

/** A caller may have closed stdin, stdout or stderr; the next file to be opened would take its place. */
function holdStandardStreams(): void {
  for (const fd of [0, 1, 2]) if (native.syscall(NR.fcntl, fd, F_GETFD) === -EBADF) open("/dev/null", O.RDWR);
}

export function main(args: string[]): number {
  holdStandardStreams();
  const outcome = run(args.slice(1)).catch((error: unknown) => {
    if (error instanceof HelpWanted) {
      stdout(rootHelp(1));
      return 0;
    }
    if (error instanceof ExitCode) return error.code;
    return report(new Cli(NO_GLOBALS, ROOT), error, PROGRAM);
  });
  return loop().run(outcome);
}
