/** `--change` of commit and import: instructions of a Dockerfile that only set the image's configuration. */

import { WharfError } from "../../../common/errors.ts";
import type { ImageExecution } from "../../../common/oci/image.ts";

/** Applies them in turn. InvalidArgument for others, and for broken ones. */
export function applyChanges(base: ImageExecution, changes: readonly string[]): ImageExecution {
  const config = structuredClone(base);
  for (const line of changes.flatMap((change) => change.split("\n"))) {
    const [, word = "", rest = ""] = /^\s*(\S+)\s*(.*?)\s*$/.exec(line) ?? [];
    if (word === "" || word.startsWith("#")) continue;
    apply(config, word.toUpperCase(), rest, line.trim());
  }
  return config;
}

function apply(config: ImageExecution, word: string, rest: string, line: string): void {
  if (rest === "" && word !== "CMD" && word !== "ENTRYPOINT") throw bad(line, `${word} says nothing`);
  switch (word) {
    case "CMD":
      config.Cmd = commandOf(rest);
      break;
    case "ENTRYPOINT":
      config.Entrypoint = commandOf(rest);
      break;
    case "ENV":
      for (const [name, value] of pairsOf(rest, line)) {
        const others = (config.Env ?? []).filter((one) => !one.startsWith(`${name}=`));
        config.Env = [...others, `${name}=${value}`];
      }
      break;
    case "LABEL":
      config.Labels = { ...config.Labels, ...Object.fromEntries(pairsOf(rest, line)) };
      break;
    case "EXPOSE":
      for (const port of wordsOf(rest, line)) {
        if (!/^\d+(-\d+)?(\/(tcp|udp|sctp))?$/.test(port)) throw bad(line, `${JSON.stringify(port)} is no port`);
        config.ExposedPorts = { ...config.ExposedPorts, [port.includes("/") ? port : `${port}/tcp`]: {} };
      }
      break;
    case "VOLUME":
      for (const path of listOf(rest) ?? wordsOf(rest, line)) config.Volumes = { ...config.Volumes, [path]: {} };
      break;
    case "USER":
      config.User = rest;
      break;
    case "WORKDIR":
      config.WorkingDir = rest.startsWith("/") ? rest : `${(config.WorkingDir ?? "").replace(/\/$/, "")}/${rest}`;
      break;
    case "STOPSIGNAL":
      config.StopSignal = rest;
      break;
    case "ONBUILD":
      config.OnBuild = [...(config.OnBuild ?? []), rest];
      break;
    default:
      throw bad(line, `${word} is not a valid change command`);
  }
}

/** The JSON form, else a line for the shell. */
function commandOf(rest: string): string[] | null {
  if (rest === "") return null;
  return listOf(rest) ?? ["/bin/sh", "-c", rest];
}

function listOf(rest: string): string[] | undefined {
  if (!rest.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(rest);
    if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  } catch {
    // A line that only begins like a list.
  }
  return undefined;
}

/** `a=b c="d e"`, or the old `name the value`. */
function pairsOf(rest: string, line: string): [string, string][] {
  const words = wordsOf(rest, line);
  if (!words[0]!.includes("=")) {
    const space = rest.search(/\s/);
    if (space < 0) throw bad(line, "it has no value");
    return [[rest.slice(0, space), rest.slice(space).trim()]];
  }
  return words.map((word) => {
    const equals = word.indexOf("=");
    if (equals <= 0) throw bad(line, `${JSON.stringify(word)} is not NAME=VALUE`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/** Words as a shell parts them: quotes and backslashes hold them together. */
function wordsOf(rest: string, line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < rest.length; at++) {
    const c = rest[at]!;
    if (c === "\\" && quote !== "'" && at + 1 < rest.length) word = (word ?? "") + rest[++at]!;
    else if (quote !== "") {
      if (c === quote) quote = "";
      else word += c;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= "";
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + c;
  }
  if (quote !== "") throw bad(line, "a quote is not closed");
  if (word !== undefined) words.push(word);
  return words;
}

function bad(line: string, why: string): WharfError {
  return new WharfError("InvalidArgument", `change ${JSON.stringify(line)}: ${why}`, {
    operation: "read changes",
    hint: "changes are CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR",
  });
}
