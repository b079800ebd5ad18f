// Published ports: `8080:80`, `127.0.0.1:8000-8010:80-90/udp`, `[::1]::53`, `published=80,target=8080,protocol=udp`.
import { WharfError } from "../../errors.ts";
import { cut } from "../flags.ts";
import { ipAddress } from "./values.ts";

/** One port of a container and where the host listens for it; an empty HostPort lets the daemon choose. */
export interface PortMapping {
  /** "80/tcp" */
  readonly port: string;
  readonly HostIp: string;
  readonly HostPort: string;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message, {
    hint: "a port is [[ADDRESS:]HOST:]INSIDE[/PROTOCOL]: 8080:80, 127.0.0.1:53:53/udp",
  });
}

export function parseRange(text: string): PortRange {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || first > 65535 || last > 65535) throw bad(`${JSON.stringify(text)} is no port`);
  if (last < first) throw bad(`the range ${JSON.stringify(text)} goes backwards`);
  return { first, last };
}

/** The protocol after a slash, tcp without one. */
export function splitProtocol(text: string): [rest: string, protocol: string] {
  const [rest, protocol = "tcp"] = cut(text, "/");
  const name = protocol.toLowerCase();
  if (name !== "tcp" && name !== "udp" && name !== "sctp") throw bad(`unknown protocol ${JSON.stringify(protocol)}`);
  return [rest, name];
}

/** One value of --publish: all the ports it stands for. */
export function parsePort(text: string): readonly PortMapping[] {
  const [body, protocol] = splitProtocol(text.includes("=") ? fromPairs(text) : text);
  // The last two parts are ports; what is before them is an address, which may hold colons itself.
  const parts = /^(?:(?:(\[[^\]]*\]|[^:]*):)?([^:]*):)?([^:]*)$/.exec(body);
  if (!parts) throw bad(`${JSON.stringify(text)} has too many parts`);
  const [, address = "", host = "", inside = ""] = parts;
  if (inside === "") throw bad("the container's port is missing");
  const ip = address === "" ? "" : ipAddress(address.replace(/^\[(.*)\]$/, "$1"));
  const target = parseRange(inside);
  const source = host === "" ? undefined : parseRange(host);
  const count = target.last - target.first;
  if (source && source.last - source.first !== count && count !== 0) {
    throw bad(`the ranges ${host} and ${inside} are of different length`);
  }
  return Array.from({ length: count + 1 }, (_, i) => ({
    port: `${target.first + i}/${protocol}`,
    HostIp: ip,
    // One port inside and a range outside: the daemon takes a free one of the range.
    HostPort: source === undefined ? "" : count === 0 && source.last > source.first ? host : String(source.first + i),
  }));
}

function fromPairs(text: string): string {
  const values: Record<string, string> = { protocol: "tcp", published: "", target: "" };
  for (const pair of text.split(",")) {
    const [key, value] = cut(pair, "=");
    if (value === undefined || !(key in values || key === "mode"))
      throw bad(`${JSON.stringify(pair)} is not published=, target= or protocol=`);
    values[key] = value;
  }
  return `${values.published}:${values.target}/${values.protocol}`;
}
