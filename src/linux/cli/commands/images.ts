// wharf images: the images in the store.
import { encodeFilters, filter } from "../../../common/cli/filter.ts";
import { bool, refused, string } from "../../../common/cli/flags.ts";
import { type ImageSummary, imageFormat, imageRows, imageRowsOf } from "../../../common/cli/format/image.ts";
import { writeRows } from "../../../common/cli/format/write.ts";
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
    tree: refused(
      "the tree of platforms is an experiment of docker's",
      "'wharf image inspect' shows an image's platforms",
    ),
    quiet: bool("Only ids", { short: "q" }),
  },
  examples: [
    { what: "All of them", line: "images" },
    { what: "Those of one repository", line: "images debian" },
    { what: "Names only", line: "images --format '{{.Repository}}:{{.Tag}}'" },
  ],
  run: async (cli, { flags, args }) => {
    const [name] = args;
    const filters =
      name === undefined
        ? flags.filter
        : { ...flags.filter, reference: { ...flags.filter.reference, [name]: true as const } };
    const list = await cli.api.json<ImageSummary[]>("GET", "/images/json", {
      query: { all: flags.all, filters: encodeFilters(filters) },
      doing: "list images",
    });
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
