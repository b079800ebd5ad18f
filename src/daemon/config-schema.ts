/** What stands in the configuration file, checked. Loaded only when there is one. */

import { isAbsolute } from "node:path";
import { any, array, boolean, check, map, object, optional, type Schema, string } from "../common/docker/schema.ts";
import { WharfError } from "../common/errors.ts";
import { lineOf, parseToml } from "../common/toml.ts";
import type { Config, RuntimeHandler } from "./config.ts";
import type { RegistryConfig, RegistrySettings } from "./registry/config.ts";

const hostSettings = {
  capabilities: optional(array(string())),
  ca: optional(any()),
  client: optional(any()),
  skip_verify: optional(boolean()),
  header: optional(map(any())),
  override_path: optional(boolean()),
  dial_timeout: optional(string()),
};

/** containerd's hosts.toml, which a registry's table is, too. */
const HostsFile = object("", {
  ...hostSettings,
  server: optional(string()),
  host: optional(map(object("", hostSettings))),
});

const ConfigFile = object("Config", {
  registries: optional(map(HostsFile)),
  mirrors: optional(map(array(string()))),
  "insecure-registries": optional(array(string())),
  "registry-config-path": optional(string()),
  "default-runtime": optional(string()),
  runtimes: optional(
    map(
      object("", {
        type: optional(string()),
        binary: optional(string()),
        root: optional(string()),
        "systemd-cgroup": optional(boolean()),
      }),
    ),
  ),
  snapshotters: optional(map(object("", { address: string() }))),
  "snapshotter-socket": optional(string()),
  "containerd-group": optional(string()),
});

interface File {
  registries?: RegistryConfig["registries"];
  mirrors?: Record<string, string[]>;
  "insecure-registries"?: string[];
  "registry-config-path"?: string;
  "default-runtime"?: string;
  runtimes?: Record<string, { type?: string; binary?: string; root?: string; "systemd-cgroup"?: boolean }>;
  snapshotters?: Record<string, { address: string }>;
  "snapshotter-socket"?: string;
  "containerd-group"?: string;
}

const OUR_SHIM = "io.containerd.runt.v2";
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

export function readConfig(text: string, path: string): Config {
  return within(path, "configuration", () => {
    const file = checked(ConfigFile, text) as File;
    const registries: RegistryConfig = {};
    if (file.registries) registries.registries = file.registries;
    if (file.mirrors) registries.mirrors = file.mirrors;
    if (file["insecure-registries"]) registries.insecure = file["insecure-registries"];
    if (file["registry-config-path"]) registries.directories = file["registry-config-path"].split(":");
    const runtimes: Record<string, RuntimeHandler> = {};
    for (const [name, handler] of Object.entries(file.runtimes ?? {})) {
      const { type = OUR_SHIM, binary = "", root = "", "systemd-cgroup": systemdCgroup = false } = handler;
      const where = ["runtimes", name];
      if (!NAME.test(name) || name === "runt") throw fault(text, where, "is no name for a runtime of your own");
      if (root !== "" && !isAbsolute(root)) throw fault(text, [...where, "root"], "must be an absolute path");
      runtimes[name] = { type, binary, root, systemdCgroup };
    }
    const defaultRuntime = file["default-runtime"] ?? "runt";
    if (defaultRuntime !== "runt" && !Object.hasOwn(runtimes, defaultRuntime)) {
      throw fault(text, ["default-runtime"], `names no runtime: there is no [runtimes.${defaultRuntime}]`);
    }
    const snapshotters: Record<string, string> = {};
    for (const [name, { address }] of Object.entries(file.snapshotters ?? {})) {
      const where = ["snapshotters", name];
      if (!NAME.test(name) || name === "overlayfs" || name === "native")
        throw fault(text, where, "is no name for another snapshotter");
      const socket = address.replace(/^unix:\/\//, "");
      if (!isAbsolute(socket)) throw fault(text, [...where, "address"], "must be the absolute path of a socket");
      snapshotters[name] = socket;
    }
    const snapshotterSocket = file["snapshotter-socket"];
    if (snapshotterSocket !== undefined && !isAbsolute(snapshotterSocket))
      throw fault(text, ["snapshotter-socket"], "must be the absolute path of a socket");
    const containerdGroup = file["containerd-group"];
    if (containerdGroup === "") throw fault(text, ["containerd-group"], "must be a group's name or number");
    return { registries, runtimes, defaultRuntime, snapshotters, snapshotterSocket, containerdGroup };
  });
}

/** A hosts.toml of a registry. InvalidArgument names file and line. */
export function readHosts(text: string, path: string): RegistrySettings {
  return within(path, "registry's hosts", () => checked(HostsFile, text) as RegistrySettings);
}

function within<T>(path: string, what: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    throw new WharfError("InvalidArgument", `the ${what} ${JSON.stringify(path)} is wrong`, {
      operation: "read configuration",
      subject: path,
      cause,
    });
  }
}

/** Like `check`, and refuses settings that are not known; both say on which line. */
function checked(schema: Schema, text: string): unknown {
  const value = parseToml(text);
  refuseUnknown(schema, value, [], text);
  try {
    return check(schema, value, "the file");
  } catch (cause) {
    const error = WharfError.from(cause);
    const path = (error.subject ?? "").split(/[.[]/);
    throw new WharfError(error.code, `line ${lineOf(text, path)}: ${error.message}`, { subject: error.subject });
  }
}

function refuseUnknown(schema: Schema, value: unknown, path: readonly string[], text: string): void {
  if (schema.kind === "optional") {
    refuseUnknown(schema.of, value, path, text);
    return;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  for (const [key, one] of Object.entries(value)) {
    const here = [...path, key];
    if (schema.kind === "map") refuseUnknown(schema.of, one, here, text);
    if (schema.kind !== "object") continue;
    const field = schema.fields[key];
    if (!field) throw fault(text, here, "is not known");
    refuseUnknown(field, one, here, text);
  }
}

function fault(text: string, path: readonly string[], why: string): WharfError {
  return new WharfError("InvalidArgument", `line ${lineOf(text, path)}: the setting ${path.join(".")} ${why}`);
}
