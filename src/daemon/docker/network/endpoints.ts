/** What a create request says of its networks: by name, with the MAC address that older clients give for the whole container. */

import { isIPv4 } from "node:net";
import type { ContainerCreateRequest } from "../../../common/docker/container.ts";
import { WharfError } from "../../../common/errors.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { Engine } from "../engine.ts";
import { findNetwork } from "./view.ts";

/** From this API version on the address belongs to the endpoint. */
const ENDPOINT_MAC = 44;
const MAC = /^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/;

/** InvalidArgument for networks that are not the container's, and addresses that cannot be. */
export function endpointsOf(
  engine: Engine,
  request: ContainerCreateRequest,
  mode: string,
  version: number,
  warnings: string[],
): ContainerRecord["networks"] {
  const found: ContainerRecord["networks"] = {};
  for (const [text, settings] of Object.entries(request.NetworkingConfig?.EndpointsConfig ?? {})) {
    const name = text === "default" ? mode : nameOf(engine, text);
    found[name] = { ...settings };
  }
  const user = engine.networks.user(mode);
  for (const [name, settings] of Object.entries(found)) {
    if (name !== mode) throw bad(`a container on the network ${mode} cannot be on ${name} as well`);
    if (user) checkUserSettings(settings as Settings);
    else checkSettings(settings as Settings);
  }
  const mac = request.MacAddress;
  if (mac) {
    const own = found[mode] ?? {};
    if (own.MacAddress && own.MacAddress !== mac) {
      throw bad(
        "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty",
      );
    }
    if (mode === "host") throw bad("conflicting options: mac-address and the network mode");
    if (mode !== "none") found[mode] = { ...own, MacAddress: mac };
    if (version >= ENDPOINT_MAC) {
      warnings.push(
        "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.",
      );
    }
  }
  for (const { MacAddress } of Object.values(found))
    if (MacAddress && !MAC.test(String(MacAddress))) throw bad(`invalid MAC address: ${MacAddress}`);
  return found;
}

interface Settings {
  Aliases?: string[];
  Links?: string[];
  IPAMConfig?: Record<string, unknown>;
  DriverOpts?: Record<string, string>;
}

const isEmpty = (value: unknown) => (Array.isArray(value) ? value.length === 0 : !value);

/** On a user's network: aliases, an address, and options that the driver does not know, which dockerd keeps as well. */
function checkUserSettings({ Links, IPAMConfig, DriverOpts }: Settings): void {
  const { IPv4Address, ...others } = IPAMConfig ?? {};
  const known = Object.keys(DriverOpts ?? {}).find((option) => option.startsWith("com.docker.network."));
  const later = [
    Links?.length ? "Links" : undefined,
    ...Object.keys(others).filter((key) => !isEmpty(others[key])),
    known,
  ].find((what) => what !== undefined);
  if (later !== undefined) {
    throw new WharfError("Unimplemented", `the endpoint option ${later} is not there yet`, {
      operation: "create container",
    });
  }
  if (IPv4Address && !isIPv4(String(IPv4Address))) throw bad(`invalid IPv4 address: ${IPv4Address}`);
}

/** What only networks of a user's own have. */
function checkSettings({ Aliases, Links, IPAMConfig, DriverOpts }: Settings): void {
  if (Aliases?.length) throw bad("network-scoped alias is supported only for containers in user defined networks");
  if (Links?.length) throw bad("network-scoped links are supported only for containers in user defined networks");
  if (Object.values(IPAMConfig ?? {}).some((value) => !isEmpty(value))) {
    throw bad("user specified IP address is supported on user defined networks only");
  }
  const option = Object.keys(DriverOpts ?? {})[0];
  if (option !== undefined) {
    throw new WharfError("Unimplemented", `the endpoint option ${option} is not there yet`, {
      operation: "create container",
    });
  }
}

/** A client must not take it for a missing image. */
function nameOf(engine: Engine, text: string): string {
  try {
    return findNetwork(engine, text);
  } catch {
    throw bad(`network ${text} not found`);
  }
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "create container" });
}
