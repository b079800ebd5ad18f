/** /etc/wharf/config.toml. A file that is not there is an empty one. */

import { readFile } from "node:fs/promises";
import { WharfError } from "../common/errors.ts";
import type { RegistryConfig } from "./registry/config.ts";

/** What `--runtime NAME` stands for. */
export interface RuntimeHandler {
  /** Name of a shim as containerd has them, or its absolute path. */
  type: string;
  /** Program of the OCI runtime; the shim's own when it is empty. */
  binary: string;
  /** Its state folder; the shim's choice when it is empty. */
  root: string;
  systemdCgroup: boolean;
}

export interface Config {
  registries: RegistryConfig | undefined;
  /** By name, beside `runt`. */
  runtimes: Record<string, RuntimeHandler>;
  /** Name of a handler. */
  defaultRuntime: string;
  /** Sockets of other snapshotters, by name. */
  snapshotters: Record<string, string>;
  /** Socket on which ours is served to another containerd. */
  snapshotterSocket: string | undefined;
  /** Name or number of the group that may use the sockets of containerd's API; root's by default. */
  containerdGroup: string | undefined;
}

const EMPTY: Config = {
  registries: undefined,
  runtimes: {},
  defaultRuntime: "runt",
  snapshotters: {},
  snapshotterSocket: undefined,
  containerdGroup: undefined,
};

/** InvalidArgument names line or field. */
export async function loadConfig(path: string): Promise<Config> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return EMPTY;
    throw new WharfError("InvalidArgument", `the configuration ${JSON.stringify(path)} cannot be read`, {
      subject: path,
      cause,
    });
  }
  const { readConfig } = await import("./config-schema.ts");
  return readConfig(text, path);
}
