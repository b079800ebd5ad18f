/**
 * Links on the default bridge (`--link name:alias`): the linked container's name and alias in /etc/hosts, and its ports and variables in
 * the environment, by Docker's names.
 */

import { WharfError } from "../../../common/errors.ts";
import type { Container } from "../containers/container.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { Engine } from "../engine.ts";
import type { NetworkAttachment } from "./driver.ts";
import { ownNames, rewriteHosts } from "./files.ts";

const BRIDGE = "bridge";

/** `name[:alias]` of a request, by alias. InvalidArgument. */
export function resolveLinks(
  engine: Engine,
  { Links, NetworkMode }: ContainerRecord["hostConfig"],
): Record<string, string> {
  const links: Record<string, string> = {};
  for (const text of Links ?? []) {
    const match = /^\/?([^:]+)(?::(?:.*\/)?([^:/]+))?$/.exec(text);
    if (!match) throw bad(`bad format for links: ${text}`);
    if (NetworkMode === "host") {
      throw bad(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      );
    }
    const [, name, alias = name] = match;
    const other = engine.containers.find(name!);
    if (!other) throw bad(`could not get container for ${name}: No such container: ${name}`);
    if (other.record.hostConfig.NetworkMode === "host") {
      throw bad(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      );
    }
    links[alias!] = other.id;
  }
  return links;
}

/** The containers that one is linked to and that are still there. */
function linked(engine: Engine, { links, hostConfig }: ContainerRecord): [alias: string, other: Container][] {
  if (!links || hostConfig.NetworkMode !== BRIDGE) return [];
  return Object.entries(links).flatMap(([alias, id]): [string, Container][] => {
    const other = engine.containers.find(id);
    return other ? [[alias, other]] : [];
  });
}

/** HostConfig.Links as inspect shows it: `/other:/this/alias`. */
export function shownLinks(engine: Engine, record: ContainerRecord): string[] | null {
  const all = linked(engine, record).map(([alias, other]) => `/${other.record.name}:/${record.name}/${alias}`);
  return all.length > 0 ? all.sort() : null;
}

/** `/name`, and `/other/alias` for each container that is linked to it. */
export function namesOf(engine: Engine, { id, name }: ContainerRecord): string[] {
  const names = [`/${name}`];
  for (const parent of engine.containers.linking) {
    for (const [alias, to] of Object.entries(parent.record.links ?? {}))
      if (to === id) names.push(`/${parent.record.name}/${alias}`);
  }
  return names;
}

/** Lines for /etc/hosts: alias, host name, and name where it is another. */
export function linkHosts(engine: Engine, record: ContainerRecord): NetworkAttachment["hosts"] {
  return linked(engine, record).flatMap(([alias, other]) => {
    const address = engine.networks.attachmentOf(BRIDGE, other.id)?.address;
    const { name, config } = other.record;
    return address ? [{ address, names: [...new Set([alias, config.Hostname, name])] }] : [];
  });
}

/** Variables of the containers it is linked to. FailedPrecondition when one does not run. */
export function linkEnvironment(engine: Engine, record: ContainerRecord): string[] {
  return linked(engine, record).flatMap(([alias, other]) => {
    const where = `/${record.name}/${alias}`;
    if (!other.running) {
      throw new WharfError(
        "FailedPrecondition",
        `Cannot link to a non running container: /${other.record.name} AS ${where}`,
        {
          operation: "start container",
          hint: `start it first: wharf start ${other.record.name}`,
        },
      );
    }
    const address = engine.networks.attachmentOf(BRIDGE, other.id)?.address;
    if (address === undefined) {
      throw bad(`Cannot link to /${other.record.name}, as it does not belong to the default network`);
    }
    return variables(alias, where, address, other.record.config);
  });
}

/** When a container has another address than before: those linked to it learn of it. */
export function tellLinking(engine: Engine, id: string): void {
  for (const parent of engine.containers.linking) {
    const { record } = parent;
    if (!parent.running || !Object.values(record.links ?? {}).includes(id)) continue;
    const attachment = engine.networks.attachmentOf(BRIDGE, record.id);
    if (!attachment) continue;
    const lines = [{ address: attachment.address, names: ownNames(record) }, ...linkHosts(engine, record)];
    rewriteHosts(engine, record, lines, attachment.gateway);
  }
}

/** DELETE /containers/parent/alias?link=1. NotFound. */
export async function removeLink(engine: Engine, text: string): Promise<void> {
  const [parentName = "", alias = ""] = text.replace(/^\//, "").split("/");
  const parent = engine.containers.get(parentName);
  await parent.exclusive(async () => {
    const { links = {} } = parent.record;
    if (!Object.hasOwn(links, alias)) {
      throw new WharfError("NotFound", `Cannot get parent ${parentName} for link ${text}`, {
        operation: "remove link",
        subject: text,
      });
    }
    const { [alias]: _, ...left } = links;
    parent.record.links = left;
    if (Object.keys(left).length === 0) engine.containers.linking.delete(parent);
    await engine.containers.save(parent);
  });
}

export function variables(
  alias: string,
  where: string,
  address: string,
  config: Pick<ContainerRecord["config"], "Env" | "ExposedPorts">,
): string[] {
  const prefix = alias.toUpperCase().replaceAll("-", "_");
  const found: string[] = [];
  const ports = Object.keys(config.ExposedPorts ?? {})
    .map((text) => {
      const [number = "", protocol = "tcp"] = text.split("/");
      return { number: Number(number), protocol };
    })
    .sort((a, b) => rank(a.protocol).localeCompare(rank(b.protocol)) || a.number - b.number);
  const url = ({ number, protocol }: (typeof ports)[number]) => `${protocol}://${address}:${number}`;
  if (ports[0]) found.push(`${prefix}_PORT=${url(ports[0])}`);
  for (let at = 0; at < ports.length; ) {
    let last = at;
    while (ports[last + 1]?.protocol === ports[at]!.protocol && ports[last + 1]!.number === ports[last]!.number + 1)
      last++;
    for (const port of ports.slice(at, last + 1)) {
      const name = `${prefix}_PORT_${port.number}_${port.protocol.toUpperCase()}`;
      found.push(
        `${name}=${url(port)}`,
        `${name}_ADDR=${address}`,
        `${name}_PORT=${port.number}`,
        `${name}_PROTO=${port.protocol}`,
      );
    }
    if (last > at) {
      const [from, to] = [ports[at]!, ports[last]!];
      const name = `${prefix}_PORT_${from.number}_${from.protocol.toUpperCase()}`;
      found.push(`${name}_START=${url(from)}`, `${name}_PORT_START=${from.number}`);
      found.push(`${name}_END=${url(to)}`, `${name}_PORT_END=${to.number}`);
    }
    at = last + 1;
  }
  found.push(`${prefix}_NAME=${where}`);
  for (const variable of config.Env ?? [])
    if (variable.includes("=") && !/^(HOME|PATH)=/.test(variable)) found.push(`${prefix}_ENV_${variable}`);
  return found;
}

/** TCP comes first. */
function rank(protocol: string): string {
  return protocol === "tcp" ? "" : protocol;
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "create container" });
}
