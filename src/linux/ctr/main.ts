// The `ctr` program: containerd's own command line, on any containerd. Flags end at the first argument, one dash or two.
import "../sys/builtins.ts";
import { HelpWanted, parseCommand, parseFlags } from "../../common/cli/arguments.ts";
import { isGroup } from "../../common/cli/command.ts";
import { bool, duration, type Flags, string } from "../../common/cli/flags.ts";
import { commandHelp, groupHelp, programHelp } from "../../common/cli/help.ts";
import { suggest } from "../../common/cli/suggest.ts";
import { describe, hintOf, WharfError } from "../../common/errors.ts";
import { VERSION } from "../../common/version.ts";
import { loop } from "../sys/loop.ts";
import { stderr, stdout } from "../sys/out.ts";
import { environment } from "../sys/process.ts";
import { COMMANDS } from "./commands/index.ts";
import { Ctr, PROGRAM } from "./ctr.ts";

const WHAT = "Looks into containerd and works with it directly: images, containers, tasks, snapshots, content.";
const SECTIONS = [{ name: "commands", title: "Commands" }];
/** As the original ends. */
const UNKNOWN_COMMAND = 3;
const STYLE = { width: 100, bold: false };

const GLOBALS = {
  debug: bool("Show errors with their whole chain"),
  address: string("Address of containerd's socket (also CONTAINERD_ADDRESS)", { short: "a" }),
  timeout: duration("Time for the whole command"),
  "connect-timeout": duration("Time to connect; a local socket answers at once"),
  namespace: string("Namespace to work in (also CONTAINERD_NAMESPACE)", { short: "n" }),
  version: bool("Print the version", { short: "v" }),
} as const;

/** Go's flags may have one dash: `-namespace moby`. */
function twoDashes(flags: Flags, argv: readonly string[]): string[] {
  const words = [...argv];
  for (let at = 0; at < words.length; at++) {
    const match = /^(--?)([^-=][^=]*)(=.*)?$/.exec(words[at]!);
    if (!match) break;
    const [, , name = "", value] = match;
    const flag = flags[name];
    if (flag && name.length > 1) words[at] = `--${name}${value ?? ""}`;
    const known = flag ?? Object.values(flags).find(({ short }) => short === name);
    if (known && known.type !== "" && value === undefined) at++;
  }
  return words;
}

/** Takes a group's flags, with their values, from the beginning of the words. */
function flagWords(flags: Flags, words: string[]): string[] {
  if (!words[0]?.startsWith("-") || words[0] === "-h" || words[0] === "--help") return [];
  const input = parseFlags(flags, twoDashes(flags, words), false);
  const left = input.args.length;
  return words.splice(0, words.length - left);
}

function socketOf(env: ReadonlyMap<string, string>): string {
  return env.get("CONTAINERD_ADDRESS") || "/run/wharf/containerd.sock";
}

async function run(argv: readonly string[]): Promise<number> {
  const env = environment();
  const input = parseFlags(GLOBALS, twoDashes(GLOBALS, argv), false);
  const { flags } = input;
  if (flags.version) {
    stdout(`${PROGRAM} wharf ${VERSION}\n`);
    return 0;
  }
  const [first, ...rest] = input.args;
  if (first === undefined || first === "help" || first === "h") throw new HelpWanted();
  using ctr = new Ctr({
    address: (flags.address || socketOf(env)).replace(/^unix:\/\//, ""),
    namespace: flags.namespace || env.get("CONTAINERD_NAMESPACE") || "default",
    debug: flags.debug,
    timeoutMs: flags.timeout > 0 ? flags.timeout / 1e6 : undefined,
  });
  let path: string = PROGRAM;
  let commands = COMMANDS;
  /** What stood before the command's own name. */
  const early: string[] = [];
  for (let word: string = first; ; ) {
    const node = commands.get(word);
    if (!node) {
      const near = suggest(word, [...commands.keys()])[0];
      const hint = near ? `did you mean '${path} ${near}'?` : `'${path} --help' lists the commands`;
      report(new WharfError("InvalidArgument", `unknown command '${path} ${word}'`, { hint }), flags.debug);
      return UNKNOWN_COMMAND;
    }
    path += ` ${node.name}`;
    if (!isGroup(node)) {
      try {
        return await settling(ctr, () =>
          node.run(ctr, parseCommand(node, twoDashes(node.flags, [...early, ...rest]), path)),
        );
      } catch (error) {
        if (!(error instanceof HelpWanted)) return report(error, flags.debug);
        stdout(commandHelp(node, path, PROGRAM, STYLE));
        return 0;
      }
    }
    if (node.flags) early.push(...flagWords(node.flags, rest));
    const next = rest.shift();
    if (next === undefined || next === "--help" || next === "-h" || next === "help") {
      stdout(groupHelp(node, path, STYLE));
      return 0;
    }
    commands = node.commands;
    word = next;
  }
}

/** Runs a command, and waits for what it left to go on beside it: the release of its lease, for one, however it ended. */
async function settling(ctr: Ctr, work: () => number | Promise<number>): Promise<number> {
  let code: number;
  try {
    code = await work();
  } catch (error) {
    // what the command failed at is what counts
    await ctr.settled().catch(() => {});
    throw error;
  }
  await ctr.settled();
  return code;
}

function report(error: unknown, debug: boolean): number {
  const known = error instanceof WharfError;
  stderr(`${PROGRAM}: ${debug || !known ? describe(error) : messageOf(error)}\n`);
  const hint = hintOf(error);
  if (hint) stderr(`hint: ${hint}\n`);
  if (!known && error instanceof Error && error.stack) stderr(error.stack);
  return 1;
}

/** The message with what went wrong below it, and with the kind of error as containerd's clients end their messages. */
function messageOf(error: WharfError): string {
  const { cause, code, message } = error;
  const below = cause instanceof Error && !message.includes(cause.message) ? `: ${cause.message}` : "";
  const kind = code.replace(/(?<!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
  const told = error.operation === "usage" || code === "Unknown" || message.toLowerCase().includes(kind);
  return `${message}${below}${told ? "" : `: ${kind}`}`;
}

export function main(args: string[]): number {
  const outcome = run(args.slice(1)).catch((error: unknown) => {
    if (!(error instanceof HelpWanted)) return report(error, false);
    stdout(programHelp(PROGRAM, WHAT, COMMANDS, SECTIONS, GLOBALS, STYLE));
    return 0;
  });
  return loop().run(outcome);
}
