// runt run ID: create and start in one, and by default stay until it ends.
import { oomKills } from "../../cgroup/oom.ts";
import { PR, prctl } from "../../sys/process.ts";
import { traced } from "../../sys/trace.ts";
import type { Command } from "../command.ts";
import { type CreateOptions, create } from "../create.ts";
import { clear, remove } from "../delete.ts";
import { positional } from "../flags.ts";
import { holdSignals, stayWith, stayWithTerminal } from "../foreground.ts";
import { runHooks } from "../hooks.ts";
import { CREATE_FLAGS, createOptions } from "../launch-flags.ts";
import { hookState } from "../view.ts";

/** 128 and SIGKILL. */
const KILLED = 137;

export const runCommand: Command = {
  usage: "run [--bundle DIR] [--detach] [--keep] ID",
  summary: "create and start a container",
  flags: { ...CREATE_FLAGS, "detach|d": "bool", keep: "bool", rm: "bool", "no-subreaper": "bool" },
  run(context, parsed) {
    const { root, warn } = context;
    const [id = ""] = positional(parsed, "ID");
    const detach = parsed.bool("detach");
    let master = -1;
    const options: CreateOptions = { ...context, id, run: true, ...createOptions(parsed) };
    if (!detach && !options.console) {
      options.console = {
        master(fd) {
          master = fd;
        },
      };
    }
    const signals = detach ? -1 : holdSignals();
    // what leaves its parents behind in a container without an init of its own is waited for here
    if (!detach && !parsed.bool("no-subreaper")) prctl(PR.SET_CHILD_SUBREAPER, 1);
    const { pid, pidfd, record } = create(options);
    try {
      runHooks(record.hooks, "poststart", hookState(record, "running"));
      if (detach) return 0;
      const status = traced(context.trace, "wait for its end", () =>
        master < 0 ? stayWith(pid, pidfd, signals) : stayWithTerminal(pid, pidfd, signals, master),
      );
      if (status === KILLED && record.cgroup && oomKills(record.cgroup) > 0)
        warn("killed for want of memory: linux.resources.memory.limit is too low for it");
      if (parsed.bool("keep")) return status;
      traced(context.trace, "remove the container", () =>
        record.ownPids ? clear(root, record, warn) : remove(root, id, true, warn),
      );
      return status;
    } catch (error) {
      remove(root, id, true, warn);
      throw error;
    }
  },
};
