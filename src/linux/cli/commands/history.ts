// wharf history: the steps that made an image.
import { bool, string } from "../../../common/cli/flags.ts";
import { type HistoryItem, historyFormat, historyRows } from "../../../common/cli/format/history.ts";
import { writeRows } from "../../../common/cli/format/write.ts";
import { command } from "../cli.ts";
import { imagePath, platformQuery } from "../image/path.ts";
import { localClock } from "../zone.ts";

/** Ids and sizes stay whole in a narrow window. */
const KEEP = new Set([0, 3]);
/** The comment is the first to go, the age the next. */
const DROP = [4, 1];

export const history = command({
  name: "history",
  summary: "Show how an image was made",
  usage: "IMAGE",
  args: { min: 1, max: 1 },
  section: "images",
  completes: "images",
  flags: {
    format: string("How to print: table, json or a Go template", { type: "FORMAT", words: ["table", "json"] }),
    human: bool("Sizes and times for people", { short: "H", initial: true }),
    "no-trunc": bool("Do not shorten anything"),
    platform: string("Of the image for this platform", { type: "OS/ARCH" }),
    quiet: bool("Only ids", { short: "q" }),
  },
  examples: [{ what: "Its steps, newest first", line: "history debian" }],
  run: async (cli, { flags, args }) => {
    const steps = await cli.api.json<HistoryItem[]>("GET", `/images/${imagePath(args[0]!)}/history`, {
      query: { platform: platformQuery(flags.platform) },
      doing: "read history",
    });
    const truncate = !flags["no-trunc"];
    const plain = flags.format === "" || flags.format === "table";
    cli.out(
      writeRows(steps, historyRows({ truncate, human: flags.human, clock: localClock(cli.env) }), {
        format: historyFormat(flags.format, flags.quiet, flags.human),
        fit: plain && truncate ? cli.terminalSize(1)?.columns : undefined,
        keep: KEEP,
        drop: DROP,
      }),
    );
    return 0;
  },
});
