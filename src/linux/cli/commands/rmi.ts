// wharf rmi: remove images.
import { ANY } from "../../../common/cli/command.ts";
import { bool, list } from "../../../common/cli/flags.ts";
import { isCode } from "../../../common/errors.ts";
import { command } from "../cli.ts";
import { each } from "../container/each.ts";

interface Removal {
  readonly Untagged?: string;
  readonly Deleted?: string;
}

/** A platform as the API takes it. */
function platformJson(text: string): string {
  const [os, architecture, variant] = text.split("/");
  return JSON.stringify({ os, ...(architecture ? { architecture } : {}), ...(variant ? { variant } : {}) });
}

export const rmi = command({
  name: "rmi",
  summary: "Remove images",
  usage: "IMAGE [IMAGE...]",
  args: { min: 1, max: ANY },
  section: "images",
  completes: "images",
  flags: {
    force: bool("Even if it has several names or stopped containers use it", { short: "f" }),
    "no-prune": bool("Keep untagged parents"),
    platform: list("Only this platform's variant", { type: "OS/ARCH" }),
  },
  examples: [{ what: "One name of an image", line: "rmi debian:stable" }],
  run: (cli, { flags, args }) =>
    each(
      cli,
      args,
      async (name) => {
        const removals = await cli.api.json<Removal[]>(
          "DELETE",
          `/images/${encodeURIComponent(name).replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%40", "@")}`,
          {
            query: { force: flags.force, noprune: flags["no-prune"], platforms: flags.platform.map(platformJson) },
            doing: "remove image",
          },
        );
        return removals.map((r) => (r.Deleted ? `Deleted: ${r.Deleted}\n` : `Untagged: ${r.Untagged}\n`)).join("");
      },
      { forgive: (error) => flags.force && isCode(error, "NotFound") },
    ),
});
