// wharf images: the images in the store.
import { encodeFilters, filter } from "../../../common/cli/filter.ts";
import { bool, string } from "../../../common/cli/flags.ts";
import { imageFormat, imageRows, imageRowsOf } from "../../../common/cli/format/image.ts";
import { imageTree, type TreeImage } from "../../../common/cli/format/image-tree.ts";
import { writeRows } from "../../../common/cli/format/write.ts";
import { WharfError } from "../../../common/errors.ts";
import { command } from "../cli.ts";
import { localClock } from "../zone.ts";

/** Tag and id stay whole in a narrow window. */
const KEEP = new Set([1, 2]);
/** The age is the first to go. */
const DROP = [3];

export const images = command({
  name: "images",
  summary: "List images",
  usage: "[REPOSITORY[:TAG]]",
  args: { min: 0, max: 1 },
  section: "images",
  completes: "images",
  flags: {
    all: bool("Also intermediate images", { short: "a" }),
    digests: bool("Also the digests"),
    filter: filter(
      "Only those for which it holds: dangling=true, label=key, reference=pattern, before=image …",
      "before",
      "dangling",
      "label",
      "reference",
      "since",
      "until",
    ),
    format: string("How to print: table, json, raw or a Go template", { type: "FORMAT", words: ["table", "json"] }),
    "no-trunc": bool("Do not shorten anything"),
    tree: bool("Each image with its platforms"),
    quiet: bool("Only ids", { short: "q" }),
  },
  examples: [
    { what: "All of them", line: "images" },
    { what: "Those of one repository", line: "images debian" },
    { what: "With the platforms of each, and the space they take", line: "images --tree" },
    { what: "Names only", line: "images --format '{{.Repository}}:{{.Tag}}'" },
  ],
  run: async (cli, { flags, args, given }) => {
    const [name] = args;
    const other = (["quiet", "no-trunc", "digests", "format"] as const).find((flag) => given.has(flag));
    if (flags.tree && other) {
      throw new WharfError("InvalidArgument", `--${other} and --tree do not go together`, { operation: "usage" });
    }
    const filters =
      name === undefined
        ? flags.filter
        : { ...flags.filter, reference: { ...flags.filter.reference, [name]: true as const } };
    const query = { all: flags.all, filters: encodeFilters(filters), manifests: flags.tree };
    const list = await cli.api.json<TreeImage[]>("GET", "/images/json", { query, doing: "list images" });
    if (flags.tree) {
      const dangling = flags.all || flags.filter["dangling"] !== undefined;
      cli.out(imageTree(list, dangling, cli.terminalSize(1)?.columns));
      return 0;
    }
    const source = flags.format || (flags.quiet ? "" : (cli.config.imagesFormat ?? ""));
    const format = imageFormat(source, flags.quiet, flags.digests);
    const digests = flags.digests || format.includes("{{.Digest}}");
    const rows = list.flatMap((image) => imageRowsOf(image, digests));
    const fits = (source === "" || source === "table") && !flags["no-trunc"] && !digests;
    cli.out(
      writeRows(rows, imageRows(!flags["no-trunc"], localClock(cli.env)), {
        format,
        fit: fits ? cli.terminalSize(1)?.columns : undefined,
        keep: KEEP,
        drop: DROP,
      }),
    );
    return 0;
  },
});
