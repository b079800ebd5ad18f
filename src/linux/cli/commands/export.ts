// wharf export: a container's files as a tar archive.
import { string } from "../../../common/cli/flags.ts";
import { command } from "../cli.ts";
import { pathName } from "../container/each.ts";
import { checkArchiveOutput, download } from "../stream/download.ts";

export const exportCommand = command({
  name: "export",
  summary: "Write a container's files as a tar archive",
  usage: "CONTAINER",
  args: { min: 1, max: 1 },
  section: "containers",
  completes: "containers",
  flags: { output: string("Write to a file instead of stdout", { short: "o", type: "FILE" }) },
  examples: [
    { what: "Unpack them here", line: "export web | tar -xf - -C rootfs" },
    { what: "Into a file", line: "export -o web.tar web" },
  ],
  run: async (cli, { flags, args }) => {
    checkArchiveOutput(cli, flags.output);
    using response = await cli.api.request("GET", `/containers/${pathName(args[0]!)}/export`, {
      doing: "export container",
    });
    return await download(response, flags.output);
  },
});
