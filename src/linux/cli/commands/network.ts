// wharf network ls, create, rm, connect, disconnect.
import { ANY } from "../../../common/cli/command.ts";
import { addressPools } from "../../../common/cli/container/ipam.ts";
import { labelEntry } from "../../../common/cli/container/values.ts";
import { encodeFilters, filter } from "../../../common/cli/filter.ts";
import { bool, cut, int, list, map, maybeBool, string } from "../../../common/cli/flags.ts";
import { type Network, networkFormat, networkRows } from "../../../common/cli/format/volume.ts";
import { writeRows } from "../../../common/cli/format/write.ts";
import { isCode } from "../../../common/errors.ts";
import { command } from "../cli.ts";
import { each, pathName } from "../container/each.ts";
import { localClock } from "../zone.ts";

export const networkLs = command({
  name: "ls",
  summary: "List networks",
  usage: "",
  args: { min: 0, max: 0 },
  section: "system",
  flags: {
    filter: filter(
      "Only those for which it holds: driver=bridge, name=web, label=key, type=custom",
      "dangling",
      "driver",
      "id",
      "label",
      "name",
      "scope",
      "type",
    ),
    format: string("How to print: table, json or a Go template", { type: "FORMAT", words: ["table", "json"] }),
    "no-trunc": bool("Do not shorten anything"),
    quiet: bool("Only ids", { short: "q" }),
  },
  examples: [{ what: "All of them", line: "network ls" }],
  run: async (cli, { flags }) => {
    const networks = await cli.api.json<Network[]>("GET", "/networks", {
      query: { filters: encodeFilters(flags.filter) },
      doing: "list networks",
    });
    const rows = [...networks].sort((a, b) => (a.Name < b.Name ? -1 : 1));
    const format = networkFormat(flags.format, flags.quiet);
    cli.out(writeRows(rows, networkRows(!flags["no-trunc"], localClock(cli.env)), { format }));
    return 0;
  },
});

export const networkCreate = command({
  name: "create",
  summary: "Make a network",
  description: "Needs a daemon with user-defined networks.",
  usage: "NAME",
  args: { min: 1, max: 1 },
  section: "system",
  flags: {
    attachable: bool("Containers may be attached by hand"),
    "aux-address": map("Address that is taken already", { type: "NAME=ADDRESS" }),
    "config-from": string("Network whose settings are taken over", { type: "NETWORK" }),
    "config-only": bool("Settings for other networks, no network of its own"),
    driver: string("Who makes it", { short: "d", initial: "bridge" }),
    gateway: list("Gateway of a subnet", { type: "ADDRESS" }),
    ingress: bool("Swarm's routing mesh"),
    internal: bool("No way out"),
    "ip-range": list("Part of a subnet that containers get addresses of", { type: "SUBNET" }),
    "ipam-driver": string("Who gives the addresses", { initial: "default" }),
    "ipam-opt": map("Option of the one who gives addresses", { type: "KEY=VALUE" }),
    ipv4: maybeBool("IPv4 addresses"),
    ipv6: maybeBool("IPv6 addresses"),
    label: list("A label", { type: "KEY[=VALUE]", check: labelEntry }),
    opt: map("Option of the driver", { short: "o", type: "KEY=VALUE" }),
    scope: string("How far it reaches"),
    subnet: list("Subnet", { type: "ADDRESS/LENGTH" }),
  },
  examples: [
    { what: "With addresses of your choice", line: "network create --subnet 10.9.0.0/24 --gateway 10.9.0.1 web" },
  ],
  run: async (cli, { flags, args }) => {
    const Config = addressPools({
      subnets: flags.subnet,
      ranges: flags["ip-range"],
      gateways: flags.gateway,
      auxiliary: flags["aux-address"],
    });
    const { ipv4, ipv6 } = flags;
    const json = {
      Name: args[0],
      Driver: flags.driver,
      Scope: flags.scope,
      ...(ipv4 === undefined ? {} : { EnableIPv4: ipv4 }),
      ...(ipv6 === undefined ? {} : { EnableIPv6: ipv6 }),
      IPAM: { Driver: flags["ipam-driver"], Options: flags["ipam-opt"], Config },
      Internal: flags.internal,
      Attachable: flags.attachable,
      Ingress: flags.ingress,
      ConfigOnly: flags["config-only"],
      ...(flags["config-from"] === "" ? {} : { ConfigFrom: { Network: flags["config-from"] } }),
      Options: flags.opt,
      Labels: Object.fromEntries(
        flags.label.map((text) => {
          const [key, value = ""] = cut(text, "=");
          return [key, value];
        }),
      ),
    };
    const { Id, Warning } = await cli.api.json<{ Id: string; Warning?: string }>("POST", "/networks/create", {
      json,
      doing: "create network",
    });
    if (Warning) cli.warn(Warning);
    cli.out(`${Id}\n`);
    return 0;
  },
});

export const networkRm = command({
  name: "rm",
  summary: "Remove networks",
  usage: "NETWORK [NETWORK...]",
  args: { min: 1, max: ANY },
  section: "system",
  completes: "networks",
  flags: { force: bool("One that is not there is no error", { short: "f" }) },
  examples: [{ what: "One that no container uses any more", line: "network rm web" }],
  run: (cli, { flags, args }) =>
    each(
      cli,
      args,
      async (name) => {
        await cli.api.call("DELETE", `/networks/${pathName(name)}`, { doing: "remove network" });
        return `${name}\n`;
      },
      { forgive: (error) => flags.force && isCode(error, "NotFound") },
    ),
});

export const networkConnect = command({
  name: "connect",
  summary: "Connect a container to a network",
  usage: "NETWORK CONTAINER",
  args: { min: 2, max: 2 },
  section: "system",
  completes: ["networks", "containers"],
  flags: {
    alias: list("Name of the container on this network", { type: "NAME" }),
    "driver-opt": list("Option of the driver", { type: "KEY=VALUE" }),
    "gw-priority": int("The network with the highest gives the default gateway"),
    ip: string("IPv4 address", { type: "ADDRESS" }),
    ip6: string("IPv6 address", { type: "ADDRESS" }),
    link: list("Link to another container", { type: "CONTAINER[:ALIAS]" }),
    "link-local-ip": list("Link-local address", { type: "ADDRESS" }),
  },
  examples: [{ what: "Under another name there", line: "network connect --alias db backend web" }],
  run: async (cli, { flags, args }) => {
    const [network, Container] = args;
    const pairs = flags["driver-opt"].map((text) => {
      const [key, value = ""] = cut(text, "=");
      return [key, value];
    });
    const EndpointConfig = {
      IPAMConfig: { IPv4Address: flags.ip, IPv6Address: flags.ip6, LinkLocalIPs: flags["link-local-ip"] },
      Links: flags.link,
      Aliases: flags.alias,
      DriverOpts: Object.fromEntries(pairs),
      GwPriority: flags["gw-priority"],
    };
    await cli.api.call("POST", `/networks/${pathName(network!)}/connect`, {
      json: { Container, EndpointConfig },
      doing: "connect container",
    });
    return 0;
  },
});

export const networkDisconnect = command({
  name: "disconnect",
  summary: "Disconnect a container from a network",
  usage: "NETWORK CONTAINER",
  args: { min: 2, max: 2 },
  section: "system",
  completes: ["networks", "containers"],
  flags: { force: bool("Also when the container does not answer", { short: "f" }) },
  examples: [{ what: "From the default network", line: "network disconnect bridge web" }],
  run: async (cli, { flags, args }) => {
    const [network, Container] = args;
    await cli.api.call("POST", `/networks/${pathName(network!)}/disconnect`, {
      json: { Container, Force: flags.force },
      doing: "disconnect container",
    });
    return 0;
  },
});
