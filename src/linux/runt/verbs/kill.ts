// runt kill ID [SIGNAL]
import { WharfError } from "../../../common/errors.ts";
import { signalNumber } from "../../../common/signals.ts";
import type { Command } from "../command.ts";
import { usage } from "../flags.ts";
import { kill } from "../kill.ts";

/** "9", "KILL", "SIGKILL", "SIGRTMIN+3" as a number. */
export function parseSignal(text: string): number {
  // 0 asks whether the process is there
  if (/^0+$/.test(text)) return 0;
  const known = signalNumber(text);
  if (known !== undefined) return known;
  throw new WharfError("InvalidArgument", `unknown signal ${JSON.stringify(text)}`, {
    hint: "give a name such as SIGTERM or a number",
  });
}

export const killCommand: Command = {
  usage: "kill [--all] ID [SIGNAL]",
  summary: "send a signal to a container's first process (SIGTERM by default)",
  flags: { "all|a": "bool" },
  run({ root }, parsed) {
    const [id, signal = "SIGTERM", ...rest] = parsed.args;
    if (id === undefined) throw usage("missing argument: ID");
    if (rest.length > 0) throw new WharfError("InvalidArgument", `unexpected argument ${JSON.stringify(rest[0])}`);
    kill(root, id, parseSignal(signal), parsed.bool("all"));
    return 0;
  },
};
