// wharf wait: until containers have ended.
import { ANY } from "../../../common/cli/command.ts";
import { WharfError } from "../../../common/errors.ts";
import { command } from "../cli.ts";
import { each, pathName } from "../container/each.ts";
import type { WaitAnswer } from "../container/foreground.ts";

export const wait = command({
  name: "wait",
  summary: "Wait until containers have ended and print their exit codes",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1, max: ANY },
  section: "containers",
  completes: "running",
  flags: {},
  examples: [{ what: "The job's exit code", line: "wait job" }],
  run: (cli, { args }) =>
    each(cli, args, async (name) => {
      const answer = await cli.api.json<WaitAnswer>("POST", `/containers/${pathName(name)}/wait`, {
        doing: "wait for container",
      });
      if (answer.Error?.Message) throw new WharfError("Unknown", answer.Error.Message);
      return `${answer.StatusCode}\n`;
    }),
});
