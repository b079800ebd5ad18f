// wharf commit: an image of what a container has changed.
import { bool, list, string } from "../../../common/cli/flags.ts";
import { parseReference, referenceObject, repositoryName, withDefaultTag } from "../../../common/reference.ts";
import { command } from "../cli.ts";

export const commit = command({
  name: "commit",
  summary: "Make an image of what a container has changed",
  usage: "CONTAINER [NAME[:TAG]]",
  args: { min: 1, max: 2 },
  section: "containers",
  completes: "containers",
  flags: {
    author: string("Who made it", { short: "a" }),
    change: list("An instruction of a Dockerfile for the image's configuration", { short: "c" }),
    message: string("Why", { short: "m" }),
    pause: bool("The container stands still meanwhile", { short: "p", initial: true }),
  },
  examples: [{ what: "With another command", line: "commit -c 'CMD [\"sh\"]' web web:debug" }],
  run: async (cli, { flags, args }) => {
    const reference = args[1] === undefined ? undefined : withDefaultTag(parseReference(args[1]));
    const { Id } = await cli.api.json<{ Id: string }>("POST", "/commit", {
      query: {
        container: args[0]!,
        ...(reference ? { repo: repositoryName(reference), tag: referenceObject(reference) } : {}),
        author: flags.author || undefined,
        comment: flags.message || undefined,
        changes: flags.change,
        pause: flags.pause ? "1" : "0",
      },
      doing: "commit container",
    });
    cli.out(`${Id}\n`);
    return 0;
  },
});
