// Environment variables and labels from flags and files.
import { WharfError } from "../../errors.ts";
import { cut } from "../flags.ts";

export interface EnvHost {
  readonly env: ReadonlyMap<string, string>;
  readText(path: string): string;
}

/** The entries of an env or label file: a line each, # for comments; `lookup` gives the value of a name alone. */
function readPairs(path: string, text: string, lookup: ((name: string) => string | undefined) | undefined): string[] {
  const entries: string[] = [];
  for (const [i, raw] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = raw.replace(/\r$/, "").trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const [name, value] = cut(line, "=");
    if (/\s/.test(name) || name === "") {
      const what = name === "" ? "the name is missing" : `the name ${JSON.stringify(name)} has a space`;
      throw new WharfError("InvalidArgument", `${path}:${i + 1}: ${what}`);
    }
    if (value !== undefined) entries.push(line);
    else if (!lookup) entries.push(name);
    else {
      const ours = lookup(name);
      if (ours !== undefined) entries.push(`${name}=${ours}`);
    }
  }
  return entries;
}

/** The list for Config.Env: the files' entries, then the flags'. A name alone passes our value on, where there is one. */
export function readEnv(files: readonly string[], entries: readonly string[], host: EnvHost): string[] {
  const lookup = (name: string) => host.env.get(name);
  const fromFiles = files.flatMap((path) => readPairs(path, host.readText(path), lookup));
  const own = entries.map((entry) => {
    if (entry.includes("=")) return entry;
    const ours = lookup(entry);
    return ours === undefined ? entry : `${entry}=${ours}`;
  });
  return [...fromFiles, ...own];
}

export function readLabels(
  files: readonly string[],
  entries: readonly string[],
  host: EnvHost,
): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const entry of [...files.flatMap((path) => readPairs(path, host.readText(path), undefined)), ...entries]) {
    const [key, value = ""] = cut(entry, "=");
    labels[key] = value;
  }
  return labels;
}
