// wharf ps: the containers.
import { encodeFilters, filter } from "../../../common/cli/filter.ts";
import { bool, int, string } from "../../../common/cli/flags.ts";
import { type ContainerSummary, containerFormat, containerRows } from "../../../common/cli/format/container.ts";
import { writeRows } from "../../../common/cli/format/write.ts";
import { command } from "../cli.ts";
import { localClock } from "../zone.ts";

/** Ids and names stay whole in a narrow window; age and state are cut last. */
const KEEP = new Set([0, 6]);
const LATE = new Set([3, 4]);
/** Ports, command, age and image: who wants to see them makes the window wider, or asks with --format. */
const DROP = [5, 2, 3, 1];

const NOBODY: ContainerSummary = { Id: "", Image: "", ImageID: "", Command: "", Created: 0, State: "", Status: "" };

const FILTERS = [
  ...["ancestor", "before", "exited", "expose", "health", "id", "label", "name", "network", "publish"],
  ...["since", "status", "volume"],
];

export const ps = command({
  name: "ps",
  summary: "List containers",
  description: "Without -a only those that run. In a narrow window long columns are shortened; --no-trunc shows all.",
  usage: "",
  args: { min: 0, max: 0 },
  section: "containers",
  flags: {
    all: bool("Also those that do not run", { short: "a" }),
    filter: filter(
      "Only those for which it holds: status=exited, name=web, label=key=value, ancestor=image …",
      ...FILTERS,
    ),
    format: string("How to print: table, json, raw or a Go template", { type: "FORMAT", words: ["table", "json"] }),
    last: int("The last N created, running or not", { short: "n", initial: -1, type: "N" }),
    latest: bool("The last one created, running or not", { short: "l" }),
    "no-trunc": bool("Do not shorten anything"),
    quiet: bool("Only ids", { short: "q" }),
    size: bool("Also the sizes on disk", { short: "s" }),
  },
  examples: [
    { what: "What runs", line: "ps" },
    { what: "Everything that has ended with an error", line: "ps -a --filter status=exited" },
    { what: "Names and states only", line: "ps -a --format 'table {{.Names}}\\t{{.Status}}'" },
    { what: "For programs", line: "ps --format json" },
  ],
  run: async (cli, { flags, given }) => {
    const source = flags.format || (flags.quiet ? "" : (cli.config.psFormat ?? ""));
    if (flags.format !== "" && flags.quiet) cli.warn("--format is ignored because of --quiet");
    const clock = localClock(cli.env);
    const wantsSize = flags.size || (!given.has("size") && !flags.quiet && /\.Size\b/.test(source));
    const limit = flags.latest && flags.last === -1 ? 1 : flags.last;
    const kind = containerRows({ truncate: !flags["no-trunc"], clock });
    const format = containerFormat(source, flags.quiet, flags.size);
    // A format that asks for what there is not is wrong whatever the daemon answers.
    writeRows([NOBODY], kind, { format });
    const containers = await cli.api.json<ContainerSummary[]>("GET", "/containers/json", {
      query: {
        all: flags.all,
        limit: limit > 0 ? limit : undefined,
        size: wantsSize,
        filters: encodeFilters(flags.filter),
      },
      doing: "list containers",
    });
    const fits = (source === "" || source === "table") && !flags["no-trunc"];
    cli.out(
      writeRows(containers, kind, {
        format,
        fit: fits ? cli.terminalSize(1)?.columns : undefined,
        keep: KEEP,
        late: LATE,
        drop: DROP,
      }),
    );
    return 0;
  },
});
