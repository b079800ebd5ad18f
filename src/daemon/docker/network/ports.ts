/** Published ports: from HostConfig to what the agent is asked for, and back into Docker's shapes. */

import type { Attachment, PortRequest } from "../../../common/agent/network.ts";
import { type EndpointSettings, emptyEndpoint } from "../../../common/docker/network.ts";
import { WharfError } from "../../../common/errors.ts";
import type { ContainerRecord } from "../containers/record.ts";

function bad(what: string): WharfError {
  return new WharfError("InvalidArgument", what, {
    operation: "publish port",
    hint: "such as 8080:80 or 127.0.0.1:53:53/udp",
  });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw bad(`invalid port ${JSON.stringify(text)}`);
  return port;
}

/** "80/tcp" */
function parsePort(text: string): { containerPort: number; protocol: "tcp" | "udp" } {
  const [port = "", protocol = "tcp"] = text.split("/");
  if (protocol !== "tcp" && protocol !== "udp") throw bad(`protocol ${JSON.stringify(protocol)} cannot be published`);
  return { containerPort: portNumber(port), protocol };
}

/** "", "8080", or "8000-8010" for one that is free of these. */
function hostPorts(text: string): Pick<PortRequest, "hostPort" | "hostPortEnd"> {
  if (text === "") return { hostPort: 0 };
  const [first = "", last] = text.split("-", 2);
  const hostPort = portNumber(first);
  if (last === undefined) return { hostPort };
  const hostPortEnd = portNumber(last);
  if (hostPortEnd < hostPort || hostPort === 0) throw bad(`invalid range of ports ${JSON.stringify(text)}`);
  return { hostPort, hostPortEnd };
}

/** What --publish and --publish-all ask for. InvalidArgument. */
export function portRequests({ config, hostConfig }: Pick<ContainerRecord, "config" | "hostConfig">): PortRequest[] {
  const requests: PortRequest[] = [];
  const bindings = hostConfig.PortBindings ?? {};
  for (const [port, list] of Object.entries(bindings)) {
    for (const { HostIp = "", HostPort = "" } of list ?? [{}]) {
      const hostAddress = HostIp === "::" ? "" : HostIp;
      requests.push({ ...parsePort(port), hostAddress, ...hostPorts(HostPort) });
    }
  }
  if (hostConfig.PublishAllPorts) {
    for (const port of Object.keys(config.ExposedPorts ?? {})) {
      if (!bindings[port]?.length) requests.push({ ...parsePort(port), hostAddress: "", hostPort: 0 });
    }
  }
  return requests;
}

/** The container's end of the network, as inspect shows it. */
export function endpointOf(id: string, { address, prefix, gateway, mac }: Attachment): EndpointSettings {
  return {
    ...emptyEndpoint(),
    Gateway: gateway,
    IPAddress: address,
    IPPrefixLen: prefix,
    MacAddress: mac,
    EndpointID: id,
  };
}

type PortMap = Record<string, { HostIp: string; HostPort: string }[] | null>;

/** NetworkSettings.Ports of inspect. */
export function portMap(record: ContainerRecord, attachment: Attachment | undefined): PortMap {
  const map: PortMap = {};
  for (const port of Object.keys(record.config.ExposedPorts ?? {})) map[port] = null;
  for (const { containerPort, protocol, hostAddress, hostPort } of attachment?.ports ?? []) {
    const key = `${containerPort}/${protocol}`;
    map[key] = [...(map[key] ?? []), { HostIp: hostAddress, HostPort: String(hostPort) }];
  }
  return map;
}

/** Ports of a list entry. */
export function portList(
  record: ContainerRecord,
  attachment: Attachment | undefined,
): { IP?: string; PrivatePort: number; PublicPort?: number; Type: string }[] {
  return Object.entries(portMap(record, attachment)).flatMap(([port, list]) => {
    const { containerPort: PrivatePort, protocol: Type } = parsePort(port);
    if (!list) return attachment ? [{ PrivatePort, Type }] : [];
    return list.map(({ HostIp, HostPort }) => ({ IP: HostIp, PrivatePort, PublicPort: Number(HostPort), Type }));
  });
}
