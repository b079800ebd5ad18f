// runt pause ID
import type { Command } from "../command.ts";
import { pause } from "../control.ts";
import { positional } from "../flags.ts";

export const pauseCommand: Command = {
  usage: "pause ID",
  summary: "freeze all processes of a container",
  flags: {},
  run({ root }, parsed) {
    pause(root, positional(parsed, "ID")[0]!);
    return 0;
  },
};
