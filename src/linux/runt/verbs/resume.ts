// runt resume ID
import type { Command } from "../command.ts";
import { resume } from "../control.ts";
import { positional } from "../flags.ts";

export const resumeCommand: Command = {
  usage: "resume ID",
  summary: "let a paused container go on",
  flags: {},
  run({ root }, parsed) {
    resume(root, positional(parsed, "ID")[0]!);
    return 0;
  },
};
