/** What `labels`, `env`, their patterns and `tag` of the log options put beside each line of a container's log. */

import { hostname } from "node:os";
import { WharfError } from "../../../common/errors.ts";
import { Template, TemplateError } from "../../../common/template/template.ts";
import type { ContainerRecord } from "../containers/record.ts";

/** As JSON, sorted by name; undefined when there is nothing. InvalidArgument for a template that fails. */
export function logAttributes(record: ContainerRecord): string | undefined {
  const { Config } = record.hostConfig.LogConfig;
  const labels = record.config.Labels ?? {};
  const env: Record<string, string> = {};
  for (const pair of record.config.Env ?? []) {
    const at = pair.indexOf("=");
    if (at >= 0) env[pair.slice(0, at)] = pair.slice(at + 1);
  }
  const found = new Map<string, string>();
  for (const [option, values] of [
    ["labels", labels],
    ["env", env],
  ] as const) {
    for (const name of Config[option]?.split(",") ?? [])
      if (Object.hasOwn(values, name)) found.set(name, values[name]!);
    const text = Config[`${option}-regex`];
    if (!text) continue;
    const wanted = pattern(`${option}-regex`, text);
    for (const [name, value] of Object.entries(values)) if (wanted.test(name)) found.set(name, value);
  }
  const tag = Config.tag ? render(logTag(Config.tag), tagData(record)) : "";
  if (tag !== "") found.set("tag", tag);
  if (found.size === 0) return undefined;
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  // In ASCII, as the shim wants it.
  return JSON.stringify(Object.fromEntries(sorted)).replace(
    /[<>&\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Go's syntax as far as the engine shares it; flags may stand in front. */
export function pattern(name: string, text: string): RegExp {
  const [, flags = "", rest = text] = /^\(\?([ims]+)\)(.*)$/s.exec(text) ?? [];
  try {
    return new RegExp(rest, `u${flags}`);
  } catch (cause) {
    throw bad(name, `the log option ${name} is no regular expression: ${JSON.stringify(text)}`, cause);
  }
}

/** The template of a tag. InvalidArgument. */
export function logTag(text: string): Template {
  try {
    return new Template(text, { name: "log-tag" });
  } catch (cause) {
    throw bad("tag", `the log option tag is no template: ${(cause as Error).message}`, cause);
  }
}

function render(template: Template, data: object): string {
  try {
    return template.execute(data);
  } catch (cause) {
    if (!(cause instanceof TemplateError)) throw cause;
    throw bad("tag", `the log option tag: ${cause.message}`, cause);
  }
}

/** The names that dockerd's templates know. */
function tagData(record: ContainerRecord): object {
  const { id, name, path, args, imageId, config, created } = record;
  return {
    ID: id.slice(0, 12),
    FullID: id,
    Name: name,
    Command: [path, ...args].join(" "),
    ImageID: imageId.replace(/^sha256:/, "").slice(0, 12),
    ImageFullID: imageId,
    ImageName: config.Image,
    Hostname: hostname(),
    DaemonName: "docker",
    Config: record.hostConfig.LogConfig.Config,
    ContainerID: id,
    ContainerName: `/${name}`,
    ContainerEntrypoint: path,
    ContainerArgs: args,
    ContainerImageID: imageId,
    ContainerImageName: config.Image,
    ContainerCreated: created,
    ContainerEnv: config.Env ?? [],
    ContainerLabels: config.Labels ?? {},
  };
}

function bad(name: string, message: string, cause: unknown): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "create container", subject: name, cause });
}
