// Values of --network and what becomes of them in a request: the mode and one endpoint a network.
import { WharfError } from "../../errors.ts";
import { cut } from "../flags.ts";
import { splitCsv } from "./values.ts";

/** One value of --network: a name, or `name=net,alias=db,ip=10.0.0.5`. */
export interface NetworkChoice {
  target: string;
  aliases: string[];
  driverOptions: Record<string, string>;
  links: string[];
  ip: string;
  ip6: string;
  mac: string;
  linkLocal: string[];
  priority: number;
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message);
}

export function parseNetwork(text: string): NetworkChoice {
  const choice: NetworkChoice = {
    target: text,
    aliases: [],
    driverOptions: {},
    links: [],
    ip: "",
    ip6: "",
    mac: "",
    linkLocal: [],
    priority: 0,
  };
  if (!/\w+=\w+/.test(text)) {
    if (text.trim() === "") throw bad("the network has no name");
    return choice;
  }
  choice.target = "";
  for (const field of splitCsv(text)) {
    const [key, value] = cut(field, "=");
    const trimmed = value?.trim();
    if (!trimmed) throw bad(`${JSON.stringify(field)} is not KEY=VALUE`);
    switch (key.trim().toLowerCase()) {
      case "name":
        choice.target = trimmed.toLowerCase();
        break;
      case "alias":
        choice.aliases.push(trimmed.toLowerCase());
        break;
      case "ip":
        choice.ip = trimmed;
        break;
      case "ip6":
        choice.ip6 = trimmed;
        break;
      case "mac-address":
        choice.mac = trimmed;
        break;
      case "link-local-ip":
        choice.linkLocal.push(trimmed);
        break;
      case "driver-opt": {
        const [name, option] = cut(trimmed.toLowerCase(), "=");
        if (name === "" || option === undefined) throw bad("driver-opt is not KEY=VALUE");
        choice.driverOptions[name] = option;
        break;
      }
      case "gw-priority":
        choice.priority = Number(trimmed);
        if (!Number.isInteger(choice.priority)) throw bad(`gw-priority ${JSON.stringify(trimmed)} is no number`);
        break;
      default:
        throw bad(`unknown key ${JSON.stringify(key)}`);
    }
  }
  if (choice.target === "") throw bad("the network's name is missing: name=…");
  return choice;
}

export interface EndpointSettings {
  Aliases?: string[];
  Links?: string[];
  DriverOpts?: Record<string, string>;
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] };
  MacAddress?: string;
  GwPriority?: number;
}

/** The flags that concern the first network. */
export interface EndpointFlags {
  readonly aliases: readonly string[];
  readonly links: readonly string[];
  readonly ip: string;
  readonly ip6: string;
  readonly mac: string;
  readonly linkLocal: readonly string[];
}

const MAC = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i;

export function checkMac(text: string): string {
  if (!MAC.test(text.trim())) throw bad(`${JSON.stringify(text)} is no MAC address`);
  return text;
}

/** Neither built in nor another container's. */
function isUserDefined(target: string): boolean {
  return !["default", "bridge", "host", "none"].includes(target) && !target.startsWith("container:");
}

function withFlags(choice: NetworkChoice, flags: EndpointFlags): NetworkChoice {
  const clash = (what: string) => bad(`${what} is given both by its flag and in --network`);
  if (choice.aliases.length > 0 && flags.aliases.length > 0) throw clash("the alias");
  if (choice.ip !== "" && flags.ip !== "") throw clash("the IPv4 address");
  if (choice.ip6 !== "" && flags.ip6 !== "") throw clash("the IPv6 address");
  if (choice.mac !== "" && flags.mac !== "") throw clash("the MAC address");
  if (choice.linkLocal.length > 0 && flags.linkLocal.length > 0) throw clash("the link-local address");
  return {
    ...choice,
    aliases: flags.aliases.length > 0 ? [...flags.aliases] : choice.aliases,
    links: isUserDefined(choice.target) ? [...flags.links] : [],
    ip: flags.ip || choice.ip,
    ip6: flags.ip6 || choice.ip6,
    mac: flags.mac || choice.mac,
    linkLocal: flags.linkLocal.length > 0 ? [...flags.linkLocal] : choice.linkLocal,
  };
}

function endpointOf(choice: NetworkChoice): EndpointSettings {
  const endpoint: EndpointSettings = {};
  if (!isUserDefined(choice.target)) {
    if (choice.aliases.length > 0) {
      throw new WharfError("InvalidArgument", "a network alias needs a network of your own", {
        hint: `make one: docker network create NAME; ${JSON.stringify(choice.target)} has no names`,
      });
    }
  }
  if (choice.aliases.length > 0) endpoint.Aliases = choice.aliases;
  if (choice.links.length > 0) endpoint.Links = choice.links;
  if (Object.keys(choice.driverOptions).length > 0) endpoint.DriverOpts = choice.driverOptions;
  if (choice.ip || choice.ip6 || choice.linkLocal.length > 0) {
    endpoint.IPAMConfig = {
      ...(choice.ip ? { IPv4Address: choice.ip } : {}),
      ...(choice.ip6 ? { IPv6Address: choice.ip6 } : {}),
      ...(choice.linkLocal.length > 0 ? { LinkLocalIPs: choice.linkLocal } : {}),
    };
  }
  if (choice.mac) endpoint.MacAddress = checkMac(choice.mac);
  if (choice.priority !== 0) endpoint.GwPriority = choice.priority;
  return endpoint;
}

/** HostConfig.NetworkMode and NetworkingConfig.EndpointsConfig. */
export function networking(
  choices: readonly NetworkChoice[],
  flags: EndpointFlags,
): { mode: string; endpoints: Record<string, EndpointSettings> } {
  const endpoints: Record<string, EndpointSettings> = {};
  const none = parseNetwork("default");
  const all = choices.length === 0 ? [none] : choices;
  for (const [i, choice] of all.entries()) {
    const whole = i === 0 ? withFlags(choice, flags) : choice;
    const endpoint = endpointOf(whole);
    if (Object.hasOwn(endpoints, whole.target)) throw bad(`network ${JSON.stringify(whole.target)} is given twice`);
    // A single network without anything special needs no endpoint: the daemon makes it.
    if (choices.length === 1 && Object.keys(endpoint).length === 0) continue;
    endpoints[whole.target] = endpoint;
  }
  if (choices.some((c) => isUserDefined(c.target)) && choices.some((c) => !isUserDefined(c.target))) {
    throw bad("networks of your own cannot be combined with none, host, bridge or container:…");
  }
  return { mode: all[0]!.target, endpoints };
}
