/** What a request to make a network asks for, checked: what has no effect here is refused by its name. */

import { isIPv4 } from "node:net";
import type { NetworkCreateRequest } from "../../../common/docker/network-resource.ts";
import { WharfError } from "../../../common/errors.ts";

export interface Wanted {
  name: string;
  labels: Record<string, string>;
  options: Record<string, string>;
  /** The bridge's interface. */
  bridge: string | undefined;
  mtu: number | undefined;
  attachable: boolean;
  /** Both or none. */
  subnet: string | undefined;
  gateway: string | undefined;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const INTERFACE = /^[^/\s:]{1,15}$/;
/** Options of the driver that can only be what they are by themselves; dockerd keeps others, which it does not know, as well. */
const FIXED: Readonly<Record<string, RegExp>> = {
  "com.docker.network.bridge.enable_icc": /^(true|1)$/,
  "com.docker.network.bridge.enable_ip_masquerade": /^(true|1)$/,
  "com.docker.network.bridge.gateway_mode_ipv4": /^(nat)?$/,
  "com.docker.network.bridge.gateway_mode_ipv6": /^(nat)?$/,
  "com.docker.network.bridge.host_binding_ipv4": /^0\.0\.0\.0$/,
  "com.docker.network.bridge.inhibit_ipv4": /^(false|0)$/,
  "com.docker.network.bridge.trusted_host_interfaces": /^$/,
  "com.docker.network.container_iface_prefix": /^eth$/,
  "com.docker.network.host_ipv4": /^$/,
};

/** InvalidArgument, NotFound for another driver, Unimplemented. */
export function checkCreate(request: NetworkCreateRequest): Wanted {
  const name = request.Name ?? "";
  if (name === "") throw bad("name is required");
  if (!NAME.test(name)) throw bad(`invalid network name: ${name}`);
  const driver = request.Driver || "bridge";
  if (driver !== "bridge") {
    throw new WharfError("NotFound", `could not find plugin ${driver} in v1 plugin registry: plugin not found`, {
      operation: "create network",
      subject: driver,
      hint: "the only driver of users' networks is bridge",
    });
  }
  const later: [there: unknown, what: string][] = [
    [request.EnableIPv6, "IPv6"],
    [request.EnableIPv4 === false, "a network without IPv4"],
    [request.Internal, "an internal network"],
    [request.Ingress, "an ingress network"],
    [request.ConfigOnly, "a network that is a configuration only"],
    [request.ConfigFrom?.Network, "the configuration of another network"],
    [request.Scope && request.Scope !== "local", `the scope ${request.Scope}`],
  ];
  for (const [there, what] of later) if (there) throw unimplemented(what);
  const options = request.Options ?? {};
  for (const [option, value] of Object.entries(options)) {
    if (FIXED[option] && !FIXED[option].test(value)) throw unimplemented(`the option ${option}=${value}`);
  }
  const bridge = options["com.docker.network.bridge.name"];
  if (bridge !== undefined && !INTERFACE.test(bridge)) throw bad(`invalid bridge name: ${bridge}`);
  const attachable = request.Attachable ?? false;
  const labels = request.Labels ?? {};
  return { name, labels, options, bridge, attachable, mtu: mtuOf(options), ...addressesOf(request) };
}

function mtuOf(options: Record<string, string>): number | undefined {
  const text = options["com.docker.network.driver.mtu"];
  if (text === undefined) return undefined;
  const mtu = Number(text);
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65535) throw bad(`invalid value for the mtu: ${text}`);
  return mtu;
}

function addressesOf({ IPAM }: NetworkCreateRequest): Pick<Wanted, "subnet" | "gateway"> {
  if (IPAM?.Driver && IPAM.Driver !== "default") throw unimplemented(`the address driver ${IPAM.Driver}`);
  const [option] = Object.keys(IPAM?.Options ?? {});
  if (option !== undefined) throw unimplemented(`the address driver's option ${option}`);
  const configs = IPAM?.Config ?? [];
  if (configs.length > 1) throw unimplemented("a network with several subnets");
  const { Subnet, Gateway, IPRange, AuxiliaryAddresses } = configs[0] ?? {};
  if (IPRange) throw unimplemented("a range of addresses of its own (IPRange)");
  if (Object.keys(AuxiliaryAddresses ?? {}).length > 0) throw unimplemented("auxiliary addresses");
  if (!Subnet) {
    if (Gateway) throw bad("no subnet: a gateway needs one");
    return { subnet: undefined, gateway: undefined };
  }
  const [base, bits] = subnetOf(Subnet);
  const size = 2 ** (32 - bits);
  const gateway = Gateway ? addressOf(Gateway) : base + 1;
  if (gateway <= base || gateway >= base + size - 1) throw bad(`no matching subnet for gateway ${Gateway}`);
  return { subnet: `${text(base)}/${bits}`, gateway: text(gateway) };
}

/** The first address and the bits of the network. */
function subnetOf(subnet: string): [base: number, bits: number] {
  const [address = "", length = ""] = subnet.split("/");
  const bits = Number(length);
  if (!/^\d+$/.test(length) || bits < 8 || bits > 30) throw bad(`invalid subnet ${subnet}: it has 8 to 30 bits`);
  const base = addressOf(address);
  if (base % 2 ** (32 - bits) !== 0) {
    throw bad(`invalid subnet ${subnet}: it should be ${text(base - (base % 2 ** (32 - bits)))}/${bits}`);
  }
  return [base, bits];
}

function addressOf(address: string): number {
  if (!isIPv4(address)) throw bad(`invalid address: ${JSON.stringify(address)}`);
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function text(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "create network" });
}

function unimplemented(what: string): WharfError {
  return new WharfError("Unimplemented", `${what} is not there yet`, { operation: "create network" });
}
