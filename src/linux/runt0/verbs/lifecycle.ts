// The verbs that are one call each: start, state, kill, delete, pause, resume.
import { WharfError } from "../../../common/errors.ts";
import { stdout } from "../../sys/out.ts";
import { SIGNALS } from "../../sys/process.ts";
import type { Command } from "../command.ts";
import { positional } from "../flags.ts";
import { kill, pause, remove, resume, start, state } from "../lifecycle.ts";

export const startCommand: Command = {
  usage: "start ID",
  summary: "run the program of a created container",
  flags: {},
  run({ root }, parsed) {
    start(root, positional(parsed, "ID")[0]!);
    return 0;
  },
};

export const stateCommand: Command = {
  usage: "state ID",
  summary: "print the state of a container as JSON",
  flags: {},
  run({ root }, parsed) {
    stdout(`${JSON.stringify(state(root, positional(parsed, "ID")[0]!), null, 2)}\n`);
    return 0;
  },
};

/** "9", "KILL", "SIGKILL", "SIGRTMIN+3" as a number. */
export function parseSignal(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number <= 64) return number;
  const name = text.toUpperCase().replace(/^SIG/, "");
  const known = (SIGNALS as Record<string, number>)[name];
  if (known !== undefined) return known;
  const realtime = /^RT(MIN|MAX)([+-]\d+)?$/.exec(name);
  if (realtime) return (realtime[1] === "MIN" ? 34 : 64) + Number(realtime[2] ?? 0);
  throw new WharfError("InvalidArgument", `unknown signal ${JSON.stringify(text)}`, {
    hint: "give a name such as SIGTERM or a number",
  });
}

export const killCommand: Command = {
  usage: "kill [--all] ID [SIGNAL]",
  summary: "send a signal to a container's first process (SIGTERM by default)",
  flags: { "all|a": "bool" },
  run({ root }, parsed) {
    const [id, signal = "SIGTERM"] = parsed.args;
    if (id === undefined) throw new WharfError("InvalidArgument", "missing argument: ID");
    kill(root, id, parseSignal(signal), parsed.bool("all"));
    return 0;
  },
};

export const deleteCommand: Command = {
  usage: "delete [--force] ID",
  summary: "remove a container and all it holds",
  flags: { "force|f": "bool" },
  run({ root }, parsed) {
    remove(root, positional(parsed, "ID")[0]!, parsed.bool("force"));
    return 0;
  },
};

export const pauseCommand: Command = {
  usage: "pause ID",
  summary: "freeze all processes of a container",
  flags: {},
  run({ root }, parsed) {
    pause(root, positional(parsed, "ID")[0]!);
    return 0;
  },
};

export const resumeCommand: Command = {
  usage: "resume ID",
  summary: "let a paused container go on",
  flags: {},
  run({ root }, parsed) {
    resume(root, positional(parsed, "ID")[0]!);
    return 0;
  },
};
