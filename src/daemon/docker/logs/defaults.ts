/** The daemon's own log driver and options, for containers that name none. */

import type { HostConfig } from "../../../common/docker/host-config.ts";
import type { LogSettings } from "../../config.ts";
import { CACHE } from "./options.ts";

type LogConfig = HostConfig["LogConfig"];

/** As dockerd without configuration: no limits. */
export const LOG_DEFAULTS: LogSettings = { driver: "json-file", options: {} };

/** As dockerd fills in: options of the default driver go to containers with that driver only, those of its cache to all; what the request has wins. */
export function withLogDefaults(
  given: { Type?: string | undefined; Config?: LogConfig["Config"] | null | undefined } | undefined,
  defaults: LogSettings,
): LogConfig {
  const Type = given?.Type || defaults.driver;
  const fitting = Object.entries(defaults.options).filter(([name]) => Type === defaults.driver || CACHE.test(name));
  return { Type, Config: { ...Object.fromEntries(fitting), ...given?.Config } };
}
