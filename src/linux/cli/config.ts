// ~/.docker/config.json: what a client reads of it. A file that is not there is an empty one.
import { WharfError } from "../../common/errors.ts";
import { join } from "../../common/path.ts";
import { isErrno } from "../sys/call.ts";
import { readText } from "../sys/fs.ts";

export interface AuthEntry {
  auth?: string;
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** The keys we use. */
export interface Config {
  auths?: Record<string, AuthEntry>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
  detachKeys?: string;
  psFormat?: string;
  imagesFormat?: string;
}

export function configPath(env: ReadonlyMap<string, string>): string {
  return join(env.get("DOCKER_CONFIG") || join(env.get("HOME") || "/", ".docker"), "config.json");
}

/** Reads the file; one that is no JSON object is an error that names it. */
export function readConfig(env: ReadonlyMap<string, string>): Config {
  const path = configPath(env);
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES")) return {};
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("it is no object");
    return value as Config;
  } catch (cause) {
    throw new WharfError("InvalidArgument", `cannot read ${JSON.stringify(path)}`, {
      hint: "mend the file, or set DOCKER_CONFIG to another folder",
      cause,
    });
  }
}
