/** Network configurations in CNI's form (CNI specification 1.1.0, section 1): lists of plugins, and single plugins as lists of one. */
import { WharfError } from "../errors.ts";

/** One plugin's configuration; fields that are not named here are the plugin's own. */
export interface PluginConfig {
  readonly type: string;
  /** What the plugin can be told by the runtime, below `runtimeConfig`. */
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly [field: string]: unknown;
}

export interface NetworkConfig {
  readonly name: string;
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGc: boolean;
  readonly plugins: readonly PluginConfig[];
  /** The file's text, which is kept beside the result. */
  readonly text: string;
}

/** What a configuration without a version is of. */
const FIRST_VERSION = "0.1.0";
/** The latest one that we speak. */
const CNI_VERSION = "1.1.0";
export const SUPPORTED_VERSIONS: readonly string[] = [
  ...["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"],
  CNI_VERSION,
];

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** The loopback interface, for runtimes that leave it to a plugin. */
export const LOOPBACK: NetworkConfig = parse(
  '{"cniVersion":"0.3.1","name":"cni-loopback","plugins":[{"type":"loopback"}]}',
);

/** A file: `.conflist` has a list, every other one plugin. InvalidArgument with the file's name. */
export function parseNetworkFile(path: string, text: string): NetworkConfig {
  try {
    return parse(text, /\.conflist$/.test(path));
  } catch (cause) {
    const message = `CNI configuration ${JSON.stringify(path)} is not usable`;
    throw new WharfError("InvalidArgument", message, { cause, subject: path });
  }
}

function parse(text: string, isList = true): NetworkConfig {
  const document = JSON.parse(text) as Record<string, unknown>;
  if (typeof document !== "object" || document === null || Array.isArray(document)) throw bad("it is no object");
  const { name } = document;
  if (typeof name !== "string" || !NAME.test(name))
    throw bad(`name ${JSON.stringify(name)} is not letters, digits, _ . and -`);
  const plugins = isList ? document.plugins : [document];
  if (!Array.isArray(plugins) || plugins.length === 0) throw bad("it has no plugins");
  for (const plugin of plugins as PluginConfig[]) {
    if (typeof plugin?.type !== "string" || plugin.type === "" || plugin.type.includes("/"))
      throw bad(`a plugin's type is ${JSON.stringify(plugin?.type)}`);
  }
  return {
    name,
    cniVersion: versionOf(document),
    disableCheck: flag(document.disableCheck, "disableCheck"),
    disableGc: flag(document.disableGC, "disableGC"),
    plugins: plugins as PluginConfig[],
    text,
  };
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message);
}

/** Some write it as a string. */
function flag(value: unknown, name: string): boolean {
  if (value === undefined || value === false || value === "false") return false;
  if (value === true || value === "true") return true;
  throw bad(`${name} is ${JSON.stringify(value)}, and neither true nor false`);
}

/** The highest of `cniVersions` that we speak, or `cniVersion`. */
function versionOf({ cniVersion, cniVersions }: Record<string, unknown>): string {
  if (cniVersion !== undefined && typeof cniVersion !== "string") throw bad("cniVersion is no string");
  const listed = Array.isArray(cniVersions) ? (cniVersions as string[]) : [];
  const offered = [...listed, ...(cniVersion ? [cniVersion] : [])];
  if (offered.length === 0) return FIRST_VERSION;
  const known = offered.filter((one) => SUPPORTED_VERSIONS.includes(one)).sort(compareVersions);
  const best = known.at(-1);
  if (best === undefined) throw bad(`version ${offered.join(", ")} is none of ${SUPPORTED_VERSIONS.join(", ")}`);
  return best;
}

/** By their numbers: below 0 when `a` is the older one. */
function compareVersions(a: string, b: string): number {
  const numbers = (text: string) => text.split(".").map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (const at of [0, 1, 2]) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function atLeast(version: string, wanted: string): boolean {
  return compareVersions(version, wanted) >= 0;
}
