// runt create ID
import type { Command } from "../command.ts";
import { create } from "../create.ts";
import { positional } from "../flags.ts";
import { CREATE_FLAGS, createOptions } from "../launch-flags.ts";

export const createCommand: Command = {
  usage: "create [--bundle DIR] [--console-socket PATH] [--pid-file PATH] ID",
  summary: "create a container; its program waits for `start`",
  flags: CREATE_FLAGS,
  run(context, parsed) {
    const [id = ""] = positional(parsed, "ID");
    create({ ...context, id, ...createOptions(parsed) });
    return 0;
  },
};
