// wharf events: what happens, as it happens.
import { encodeFilters, filter } from "../../../common/cli/filter.ts";
import { string } from "../../../common/cli/flags.ts";
import { type EventMessage, eventLine, eventTemplate } from "../../../common/cli/format/event.ts";
import { onSignals } from "../../sys/loop.ts";
import { exit, SIGNALS } from "../../sys/process.ts";
import { command } from "../cli.ts";
import { localClock } from "../zone.ts";

export const events = command({
  name: "events",
  summary: "Show what happens, as it happens",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    filter: filter(
      "Only those for which it holds: type=container, event=die, container=web, label=key …",
      "container",
      "daemon",
      "event",
      "image",
      "label",
      "network",
      "scope",
      "type",
      "volume",
    ),
    format: string("How to print: json or a Go template", { type: "FORMAT", words: ["json"] }),
    since: string("From this time on: 10m, 2026-01-02T15:04:05Z", { type: "TIME" }),
    until: string("Up to this time, then end", { type: "TIME" }),
  },
  examples: [
    { what: "Deaths of containers", line: "events -f type=container -f event=die" },
    { what: "What was in the last ten minutes", line: "events --since 10m --until 0s" },
  ],
  run: async (cli, { flags }) => {
    using _signals = onSignals([SIGNALS.INT, SIGNALS.TERM], (signal) => exit(128 + signal));
    const clock = localClock(cli.env);
    const render = flags.format === "" ? undefined : eventTemplate(flags.format);
    const query = {
      filters: encodeFilters(flags.filter),
      since: flags.since || undefined,
      until: flags.until || undefined,
    };
    using response = await cli.api.request("GET", "/events", { query, doing: "read events" });
    await response.lines((line) => {
      cli.out(`${render ? render(line) : eventLine(JSON.parse(line) as EventMessage, clock)}\n`);
    });
    return 0;
  },
});
