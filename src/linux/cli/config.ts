// ~/.docker/config.json: what a client reads of it. A file that is not there is an empty one.
import { WharfError } from "../../common/errors.ts";
import { dirname, join } from "../../common/path.ts";
import { isErrno } from "../sys/call.ts";
import { mkdirs, readText, writeFileAtomic } from "../sys/fs.ts";

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
  currentContext?: string;
  detachKeys?: string;
  psFormat?: string;
  imagesFormat?: string;
}

/** The folder of config.json and of the contexts; `flag` is --config. */
export function configFolder(env: ReadonlyMap<string, string>, flag = ""): string {
  return flag || env.get("DOCKER_CONFIG") || join(env.get("HOME") || "/", ".docker");
}

/** Reads the file; one that is no JSON object is an error that names it. */
export function readConfig(path: string): Config {
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

/** Changes the file, keeping all that it has besides. */
export function changeConfig(path: string, change: (config: Record<string, unknown>) => Record<string, unknown>): void {
  const config = change(readConfig(path) as Record<string, unknown>);
  mkdirs(dirname(path), 0o700);
  writeFileAtomic(path, `${JSON.stringify(config, undefined, "\t")}\n`, 0o600);
}
