/** Reads /etc/wharf/config.toml. A file that is not there is an empty one. */

import { readFile } from "node:fs/promises";
import { WharfError } from "../common/errors.ts";
import { type Config, DEFAULTS } from "./config.ts";

/** InvalidArgument names line or field. */
export async function loadConfig(path: string): Promise<Config> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return DEFAULTS;
    throw new WharfError("InvalidArgument", `the configuration ${JSON.stringify(path)} cannot be read`, {
      subject: path,
      cause,
    });
  }
  const { readConfig } = await import("./config-schema.ts");
  return readConfig(text, path);
}
