// wharf image|container|volume|network|system prune: what is no longer needed goes.
import { encodeFilters, type Filters, filter } from "../../../common/cli/filter.ts";
import { bool } from "../../../common/cli/flags.ts";
import { humanSize } from "../../../common/cli/units.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { type Cli, command, type WharfCommand } from "../cli.ts";
import { confirmed } from "../stream/ask.ts";

interface Pruned {
  /** Lines that name what went. */
  lines: string[];
  /** Bytes. */
  reclaimed: number;
}

interface Answer {
  readonly ContainersDeleted?: string[] | null;
  readonly VolumesDeleted?: string[] | null;
  readonly NetworksDeleted?: string[] | null;
  readonly ImagesDeleted?: { Untagged?: string; Deleted?: string }[] | null;
  readonly CachesDeleted?: string[] | null;
  readonly SpaceReclaimed?: number;
}

type Kind = "containers" | "networks" | "volumes" | "images" | "build";
const TITLES: Readonly<Record<Kind, string>> = {
  containers: "Deleted Containers",
  networks: "Deleted Networks",
  volumes: "Deleted Volumes",
  images: "Deleted Images",
  build: "Deleted build cache objects",
};

async function pruneKind(cli: Cli, kind: Kind, filters: Filters, all = false): Promise<Pruned> {
  const query = { filters: encodeFilters(filters), all };
  const answer = await cli.api.json<Answer>("POST", `/${kind}/prune`, { query, doing: `prune ${kind}` });
  const images = (answer.ImagesDeleted ?? []).map(({ Untagged, Deleted }) =>
    Untagged ? `untagged: ${Untagged}` : `deleted: ${Deleted}`,
  );
  const lines = [
    ...(answer.ContainersDeleted ?? []),
    ...(answer.NetworksDeleted ?? []),
    ...(answer.CachesDeleted ?? []),
    ...(answer.VolumesDeleted ?? []),
    ...images,
  ];
  return { lines, reclaimed: answer.SpaceReclaimed ?? 0 };
}

function show(cli: Cli, kind: Kind, lines: readonly string[]): void {
  if (lines.length > 0) cli.out(`${TITLES[kind]}:\n${lines.join("\n")}\n\n`);
}

const FORCE = bool("Do not ask", { short: "f" });
/** Without its letter: -f is --force here, as docker has it. */
const FILTER = {
  ...filter("Only those for which it holds: until=24h, label=key, label!=key", "label", "label!", "until"),
  short: undefined,
};

interface PruneOf {
  kind: Kind;
  summary: string;
  /** What will happen, for the question. */
  warning: (all: boolean) => string;
  /** What -a means; without it there is no such flag. */
  all?: { help: string; filters: (all: boolean) => Filters };
}

function pruneCommand({ kind, summary, warning, all }: PruneOf): WharfCommand {
  return command({
    name: "prune",
    summary,
    usage: "",
    args: { min: 0, max: 0 },
    section: "system",
    flags: {
      all: bool(all?.help ?? "All of them", { short: "a", hidden: !all }),
      filter: FILTER,
      force: FORCE,
    },
    examples: [{ what: "Without being asked", line: `${kind.slice(0, -1)} prune -f` }],
    run: async (cli, { flags }) => {
      if (!flags.force && !(await confirmed(cli, `WARNING! ${warning(flags.all)}`))) return 0;
      const { lines, reclaimed } = await pruneKind(cli, kind, { ...flags.filter, ...all?.filters(flags.all) });
      show(cli, kind, lines);
      if (kind !== "networks") cli.out(`Total reclaimed space: ${humanSize(reclaimed)}\n`);
      return 0;
    },
  }) as WharfCommand;
}

export const imagePrune = pruneCommand({
  kind: "images",
  summary: "Remove images that nothing uses",
  warning: (all) =>
    `This will remove all ${all ? "images without at least one container associated to them" : "dangling images"}.`,
  all: {
    help: "All that no container uses, not only those without a name",
    filters: (all) => ({ dangling: { [all ? "false" : "true"]: true } }),
  },
});

export const containerPrune = pruneCommand({
  kind: "containers",
  summary: "Remove all stopped containers",
  warning: () => "This will remove all stopped containers.",
});

export const volumePrune = pruneCommand({
  kind: "volumes",
  summary: "Remove volumes that no container uses",
  warning: (all) => `This will remove ${all ? "all" : "anonymous"} local volumes not used by at least one container.`,
  all: { help: "Also those that have a name", filters: (all): Filters => (all ? { all: { true: true } } : {}) },
});

export const networkPrune = pruneCommand({
  kind: "networks",
  summary: "Remove networks that no container uses",
  warning: () => "This will remove all custom networks not used by at least one container.",
});

export const systemPrune = command({
  name: "prune",
  summary: "Remove everything that is not used",
  description: "Stopped containers, networks without containers, images without a name; -a and --volumes go further.",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    all: bool("All images that no container uses, not only those without a name", { short: "a" }),
    filter: FILTER,
    force: FORCE,
    volumes: bool("Also volumes without a name that no container uses"),
  },
  examples: [{ what: "As much as can go", line: "system prune -af --volumes" }],
  run: async (cli, { flags }) => {
    if (flags.volumes && flags.filter.until) {
      throw new WharfError("InvalidArgument", "--filter until=… does not go with --volumes", {
        hint: "nobody knows since when a volume is unused; prune twice",
      });
    }
    const images = flags.all ? "all images without at least one container associated to them" : "all dangling images";
    const what = [
      "all stopped containers",
      "all networks not used by at least one container",
      ...(flags.volumes ? ["all anonymous volumes not used by at least one container"] : []),
      images,
      "unused build cache",
    ];
    const warning = `WARNING! This will remove:\n${what.map((one) => `  - ${one}\n`).join("")}`;
    if (!flags.force && !(await confirmed(cli, warning))) return 0;
    let reclaimed = 0;
    const kinds: Kind[] = ["containers", "networks", ...(flags.volumes ? ["volumes" as const] : []), "images", "build"];
    for (const kind of kinds) {
      const own: Filters = kind === "images" ? { dangling: { [flags.all ? "false" : "true"]: true } } : {};
      try {
        const pruned = await pruneKind(cli, kind, { ...flags.filter, ...own }, kind === "build" && flags.all);
        show(cli, kind, pruned.lines);
        reclaimed += pruned.reclaimed;
      } catch (error) {
        // A daemon without such things has none to remove.
        if (!isCode(error, "Unimplemented")) throw error;
      }
    }
    cli.out(`Total reclaimed space: ${humanSize(reclaimed)}\n`);
    return 0;
  },
});
