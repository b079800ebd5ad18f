/** Reads /etc/wharf/config.toml. A file that is not there is an empty one. */

import { readFile } from "node:fs/promises";
import { WharfError } from "../common/errors.ts";
import { type Config, DEFAULTS } from "./config.ts";

/** InvalidArgument names line or field. A file that is not there is the defaults, unless it has to be: then NotFound. */
export async function loadConfig(path: string, needed = false): Promise<Config> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      if (!needed) return DEFAULTS;
      throw new WharfError("NotFound", `there is no configuration ${JSON.stringify(path)}`, { subject: path });
    }
    throw new WharfError("InvalidArgument", `the configuration ${JSON.stringify(path)} cannot be read`, {
      subject: path,
      cause,
    });
  }
  const { readConfig } = await import("./config-schema.ts");
  return readConfig(text, path);
}
