// runt start ID
import type { Command } from "../command.ts";
import { positional } from "../flags.ts";
import { start } from "../start.ts";

export const startCommand: Command = {
  usage: "start ID",
  summary: "run the program of a created container",
  flags: {},
  run({ root, trace }, parsed) {
    start(root, positional(parsed, "ID")[0]!, trace);
    return 0;
  },
};
