// runt events ID: statistics and out-of-memory kills as JSON lines.
import { parseDuration } from "../../../common/cli/units.ts";
import { WharfError } from "../../../common/errors.ts";
import { stdout } from "../../sys/out.ts";
import type { Command } from "../command.ts";
import { snapshot, stream } from "../events/stream.ts";
import { positional } from "../flags.ts";
import { inState } from "../view.ts";

const NANOSECONDS = 1_000_000;

export const eventsCommand: Command = {
  usage: "events [--interval DURATION] [--stats] ID",
  summary: "print a container's statistics at an interval, and out-of-memory kills, as JSON",
  flags: { interval: "string", stats: "bool" },
  run({ root }, parsed) {
    const [id = ""] = positional(parsed, "ID");
    const interval = parseDuration(parsed.string("interval") ?? "5s") / NANOSECONDS;
    if (interval <= 0) throw new WharfError("InvalidArgument", "duration interval must be greater than 0");
    const record = inState(root, id, "running", "created", "paused");
    if (parsed.bool("stats")) stdout(`${snapshot(record)}\n`);
    else stream(record, interval, (line) => stdout(`${line}\n`));
    return 0;
  },
};
