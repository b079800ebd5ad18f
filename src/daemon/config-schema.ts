/** What stands in the configuration file, checked. Loaded only when there is one. */

import { array, check, map, object, optional, string } from "../common/docker/schema.ts";
import { WharfError } from "../common/errors.ts";
import { parseToml } from "../common/toml.ts";
import type { Config } from "./config.ts";
import type { RegistryConfig } from "./registry/config.ts";
import { RegistryTable } from "./registry/hosts-dir.ts";

/** The form of the file; the registries' tables are those of containerd's hosts.toml. */
const ConfigFile = object("Config", {
  registries: optional(map(RegistryTable)),
  mirrors: optional(map(array(string()))),
  "insecure-registries": optional(array(string())),
});

export function readConfig(text: string, path: string): Config {
  try {
    const value = parseToml(text) as Record<string, unknown>;
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(ConfigFile.fields, key))
        throw new WharfError("InvalidArgument", `unknown setting ${JSON.stringify(key)}`);
    }
    const file = check(ConfigFile, value, "the file") as {
      registries?: RegistryConfig["registries"];
      mirrors?: Record<string, string[]>;
      "insecure-registries"?: string[];
    };
    const registries: RegistryConfig = {};
    if (file.registries) registries.registries = file.registries;
    if (file.mirrors) registries.mirrors = file.mirrors;
    if (file["insecure-registries"]) registries.insecure = file["insecure-registries"];
    return { registries };
  } catch (cause) {
    throw new WharfError("InvalidArgument", `the configuration ${JSON.stringify(path)} is wrong`, {
      operation: "read configuration",
      subject: path,
      cause,
    });
  }
}
