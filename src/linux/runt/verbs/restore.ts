// runt restore ID: like run, from a checkpoint.
import { PR, prctl } from "../../sys/process.ts";
import { CRIU_FLAGS, criuOptions } from "../checkpoint/options.ts";
import { type RestoreOptions, restore } from "../checkpoint/restore.ts";
import type { Command } from "../command.ts";
import { remove } from "../delete.ts";
import { positional } from "../flags.ts";
import { holdSignals, stayWith, stayWithTerminal } from "../foreground.ts";
import { CREATE_FLAGS, createOptions } from "../launch-flags.ts";

export const restoreCommand: Command = {
  usage: "restore [--image-path DIR] [--bundle DIR] [--detach] ID",
  summary: "bring a container back from a checkpoint",
  flags: {
    ...CRIU_FLAGS,
    ...CREATE_FLAGS,
    "detach|d": "bool",
    "no-subreaper": "bool",
    "lsm-profile": "string",
    "lsm-mount-context": "string",
  },
  run(context, parsed) {
    const { root, warn } = context;
    const [id = ""] = positional(parsed, "ID");
    const detach = parsed.bool("detach");
    let master = -1;
    const options: RestoreOptions = {
      ...context,
      id,
      ...createOptions(parsed),
      ...criuOptions(parsed, context.criu),
      lsmProfile: parsed.string("lsm-profile") || undefined,
      lsmMountContext: parsed.string("lsm-mount-context") || undefined,
    };
    if (!detach && !options.console) {
      options.console = {
        master(fd) {
          master = fd;
        },
      };
    }
    const signals = detach ? -1 : holdSignals();
    if (!detach && !parsed.bool("no-subreaper")) prctl(PR.SET_CHILD_SUBREAPER, 1);
    const { pid, pidfd } = restore(options);
    if (detach) return 0;
    const status = master < 0 ? stayWith(pid, pidfd, signals) : stayWithTerminal(pid, pidfd, signals, master);
    remove(root, id, true, warn);
    return status;
  },
};
