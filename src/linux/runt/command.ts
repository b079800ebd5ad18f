// What a verb of runt is, and what it gets.
import type { Trace } from "../sys/trace.ts";
import type { FlagSpec, Parsed } from "./flags.ts";

export interface Context {
  /** State folder. */
  root: string;
  /** A warning: to the log and, unless that is a file, to stderr. */
  warn: (text: string) => void;
  /** The caller's trace, where it wants one. */
  trace: Trace | undefined;
  /** --systemd-cgroup: which manager makes cgroups. */
  systemd: "system" | "user" | undefined;
  /** --criu: the program for checkpoints. */
  criu: string;
}

export interface Command {
  usage: string;
  summary: string;
  flags: FlagSpec;
  /** Flags end at the first argument: what follows is the container's command. */
  stopAtArgument?: boolean;
  /** Returns the exit code. */
  run(context: Context, parsed: Parsed): number;
}
