// wharf info: the daemon and its machine.
import { string } from "../../../common/cli/flags.ts";
import { clientInfo, type SystemInfo, serverInfo } from "../../../common/cli/format/info.ts";
import { inspectTemplate } from "../../../common/cli/format/inspect.ts";
import { VERSION } from "../../../common/version.ts";
import { command } from "../cli.ts";
import { report } from "../errors.ts";

export const info = command({
  name: "info",
  summary: "Show the state of the daemon and its machine",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: { format: string("How to print: json or a Go template", { short: "f", type: "FORMAT", words: ["json"] }) },
  examples: [{ what: "Where the data lies", line: "info -f '{{.DockerRootDir}}'" }],
  run: async (cli, { flags }) => {
    const client = { Debug: cli.globals.debug, Version: VERSION, Context: cli.context };
    if (flags.format !== "") {
      const render = inspectTemplate(flags.format);
      const answer = await cli.api.json<SystemInfo>("GET", "/info", { doing: "ask for information" });
      cli.out(`${render(JSON.stringify({ ...answer, ClientInfo: client }))}\n`);
      return 0;
    }
    cli.out(`${clientInfo(client)}\n`);
    try {
      const answer = await cli.api.json<SystemInfo>("GET", "/info", { doing: "ask for information" });
      cli.out(serverInfo(answer, cli.globals.debug));
      const warnings = answer.Warnings;
      if (Array.isArray(warnings)) for (const warning of warnings) cli.err(`${String(warning)}\n`);
      return 0;
    } catch (error) {
      cli.out("Server:\n");
      return report(cli, error, "wharf info");
    }
  },
});
