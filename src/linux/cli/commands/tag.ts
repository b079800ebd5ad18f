// wharf tag: one more name for an image.
import { parseReference, referenceObject, repositoryName, withDefaultTag } from "../../../common/reference.ts";
import { command } from "../cli.ts";
import { imagePath } from "../image/path.ts";

export const tag = command({
  name: "tag",
  summary: "Give an image one more name",
  usage: "IMAGE[:TAG] NAME[:TAG]",
  args: { min: 2, max: 2 },
  section: "images",
  completes: ["images", "images"],
  flags: {},
  examples: [{ what: "For a registry of your own", line: "tag app localhost:5000/team/app:1.2" }],
  run: async (cli, { args }) => {
    const reference = withDefaultTag(parseReference(args[1]!));
    const query = { repo: repositoryName(reference), tag: referenceObject(reference) };
    await cli.api.call("POST", `/images/${imagePath(args[0]!)}/tag`, { query, doing: "tag image" });
    return 0;
  },
});
