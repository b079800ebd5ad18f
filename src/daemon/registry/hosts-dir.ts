/** A folder with a hosts.toml for each registry, as containerd has it in /etc/containerd/certs.d. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { any, array, boolean, check, map, object, optional, string } from "../../common/docker/schema.ts";
import { WharfError } from "../../common/errors.ts";
import { parseToml } from "../../common/toml.ts";
import type { HostSettings, RegistrySettings } from "./config.ts";

const hostSettings = {
  capabilities: optional(array(string())),
  ca: optional(any()),
  client: optional(any()),
  skip_verify: optional(boolean()),
  header: optional(map(any())),
  override_path: optional(boolean()),
  dial_timeout: optional(string()),
};

/** The form of one registry's table, in the configuration as in a hosts.toml. */
export const RegistryTable = object("", {
  ...hostSettings,
  server: optional(string()),
  host: optional(map(object("", hostSettings))),
});

/** The folders in which containerd looks for a registry's file. */
function places(domain: string): string[] {
  const port = domain.includes(":") ? [`${domain.replaceAll(":", "_")}_`] : [];
  return [...port, domain, "_default"];
}

/** File names in it are relative to its folder. */
function located<T extends HostSettings>(settings: T, folder: string): T {
  const at = (value: unknown): unknown => {
    if (typeof value === "string") return value.startsWith("/") ? value : join(folder, value);
    return Array.isArray(value) ? value.map(at) : value;
  };
  const { ca, client } = settings;
  return {
    ...settings,
    ...(ca === undefined ? {} : { ca: at(ca) as string[] }),
    ...(client === undefined ? {} : { client: at(client) as string }),
  };
}

/** What the folder says of a registry; undefined when it says nothing. InvalidArgument for a file that is wrong. */
export async function settingsOf(folder: string, domain: string): Promise<RegistrySettings | undefined> {
  for (const name of places(domain)) {
    const path = join(folder, name, "hosts.toml");
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") continue;
      throw new WharfError("FailedPrecondition", `cannot read ${JSON.stringify(path)}`, { subject: path, cause });
    }
    try {
      const table = check(RegistryTable, parseToml(text), "the file") as RegistrySettings;
      const hosts = Object.entries(table.host ?? {}).map(([url, one]) => [url, located(one, join(folder, name))]);
      return { ...located(table, join(folder, name)), ...(table.host ? { host: Object.fromEntries(hosts) } : {}) };
    } catch (cause) {
      throw new WharfError("InvalidArgument", `${JSON.stringify(path)} is wrong`, { subject: path, cause });
    }
  }
  return undefined;
}
