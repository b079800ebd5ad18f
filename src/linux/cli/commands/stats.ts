// wharf stats: what containers use, live.
import { ANY } from "../../../common/cli/command.ts";
import { bool, string } from "../../../common/cli/flags.ts";
import type { ContainerSummary } from "../../../common/cli/format/container.ts";
import { STATS_TABLE, type Stats, type StatsRow, statsRows } from "../../../common/cli/format/stats.ts";
import { writeRows } from "../../../common/cli/format/write.ts";
import { isCode } from "../../../common/errors.ts";
import { loop, onSignals } from "../../sys/loop.ts";
import { exit, SIGNALS } from "../../sys/process.ts";
import { type Cli, command } from "../cli.ts";
import { pathName } from "../container/each.ts";

/** Milliseconds between two looks. */
const INTERVAL = 1000;
const EMPTY = "0".repeat(64);

/** Whom to look at: those named, else those that run. */
async function subjects(cli: Cli, args: readonly string[], all: boolean): Promise<string[]> {
  if (args.length > 0) return [...args];
  const list = await cli.api.json<ContainerSummary[]>("GET", "/containers/json", {
    query: { all },
    doing: "list containers",
  });
  return list.map(({ Id }) => Id);
}

/** One look; the daemon takes two a second apart for the CPU unless `before` has the last one. */
async function look(cli: Cli, name: string, before: StatsRow | undefined): Promise<StatsRow> {
  const path = `/containers/${pathName(name)}/stats`;
  const query = { stream: "0", "one-shot": before?.stats !== undefined };
  const stats = await cli.api.json<Stats>("GET", path, { query, doing: "read statistics" });
  const id = stats.id ?? "";
  const last = before?.stats?.cpu_stats;
  const shown = query["one-shot"] && last ? { ...stats, precpu_stats: last } : stats;
  const runs = (stats.memory_stats?.usage ?? 0) > 0 || (stats.pids_stats?.current ?? 0) > 0;
  return {
    container: name,
    id: id || EMPTY,
    name: (stats.name ?? "").replace(/^\//, ""),
    stats: runs ? shown : undefined,
  };
}

/** Figures are never cut. */
const KEEP = new Set([2, 3, 4, 5, 6, 7]);
/** The id, what disks and networks carry, the number of processes, the share of memory: in this order they go where not all fit. */
const DROP = [0, 6, 5, 7, 4];

export const stats = command({
  name: "stats",
  summary: "Show what containers use, live",
  usage: "[CONTAINER...]",
  args: { min: 0, max: ANY },
  section: "containers",
  completes: "running",
  flags: {
    all: bool("Also those that do not run", { short: "a" }),
    format: string("How to print: table, json or a Go template", { type: "FORMAT", words: ["table", "json"] }),
    "no-stream": bool("Look once"),
    "no-trunc": bool("Do not shorten anything"),
  },
  examples: [
    { what: "All that run", line: "stats" },
    { what: "Once, for programs", line: "stats --no-stream --format json" },
  ],
  run: async (cli, { flags, args }) => {
    const live = !flags["no-stream"];
    const screen = live && cli.isTerminal(1);
    using _signals = onSignals([SIGNALS.INT, SIGNALS.TERM], (signal) => {
      if (screen) cli.out("\n");
      exit(live ? 0 : 128 + signal);
    });
    const plain = flags.format === "" || flags.format === "table";
    const seen = new Map<string, StatsRow>();
    for (;;) {
      const names = await subjects(cli, args, flags.all);
      const rows = await Promise.all(
        names.map(async (name) => {
          try {
            return await look(cli, name, seen.get(name));
          } catch (error) {
            // One of all that run may end at any time; one that was named must be there at first.
            if (isCode(error, "NotFound") && (args.length === 0 || seen.has(name))) return undefined;
            throw error;
          }
        }),
      );
      const there = rows.filter((row) => row !== undefined);
      for (const row of there) seen.set(row.container, row);
      const fit = plain ? cli.terminalSize(1)?.columns : undefined;
      const format = plain ? STATS_TABLE : flags.format;
      const text = writeRows(there, statsRows(!flags["no-trunc"]), { format, fit, keep: KEEP, drop: DROP });
      cli.out(screen ? `\x1b[H${text.replaceAll("\n", "\x1b[K\n")}\x1b[J` : text);
      if (!live) return 0;
      await loop().sleep(INTERVAL);
    }
  },
});
