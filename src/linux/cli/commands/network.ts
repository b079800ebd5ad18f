// wharf network ls.
import { encodeFilters, filter } from "../../../common/cli/filter.ts";
import { bool, string } from "../../../common/cli/flags.ts";
import { type Network, networkFormat, networkRows } from "../../../common/cli/format/volume.ts";
import { writeRows } from "../../../common/cli/format/write.ts";
import { command } from "../cli.ts";
import { localClock } from "../zone.ts";

export const networkLs = command({
  name: "ls",
  summary: "List networks",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    filter: filter("Only those for which it holds: driver=bridge, name=web, label=key, type=custom"),
    format: string("How to print: table, json or a Go template", { type: "FORMAT" }),
    "no-trunc": bool("Do not shorten anything"),
    quiet: bool("Only ids", { short: "q" }),
  },
  examples: [{ what: "All of them", line: "network ls" }],
  run: async (cli, { flags }) => {
    const networks = await cli.api.json<Network[]>("GET", "/networks", {
      query: { filters: encodeFilters(flags.filter) },
      doing: "list networks",
    });
    const rows = [...networks].sort((a, b) => (a.Name < b.Name ? -1 : 1));
    const format = networkFormat(flags.format, flags.quiet);
    cli.out(writeRows(rows, networkRows(!flags["no-trunc"], localClock(cli.env)), { format }));
    return 0;
  },
});
