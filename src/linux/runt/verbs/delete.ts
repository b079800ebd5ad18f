// runt delete ID
import type { Command } from "../command.ts";
import { remove } from "../delete.ts";
import { positional } from "../flags.ts";

export const deleteCommand: Command = {
  usage: "delete [--force] ID",
  summary: "remove a container and all it holds",
  flags: { "force|f": "bool" },
  run({ root, warn }, parsed) {
    remove(root, positional(parsed, "ID")[0]!, parsed.bool("force"), warn);
    return 0;
  },
};
