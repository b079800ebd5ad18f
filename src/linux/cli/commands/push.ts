// wharf push: images to a registry.
import { bool, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { formatReference, parseReference, repositoryName, withDefaultTag } from "../../../common/reference.ts";
import { command } from "../cli.ts";
import { registryAuth } from "../image/auth.ts";
import { showMessages } from "../image/messages.ts";
import { imagePath, platformQuery } from "../image/path.ts";

export const push = command({
  name: "push",
  summary: "Upload an image to a registry",
  description: "The registry is the first part of the image's name. Credentials come from 'wharf login'.",
  usage: "NAME[:TAG]",
  args: { min: 1, max: 1 },
  section: "images",
  completes: "images",
  flags: {
    "all-tags": bool("All tags of the repository", { short: "a" }),
    platform: string("Only the image for this platform", { type: "OS/ARCH" }),
    quiet: bool("Only the name", { short: "q" }),
    "disable-content-trust": bool("Skip image signing", { hidden: true, initial: true }),
  },
  examples: [{ what: "To a registry of your own", line: "push localhost:5000/team/app:1.2" }],
  run: async (cli, { flags, args }) => {
    const given = parseReference(args[0]!);
    if (flags["all-tags"] && given.tag !== undefined)
      throw new WharfError("InvalidArgument", "--all-tags takes a name without a tag", { operation: "usage" });
    const reference = flags["all-tags"] ? given : withDefaultTag(given);
    if (!flags["all-tags"] && given.tag === undefined && given.digest === undefined && !flags.quiet)
      cli.out("Using default tag: latest\n");
    const auth = registryAuth(cli, reference.domain);
    using response = await cli.api.request("POST", `/images/${imagePath(repositoryName(reference))}/push`, {
      query: { tag: reference.tag, platform: platformQuery(flags.platform) },
      // Docker demands the header, also when there is nothing to say.
      headers: { "X-Registry-Auth": auth ?? "e30=" },
      doing: "push image",
    });
    const options = { quiet: flags.quiet, doing: "push image", subject: args[0]! };
    await showMessages(cli, response, options, ({ aux }) => aux !== undefined);
    if (flags.quiet) cli.out(`${flags["all-tags"] ? repositoryName(reference) : formatReference(reference)}\n`);
    return 0;
  },
});
