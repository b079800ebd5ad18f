// wharf volume create, ls, rm.
import { ANY } from "../../../common/cli/command.ts";
import { encodeFilters, filter } from "../../../common/cli/filter.ts";
import { bool, map, refused, string } from "../../../common/cli/flags.ts";
import { type Volume, volumeFormat, volumeRows } from "../../../common/cli/format/volume.ts";
import { writeRows } from "../../../common/cli/format/write.ts";
import { isCode } from "../../../common/errors.ts";
import { command } from "../cli.ts";
import { each, pathName } from "../container/each.ts";

const NO_SWARM = "cluster volumes belong to swarm, which Wharf does not have";
const LOCAL = "leave the flag away for a volume of this machine";
const cluster = (type = "string") => refused(NO_SWARM, LOCAL, { type });
const CLUSTER_FLAGS = {
  availability: cluster(),
  group: cluster(),
  "limit-bytes": cluster(),
  "required-bytes": cluster(),
  scope: cluster(),
  secret: cluster(),
  sharing: cluster(),
  "topology-preferred": cluster(),
  "topology-required": cluster(),
  type: cluster(),
} as const;

export const volumeCreate = command({
  name: "create",
  summary: "Make a volume",
  usage: "[NAME]",
  args: { min: 0, max: 1 },
  section: "system",
  flags: {
    driver: string("Who keeps it", { short: "d", initial: "local" }),
    label: map("A label", { type: "KEY=VALUE" }),
    opt: map("An option of the driver", { short: "o", type: "KEY=VALUE" }),
    name: string("Its name", { hidden: true }),
    ...CLUSTER_FLAGS,
  },
  examples: [{ what: "To be mounted with -v data:/var/lib/data", line: "volume create data" }],
  run: async (cli, { flags, args }) => {
    const json = { Name: args[0] ?? flags.name, Driver: flags.driver, DriverOpts: flags.opt, Labels: flags.label };
    const { Name } = await cli.api.json<Volume>("POST", "/volumes/create", { json, doing: "create volume" });
    cli.out(`${Name}\n`);
    return 0;
  },
});

export const volumeLs = command({
  name: "ls",
  summary: "List volumes",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    filter: filter(
      "Only those for which it holds: dangling=true, name=data, label=key, driver=local",
      "dangling",
      "driver",
      "label",
      "name",
    ),
    format: string("How to print: table, json or a Go template", { type: "FORMAT", words: ["table", "json"] }),
    quiet: bool("Only names", { short: "q" }),
    cluster: refused(NO_SWARM, LOCAL),
  },
  examples: [{ what: "Those that no container uses", line: "volume ls -f dangling=true" }],
  run: async (cli, { flags }) => {
    const { Volumes } = await cli.api.json<{ Volumes: Volume[] | null }>("GET", "/volumes", {
      query: { filters: encodeFilters(flags.filter) },
      doing: "list volumes",
    });
    const rows = [...(Volumes ?? [])].sort((a, b) => (a.Name < b.Name ? -1 : 1));
    cli.out(writeRows(rows, volumeRows(), { format: volumeFormat(flags.format, flags.quiet) }));
    return 0;
  },
});

export const volumeRm = command({
  name: "rm",
  summary: "Remove volumes",
  usage: "VOLUME [VOLUME...]",
  args: { min: 1, max: ANY },
  section: "system",
  completes: "volumes",
  flags: { force: bool("One that is not there is no error", { short: "f" }) },
  examples: [{ what: "With all that is in it", line: "volume rm data" }],
  run: (cli, { flags, args }) =>
    each(
      cli,
      args,
      async (name) => {
        const query = { force: flags.force };
        await cli.api.call("DELETE", `/volumes/${pathName(name)}`, { query, doing: "remove volume" });
        return `${name}\n`;
      },
      { forgive: (error) => flags.force && isCode(error, "NotFound") },
    ),
});
