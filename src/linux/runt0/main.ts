// runt: the OCI runtime, with runc's command line.
import { describe, hintOf } from "../../common/errors.ts";
import { OCI_VERSION } from "../../common/oci/runtime.ts";
import { stderr, stdout } from "../sys/out.ts";
import type { Command } from "./command.ts";
import { type Parsed, parseFlags } from "./flags.ts";
import { type LogTarget, log } from "./log.ts";
import { DEFAULT_ROOT } from "./state.ts";
import { createCommand } from "./verbs/create.ts";
import { execCommand } from "./verbs/exec.ts";
import { featuresCommand } from "./verbs/features.ts";
import {
  deleteCommand,
  killCommand,
  pauseCommand,
  resumeCommand,
  startCommand,
  stateCommand,
} from "./verbs/lifecycle.ts";
import { listCommand, psCommand } from "./verbs/list.ts";
import { runCommand } from "./verbs/run.ts";
import { specCommand } from "./verbs/spec.ts";
import { updateCommand } from "./verbs/update.ts";
import { VERSION } from "./version.ts";

const COMMANDS: Record<string, Command> = {
  create: createCommand,
  start: startCommand,
  run: runCommand,
  exec: execCommand,
  state: stateCommand,
  list: listCommand,
  ps: psCommand,
  kill: killCommand,
  delete: deleteCommand,
  pause: pauseCommand,
  resume: resumeCommand,
  update: updateCommand,
  spec: specCommand,
  features: featuresCommand,
};

const GLOBAL = {
  root: "string",
  log: "string",
  "log-format": "string",
  debug: "bool",
  "systemd-cgroup": "bool",
  rootless: "string",
  criu: "string",
  "version|v": "bool",
  "help|h": "bool",
} as const;

function help(): string {
  const lines = Object.values(COMMANDS).map(({ usage, summary }) => `  ${usage}\n      ${summary}\n`);
  return `runt: an OCI runtime\n\nusage: runt [--root DIR] [--log FILE] [--log-format text|json] [--debug] COMMAND\n\n${lines.join("")}`;
}

function dispatch(global: Parsed, target: LogTarget): number {
  const [name, ...rest] = global.args;
  if (global.bool("version") || name === "version") {
    stdout(`runt version ${VERSION}\nspec: ${OCI_VERSION}\n`);
    return 0;
  }
  if (global.bool("help") || name === "help" || name === undefined) {
    stdout(help());
    return 0;
  }
  const command = COMMANDS[name];
  if (!command) {
    stderr(`runt: unknown command ${JSON.stringify(name)}\nhint: see runt --help\n`);
    return 1;
  }
  const parsed = parseFlags(rest, { ...command.flags, "help|h": "bool" }, command.stopAtArgument ?? false);
  if (parsed.bool("help")) {
    stdout(`usage: runt ${command.usage}\n\n${command.summary}\n`);
    return 0;
  }
  const warn = (text: string) => log(target, "warning", text);
  return command.run({ root: global.string("root") ?? DEFAULT_ROOT, warn }, parsed);
}

export function main(words: string[]): number {
  let target: LogTarget = { path: undefined, format: "text" };
  try {
    const global = parseFlags(words.slice(1), GLOBAL, true);
    target = {
      path: global.string("log") || undefined,
      format: global.string("log-format") === "json" ? "json" : "text",
    };
    return dispatch(global, target);
  } catch (error) {
    const text = describe(error);
    const hint = hintOf(error);
    if (target.path) log(target, "error", text);
    stderr(`runt: ${text}\n${hint ? `hint: ${hint}\n` : ""}`);
    if (!(error instanceof Error && error.name === "WharfError"))
      stderr(error instanceof Error ? (error.stack ?? "") : "");
    return words.includes("exec") ? 255 : 1;
  }
}
