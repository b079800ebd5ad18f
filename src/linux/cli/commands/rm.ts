// wharf rm: remove containers.
import { ANY } from "../../../common/cli/command.ts";
import { bool } from "../../../common/cli/flags.ts";
import { isCode } from "../../../common/errors.ts";
import { command } from "../cli.ts";
import { each, pathName } from "../container/each.ts";

export const rm = command({
  name: "rm",
  summary: "Remove containers",
  description: "A container that runs is refused without -f. With -f one that is not there is no error.",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1, max: ANY },
  section: "containers",
  completes: "containers",
  flags: {
    force: bool("Kill it first if it runs", { short: "f" }),
    link: bool("Remove the link, not the container", { short: "l" }),
    volumes: bool("Also its anonymous volumes", { short: "v" }),
  },
  examples: [
    { what: "Whether it runs or not", line: "rm -f web" },
    { what: "All that have ended", line: "rm $(wharf ps -aq --filter status=exited)" },
  ],
  run: (cli, { flags, args }) =>
    each(
      cli,
      args,
      async (name) => {
        const query = { v: flags.volumes, link: flags.link, force: flags.force };
        await cli.api.call("DELETE", `/containers/${pathName(name)}`, { query, doing: "remove container" });
        return `${name}\n`;
      },
      { forgive: (error) => flags.force && isCode(error, "NotFound") },
    ),
});
