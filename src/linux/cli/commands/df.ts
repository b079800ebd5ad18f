// wharf system df: what everything takes up on disk.
import { string } from "../../../common/cli/flags.ts";
import { type DataUsage, USAGE_TABLE, usageRows, usageRowsOf } from "../../../common/cli/format/usage.ts";
import { writeRows } from "../../../common/cli/format/write.ts";
import { command } from "../cli.ts";

export const df = command({
  name: "df",
  summary: "Show what images, containers and volumes take up on disk",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: { format: string("How to print: table, json or a Go template", { type: "FORMAT" }) },
  examples: [{ what: "And how much of it could go", line: "system df" }],
  run: async (cli, { flags }) => {
    const usage = await cli.api.json<DataUsage>("GET", "/system/df", { doing: "read disk usage" });
    const plain = flags.format === "" || flags.format === "table";
    cli.out(writeRows(usageRowsOf(usage), usageRows(), { format: plain ? USAGE_TABLE : flags.format }));
    return 0;
  },
});
