// runt kill ID [SIGNAL]
import { WharfError } from "../../../common/errors.ts";
import { SIGNALS } from "../../sys/process.ts";
import type { Command } from "../command.ts";
import { usage } from "../flags.ts";
import { kill } from "../kill.ts";

const HIGHEST = 64;
const FIRST_REALTIME = 34;

/** "9", "KILL", "SIGKILL", "SIGRTMIN+3" as a number. */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 0 && Number(text) <= HIGHEST) return Number(text);
  const name = text.toUpperCase().replace(/^SIG/, "");
  const known = (SIGNALS as Record<string, number>)[name];
  if (known !== undefined) return known;
  const realtime = /^RT(MIN|MAX)([+-]\d+)?$/.exec(name);
  if (realtime) {
    const number = (realtime[1] === "MIN" ? FIRST_REALTIME : HIGHEST) + Number(realtime[2] ?? 0);
    if (number >= FIRST_REALTIME && number <= HIGHEST) return number;
  }
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
