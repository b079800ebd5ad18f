// runt state ID
import { stdout } from "../../sys/out.ts";
import type { Command } from "../command.ts";
import { positional } from "../flags.ts";
import { state } from "../view.ts";

export const stateCommand: Command = {
  usage: "state ID",
  summary: "print the state of a container as JSON",
  flags: {},
  run({ root }, parsed) {
    stdout(`${JSON.stringify(state(root, positional(parsed, "ID")[0]!), null, 2)}\n`);
    return 0;
  },
};
