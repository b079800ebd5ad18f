// runt run ID: create and start in one, and by default stay until it ends.

import { PR, prctl } from "../../sys/process.ts";
import type { Command } from "../command.ts";
import { type CreateOptions, create } from "../create.ts";
import { positional } from "../flags.ts";
import { stayWith } from "../foreground.ts";
import { runHooks } from "../hooks.ts";
import { CREATE_FLAGS, createOptions } from "../launch-flags.ts";
import { remove } from "../lifecycle.ts";

export const runCommand: Command = {
  usage: "run [--bundle DIR] [--detach] [--keep] ID",
  summary: "create and start a container",
  flags: { ...CREATE_FLAGS, "detach|d": "bool", keep: "bool", rm: "bool", "no-subreaper": "bool" },
  run({ root, warn }, parsed) {
    const [id = ""] = positional(parsed, "ID");
    const detach = parsed.bool("detach");
    let master: number | undefined;
    const options: CreateOptions = { root, id, warn, run: true, ...createOptions(parsed) };
    if (!detach && !options.console) options.console = { master: (fd) => (master = fd) };
    if (!detach && !parsed.bool("no-subreaper")) prctl(PR.SET_CHILD_SUBREAPER, 1);
    const { pid, pidfd, record } = create(options);
    try {
      const state = {
        ociVersion: record.ociVersion,
        id,
        status: "running",
        pid,
        bundle: record.bundle,
        annotations: record.annotations,
      };
      runHooks(record.config.hooks, "poststart", state);
      if (detach) return 0;
      return stayWith(pid, pidfd, master);
    } finally {
      if (!detach && !parsed.bool("keep")) remove(root, id, true);
    }
  },
};
