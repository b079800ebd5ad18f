// wharf pause, unpause, rename, diff, top, port: small things about one container.
import { ANY } from "../../../common/cli/command.ts";
import { alignTabs, fitTable } from "../../../common/cli/table.ts";
import { displayWidth } from "../../../common/cli/width.ts";
import { WharfError } from "../../../common/errors.ts";
import { command } from "../cli.ts";
import { each, pathName } from "../container/each.ts";

export const pause = command({
  name: "pause",
  summary: "Make containers stand still",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1, max: ANY },
  section: "containers",
  completes: "running",
  flags: {},
  examples: [{ what: "Until it is unpaused", line: "pause web" }],
  run: (cli, { args }) =>
    each(cli, args, async (name) => {
      await cli.api.call("POST", `/containers/${pathName(name)}/pause`, { doing: "pause container" });
      return `${name}\n`;
    }),
});

export const unpause = command({
  name: "unpause",
  summary: "Let paused containers go on",
  usage: "CONTAINER [CONTAINER...]",
  args: { min: 1, max: ANY },
  section: "containers",
  completes: "running",
  flags: {},
  examples: [{ what: "Where it stood", line: "unpause web" }],
  run: (cli, { args }) =>
    each(cli, args, async (name) => {
      await cli.api.call("POST", `/containers/${pathName(name)}/unpause`, { doing: "unpause container" });
      return `${name}\n`;
    }),
});

export const rename = command({
  name: "rename",
  summary: "Give a container another name",
  usage: "CONTAINER NAME",
  args: { min: 2, max: 2 },
  section: "containers",
  completes: "containers",
  flags: {},
  examples: [{ what: "To make room for its successor", line: "rename web web-old" }],
  run: async (cli, { args }) => {
    const query = { name: args[1]! };
    await cli.api.call("POST", `/containers/${pathName(args[0]!)}/rename`, { query, doing: "rename container" });
    return 0;
  },
});

const KINDS = ["C", "A", "D"];

export const diff = command({
  name: "diff",
  summary: "List the files that a container has changed",
  description: "A letter before each path: A for added, C for changed, D for deleted.",
  usage: "CONTAINER",
  args: { min: 1, max: 1 },
  section: "containers",
  completes: "containers",
  flags: {},
  examples: [{ what: "What it wrote", line: "diff web" }],
  run: async (cli, { args }) => {
    const path = `/containers/${pathName(args[0]!)}/changes`;
    const changes = await cli.api.json<{ Path: string; Kind: number }[] | null>("GET", path, { doing: "list changes" });
    cli.out((changes ?? []).map(({ Path, Kind }) => `${KINDS[Kind] ?? "?"} ${Path}\n`).join(""));
    return 0;
  },
});

export const top = command({
  name: "top",
  summary: "List the processes of a container",
  usage: "CONTAINER [PS OPTIONS]",
  args: { min: 1, max: ANY },
  section: "containers",
  completes: "running",
  interspersed: false,
  flags: {},
  examples: [{ what: "With their threads", line: "top web -eLf" }],
  run: async (cli, { args }) => {
    const [name, ...options] = args;
    const { Titles, Processes } = await cli.api.json<{ Titles: string[]; Processes: string[][] }>(
      "GET",
      `/containers/${pathName(name!)}/top`,
      { query: { ps_args: options.join(" ") || undefined }, doing: "list processes" },
    );
    const text = [Titles, ...(Processes ?? [])].map((cells) => cells.join("\t")).join("\n");
    const columns = cli.terminalSize(1)?.columns;
    // Docker's columns are wide; a window gets what fits.
    const wide = alignTabs(text, { minWidth: 20, padding: 3 });
    const fits = columns === undefined || wide.split("\n").every((line) => displayWidth(line) <= columns);
    cli.out(`${fits ? wide : fitTable(text, columns)}\n`);
    return 0;
  },
});

interface Ports {
  readonly NetworkSettings: { readonly Ports?: Record<string, { HostIp: string; HostPort: string }[] | null> | null };
}

export const port = command({
  name: "port",
  summary: "List the published ports of a container",
  usage: "CONTAINER [PORT[/PROTOCOL]]",
  args: { min: 1, max: 2 },
  section: "containers",
  completes: "running",
  flags: {},
  examples: [{ what: "Where its port 80 can be reached", line: "port web 80" }],
  run: async (cli, { args }) => {
    const [name, wanted] = args;
    const path = `/containers/${pathName(name!)}/json`;
    const { NetworkSettings } = await cli.api.json<Ports>("GET", path, { doing: "inspect container" });
    const ports = NetworkSettings.Ports ?? {};
    const address = (host: { HostIp: string; HostPort: string }) =>
      `${host.HostIp.includes(":") ? `[${host.HostIp}]` : host.HostIp}:${host.HostPort}`;
    if (wanted !== undefined) {
      const key = wanted.includes("/") ? wanted : `${wanted}/tcp`;
      const hosts = ports[key];
      if (!hosts || hosts.length === 0)
        throw new WharfError("NotFound", `no public port '${key}' published for ${name}`, {
          hint: `'wharf port ${name}' lists those that are`,
        });
      cli.out(hosts.map((host) => `${address(host)}\n`).join(""));
      return 0;
    }
    const number = (text: string) => Number.parseInt(text, 10);
    const keys = Object.keys(ports).sort((a, b) => number(a) - number(b) || (a < b ? -1 : 1));
    for (const key of keys) for (const host of ports[key] ?? []) cli.out(`${key} -> ${address(host)}\n`);
    return 0;
  },
});
