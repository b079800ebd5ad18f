/** containerd's hosts.toml, which is also the shape of a registry's table in our configuration. */

import { any, array, boolean, map, object, optional, string } from "../../common/docker/schema.ts";
import { checked, within } from "../settings-file.ts";
import type { RegistrySettings } from "./settings.ts";

const hostSettings = {
  capabilities: optional(array(string())),
  ca: optional(any()),
  client: optional(any()),
  skip_verify: optional(boolean()),
  header: optional(map(any())),
  override_path: optional(boolean()),
  dial_timeout: optional(string()),
};

export const HostsFile = object("", {
  ...hostSettings,
  server: optional(string()),
  host: optional(map(object("", hostSettings))),
});

/** A hosts.toml of a registry. As with containerd, what it does not know is passed over, and an empty server is none. InvalidArgument names file and line. */
export function readHosts(text: string, path: string): RegistrySettings {
  const { server, ...settings } = within(
    path,
    "registry's hosts",
    () => checked(HostsFile, text, "tolerant") as RegistrySettings,
  );
  return server ? { server, ...settings } : settings;
}
