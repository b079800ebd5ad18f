/**
 * A registry's settings in containerd's form: `<directory>/<registry>/hosts.toml`, where the registry's name may have its port as
 * `host_port_`, and `_default` serves all others. Without hosts.toml the folder may hold docker's certificates: `*.crt` authorities, `*.cert` and
 * `*.key` of the client.
 */

import { readdir, readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { WharfError } from "../../common/errors.ts";
import { readHosts } from "./hosts-file.ts";
import type { HostSettings, RegistrySettings } from "./settings.ts";

/** Undefined when the directory has nothing for the registry. InvalidArgument names file and line. */
export async function settingsOf(directory: string, domain: string): Promise<RegistrySettings | undefined> {
  for (const name of [domain.includes(":") ? `${domain.replaceAll(":", "_")}_` : domain, domain, "_default"]) {
    const folder = join(directory, name);
    const files = await list(folder);
    if (!files) continue;
    if (!files.includes("hosts.toml")) return certificates(folder, files);
    const path = join(folder, "hosts.toml");
    const settings = readHosts(await readFile(path, "utf8"), path);
    const hosts = Object.entries(settings.host ?? {}).map(([url, one]) => [url, absolute(one, folder)] as const);
    return { ...absolute(settings, folder), ...(settings.host ? { host: Object.fromEntries(hosts) } : {}) };
  }
  return undefined;
}

async function list(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new WharfError("FailedPrecondition", `cannot read ${JSON.stringify(folder)}`, { subject: folder, cause });
  }
}

/** File names are meant from the folder of hosts.toml on. */
function absolute<T extends HostSettings>(settings: T, folder: string): T {
  const place = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  const all = (value: unknown): unknown =>
    typeof value === "string" ? place(value) : Array.isArray(value) ? value.map(all) : value;
  const { ca, client } = settings;
  return {
    ...settings,
    ...(ca === undefined ? {} : { ca: all(ca) as typeof ca }),
    ...(client === undefined ? {} : { client: all(client) as typeof client }),
  };
}

function certificates(folder: string, files: readonly string[]): RegistrySettings | undefined {
  const ca = files.filter((name) => name.endsWith(".crt")).map((name) => join(folder, name));
  const pairs = files
    .filter((name) => name.endsWith(".cert"))
    .map((name): [string, string] => {
      const key = name.replace(/cert$/, "key");
      // without a file of its own the key is in the certificate's
      return [join(folder, name), join(folder, files.includes(key) ? key : name)];
    });
  if (ca.length === 0 && pairs.length === 0) return undefined;
  return { ...(ca.length > 0 ? { ca } : {}), ...(pairs.length > 0 ? { client: pairs } : {}) };
}
