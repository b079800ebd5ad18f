// wharf pull: bring images from a registry.
import { ANY } from "../../../common/cli/command.ts";
import { bool, string } from "../../../common/cli/flags.ts";
import { WharfError } from "../../../common/errors.ts";
import { formatReference, parseReference, repositoryName, withDefaultTag } from "../../../common/reference.ts";
import { onSignals } from "../../sys/loop.ts";
import { exit, SIGNALS } from "../../sys/process.ts";
import { command } from "../cli.ts";
import { each } from "../container/each.ts";
import { pullImage } from "../image/pull.ts";

export const pull = command({
  name: "pull",
  summary: "Download images from a registry",
  description:
    "Several images are pulled side by side. Credentials come from docker's configuration file and its credential helpers.",
  usage: "NAME[:TAG|@DIGEST] [NAME...]",
  args: { min: 1, max: ANY },
  section: "images",
  completes: "images",
  flags: {
    "all-tags": bool("All tags of the repository", { short: "a" }),
    platform: string("Platform of the image: linux/amd64", { type: "OS/ARCH" }),
    quiet: bool("Only the name", { short: "q" }),
    "disable-content-trust": bool("Skip image verification", { hidden: true, initial: true }),
  },
  examples: [
    { what: "From Docker Hub", line: "pull debian:stable" },
    { what: "From a registry of your own", line: "pull localhost:5000/team/app:1.2" },
  ],
  run: async (cli, { flags, args }) => {
    // The daemon gives the pull up when the connection goes; all that is left to do is to leave the line.
    using _signals = onSignals([SIGNALS.INT, SIGNALS.TERM], (signal) => {
      if (!flags.quiet && cli.isTerminal(1)) cli.out("\n");
      exit(128 + signal);
    });
    const several = args.length > 1;
    const one = async (name: string): Promise<string> => {
      const reference = parseReference(name);
      const bare = reference.tag === undefined && reference.digest === undefined;
      if (flags["all-tags"] && !bare) {
        throw new WharfError("InvalidArgument", "--all-tags takes a name without a tag", { operation: "usage" });
      }
      if (!flags["all-tags"] && bare && !flags.quiet && !several) cli.out("Using default tag: latest\n");
      await pullImage(cli, name, {
        platform: flags.platform,
        quiet: flags.quiet || several,
        allTags: flags["all-tags"],
      });
      return `${flags["all-tags"] ? repositoryName(reference) : formatReference(withDefaultTag(reference))}\n`;
    };
    if (several) return await each(cli, args, one);
    cli.out(await one(args[0]!));
    return 0;
  },
});
