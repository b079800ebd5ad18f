// wharf logs: what a container has said.
import { bool, string } from "../../../common/cli/flags.ts";
import { FrameDecoder } from "../../../common/cli/stdcopy.ts";
import { parseWhen } from "../../../common/cli/when.ts";
import { WharfError } from "../../../common/errors.ts";
import { blockSignals } from "../../sys/loop.ts";
import { SIGNALS } from "../../sys/process.ts";
import { type Cli, command } from "../cli.ts";
import { pathName } from "../container/each.ts";
import { READER_GONE } from "../container/foreground.ts";
import type { Response } from "../http/connection.ts";
import { Outputs } from "../stream/attach.ts";
import { ReaderGone } from "../stream/sink.ts";
import { localClock } from "../zone.ts";
import type { InspectedContainer } from "./start.ts";

function tailOf(text: string): string {
  if (text === "all" || /^-?\d+$/.test(text)) return text;
  throw new WharfError("InvalidArgument", `--tail: ${JSON.stringify(text)} is neither a number nor all`, {
    operation: "usage",
  });
}

/** Servers since API 1.42 say whether the body is in frames; before, the container tells. */
async function isFramed(cli: Cli, response: Response, path: string): Promise<boolean> {
  const type = response.head.headers.get("content-type") ?? "";
  if (type.includes("multiplexed-stream")) return true;
  if (type.includes("raw-stream") && Number(cli.api.version.slice(2)) >= 42) return false;
  const container = await cli.api.json<InspectedContainer>("GET", `${path}/json`, { doing: "inspect container" });
  return !container.Config.Tty;
}

export const logs = command({
  name: "logs",
  summary: "Show what a container has written",
  description:
    "stdout and stderr come out where they went in. Times may be given as an age (10m), as RFC 3339 or in seconds since the epoch.",
  usage: "CONTAINER",
  args: { min: 1, max: 1 },
  section: "containers",
  completes: "containers",
  flags: {
    details: bool("Also the extra attributes of --log-opt"),
    follow: bool("Go on with what comes", { short: "f" }),
    since: string("Only what came after: 10m (ago) or a time", { type: "TIME" }),
    tail: string("Only the last N lines", { short: "n", type: "N", initial: "all" }),
    timestamps: bool("With the time of each line", { short: "t" }),
    until: string("Only what came before", { type: "TIME" }),
  },
  examples: [
    { what: "The last 20 lines, then what comes", line: "logs -f --tail 20 web" },
    { what: "The last ten minutes", line: "logs --since 10m web" },
  ],
  run: async (cli, { flags, args }) => {
    const path = `/containers/${pathName(args[0]!)}`;
    const clock = localClock(cli.env);
    const when = (text: string) => (text === "" ? undefined : parseWhen(text, clock));
    using response = await cli.api.request("GET", `${path}/logs`, {
      query: {
        follow: flags.follow,
        stdout: true,
        stderr: true,
        since: when(flags.since),
        until: when(flags.until),
        timestamps: flags.timestamps,
        tail: tailOf(flags.tail),
        details: flags.details,
        // Of our daemon; a real one does not know it, and says each line by itself.
        joined: true,
      },
      doing: "read logs",
    });
    const decoder = (await isFramed(cli, response, path)) ? new FrameDecoder() : undefined;
    blockSignals([SIGNALS.PIPE]);
    using outputs = new Outputs();
    try {
      await response.each(async (piece) => {
        const waits: Promise<void>[] = [];
        const emit = (stream: number, data: Uint8Array) => {
          const wait =
            waits.length > 0 ? waits.at(-1)!.then(() => outputs.write(stream, data)) : outputs.write(stream, data);
          if (wait) waits.push(wait);
        };
        if (decoder) decoder.push(piece, piece.length, emit);
        else emit(1, piece);
        await waits.at(-1);
      });
    } catch (error) {
      if (error instanceof ReaderGone) return READER_GONE;
      throw error;
    }
    return 0;
  },
});
