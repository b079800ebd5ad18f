// runt: the OCI runtime, with runc's command line.
import "../sys/builtins.ts";
import { describe, hintOf, WharfError } from "../../common/errors.ts";
import { OCI_VERSION } from "../../common/oci/runtime.ts";
import { basename } from "../../common/path.ts";
import { VERSION } from "../../common/version.ts";
import { stderr, stdout } from "../sys/out.ts";
import { isRootless, ownsSystemd } from "../sys/rootless.ts";
import { openTrace } from "../sys/trace.ts";
import { asRunc } from "./as-runc.ts";
import type { Command, Context } from "./command.ts";
import { debugTrace } from "./debug-trace.ts";
import { type FlagSpec, flagTable, type Parsed, parseFlags, USAGE, usage } from "./flags.ts";
import { help, helpOf } from "./help.ts";
import { absolute } from "./launch-flags.ts";
import { type LogTarget, log } from "./log.ts";
import { printedTrace } from "./printed-trace.ts";
import { defaultRoot } from "./state.ts";
import { checkpointCommand } from "./verbs/checkpoint.ts";
import { createCommand } from "./verbs/create.ts";
import { deleteCommand } from "./verbs/delete.ts";
import { eventsCommand } from "./verbs/events.ts";
import { execCommand } from "./verbs/exec.ts";
import { featuresCommand } from "./verbs/features.ts";
import { killCommand } from "./verbs/kill.ts";
import { listCommand } from "./verbs/list.ts";
import { pauseCommand } from "./verbs/pause.ts";
import { planCommand } from "./verbs/plan.ts";
import { psCommand } from "./verbs/ps.ts";
import { restoreCommand } from "./verbs/restore.ts";
import { resumeCommand } from "./verbs/resume.ts";
import { runCommand } from "./verbs/run.ts";
import { specCommand } from "./verbs/spec.ts";
import { startCommand } from "./verbs/start.ts";
import { stateCommand } from "./verbs/state.ts";
import { updateCommand } from "./verbs/update.ts";

const COMMANDS: Record<string, Command> = {
  create: createCommand,
  start: startCommand,
  run: runCommand,
  exec: execCommand,
  state: stateCommand,
  events: eventsCommand,
  list: listCommand,
  ps: psCommand,
  kill: killCommand,
  delete: deleteCommand,
  pause: pauseCommand,
  plan: planCommand,
  resume: resumeCommand,
  checkpoint: checkpointCommand,
  restore: restoreCommand,
  update: updateCommand,
  spec: specCommand,
  features: featuresCommand,
};

/** "toString" is none. */
const commandOf = (name: string) => (Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined);

const GLOBAL: FlagSpec = {
  root: "string",
  log: "string",
  "log-format": "string",
  debug: "bool",
  "systemd-cgroup": "bool",
  rootless: "string",
  criu: "string",
  "version|v": "bool",
  "help|h": "bool",
};

const GLOBAL_FLAGS = flagTable(GLOBAL);
const FLAGS = new Map(
  Object.entries(COMMANDS).map(([name, { flags }]) => [name, flagTable({ ...flags, "help|h": "bool" })]),
);

/** What this program is called by: `runt`, or the name of what it stands in for. */
const nameOf = (words: readonly string[]) => basename(words[0] ?? "runt");

function dispatch(program: string, global: Parsed, target: LogTarget): number {
  const [name, ...rest] = global.args;
  if (global.bool("version") || name === "version") {
    stdout(`${program} version ${VERSION}\ncommit: v${VERSION}\nspec: ${OCI_VERSION}\n`);
    return 0;
  }
  if (global.bool("help") || name === "help" || name === undefined) {
    stdout(help(program, Object.values(COMMANDS), GLOBAL));
    return 0;
  }
  const command = commandOf(name);
  if (!command) throw usage(`unknown command ${JSON.stringify(name)}: No help topic for '${name}'`);
  const parsed = parseFlags(rest, FLAGS.get(name)!, command.stopAtArgument ?? false);
  if (parsed.bool("help")) {
    stdout(helpOf(program, command));
    return 0;
  }
  const warn = (text: string) => log(target, "warning", text);
  const trace = parsed.bool("trace") ? printedTrace() : global.bool("debug") ? debugTrace(target) : openTrace("runt");
  const root = absolute(global.string("root") ?? defaultRoot());
  const systemd = global.bool("systemd-cgroup") ? managerOf(global.string("rootless")) : undefined;
  const context: Context = { root, warn, trace, systemd, criu: global.string("criu") || "criu" };
  if (!trace) return command.run(context, parsed);
  try {
    return trace.span(`runt ${name}`, undefined, () => command.run(context, parsed));
  } finally {
    trace.close();
  }
}

/** --rootless says whose manager of systemd is meant, or we find out. */
function managerOf(rootless: string | undefined): "system" | "user" {
  if (rootless !== undefined && !/^(auto|true|false|1|0)?$/.test(rootless)) {
    throw new WharfError("InvalidArgument", `--rootless ${JSON.stringify(rootless)}: expected true, false or auto`);
  }
  if (!rootless || rootless === "auto") return isRootless() && !ownsSystemd() ? "user" : "system";
  return rootless === "true" || rootless === "1" ? "user" : "system";
}

/** runc tells a failed exec by this code from what the program ended with. */
const EXEC_FAILED = 255;
const NO_SUCH_COMMAND = 3;

export function main(words: string[]): number {
  let target: LogTarget = { path: undefined, format: "text" };
  let verb: string | undefined;
  try {
    const global = parseFlags(words.slice(1), GLOBAL_FLAGS, true);
    const format = global.string("log-format") || "text";
    target = { path: global.string("log") || undefined, format: format === "json" ? "json" : "text" };
    if (format !== "json" && format !== "text")
      throw usage(`--log-format ${JSON.stringify(format)}: expected text or json`);
    verb = global.args[0];
    return dispatch(nameOf(words), global, target);
  } catch (error) {
    const called = nameOf(words);
    const text = called === "runc" && verb !== undefined ? asRunc(verb, error) : describe(error);
    const hint = hintOf(error);
    if (target.path) log(target, "error", hint ? `${text} (${hint})` : text);
    // a missing interpreter is told as every shell tells it, and as docker's users know it
    stderr(
      `${/^(exec|runc (run|create) failed:) /.test(text) ? "" : `${called === "runc" ? called : "runt"}: `}${text}\n${hint ? `hint: ${hint}\n` : ""}`,
    );
    if (!(error instanceof Error && error.name === "WharfError"))
      stderr(error instanceof Error ? (error.stack ?? "") : "");
    if (verb !== undefined && !commandOf(verb)) return NO_SUCH_COMMAND;
    const started = !(error instanceof WharfError && error.operation === USAGE);
    return verb === "exec" && started ? EXEC_FAILED : 1;
  }
}
