// Reading a bundle: config.json with the checks that decide whether it can be carried out at all.
import { WharfError } from "../../common/errors.ts";
import type { Process, Spec } from "../../common/oci/runtime.ts";
import { join } from "../../common/path.ts";
import { isErrno } from "../sys/call.ts";
import { readText } from "../sys/fs.ts";

export interface Bundle {
  path: string;
  rootfs: string;
  spec: Spec;
}

const invalid = (field: string, what: string) =>
  new WharfError("InvalidArgument", `config.json: ${field}: ${what}`, { subject: field });

type Kind = "string" | "number" | "boolean" | "object" | "array";

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
}

/** Type checks of the fields that are used without another look; absent ones are fine. */
const SHAPE: readonly (readonly [path: string, kind: Kind])[] = [
  ["ociVersion", "string"],
  ["process", "object"],
  ["process.terminal", "boolean"],
  ["process.user", "object"],
  ["process.user.uid", "number"],
  ["process.user.gid", "number"],
  ["process.args", "array"],
  ["process.env", "array"],
  ["process.cwd", "string"],
  ["process.capabilities", "object"],
  ["process.rlimits", "array"],
  ["process.noNewPrivileges", "boolean"],
  ["process.oomScoreAdj", "number"],
  ["root", "object"],
  ["root.path", "string"],
  ["root.readonly", "boolean"],
  ["hostname", "string"],
  ["domainname", "string"],
  ["mounts", "array"],
  ["hooks", "object"],
  ["annotations", "object"],
  ["linux", "object"],
  ["linux.namespaces", "array"],
  ["linux.uidMappings", "array"],
  ["linux.gidMappings", "array"],
  ["linux.devices", "array"],
  ["linux.cgroupsPath", "string"],
  ["linux.resources", "object"],
  ["linux.resources.devices", "array"],
  ["linux.resources.memory", "object"],
  ["linux.resources.cpu", "object"],
  ["linux.resources.pids", "object"],
  ["linux.seccomp", "object"],
  ["linux.seccomp.syscalls", "array"],
  ["linux.sysctl", "object"],
  ["linux.maskedPaths", "array"],
  ["linux.readonlyPaths", "array"],
  ["linux.rootfsPropagation", "string"],
];

const SHAPES = SHAPE.map(([path, kind]) => ({ path, parts: path.split("."), kind }));

function checkShape(spec: unknown): void {
  for (let i = 0; i < SHAPES.length; i++) {
    const { path, parts, kind } = SHAPES[i]!;
    let at: unknown = spec;
    for (let k = 0; k < parts.length && at !== undefined && at !== null; k++)
      at = (at as Record<string, unknown>)[parts[k]!];
    if (at === undefined || at === null || kindOf(at) === kind) continue;
    throw invalid(path, `expected ${kind === "array" || kind === "object" ? "an" : "a"} ${kind}, got ${kindOf(at)}`);
  }
}

export function checkProcess(process: Process, field = "process"): void {
  if (!process.args?.length) throw invalid(`${field}.args`, "must name a program");
  for (const [i, arg] of process.args.entries())
    if (typeof arg !== "string") throw invalid(`${field}.args[${i}]`, `expected a string, got ${kindOf(arg)}`);
  for (const [i, entry] of (process.env ?? []).entries()) {
    if (typeof entry !== "string" || !entry.includes("=")) throw invalid(`${field}.env[${i}]`, "expected NAME=value");
  }
  if (!process.cwd?.startsWith("/"))
    throw invalid(`${field}.cwd`, `must be an absolute path, is ${JSON.stringify(process.cwd ?? "")}`);
  process.user ??= { uid: 0, gid: 0 };
}

function check(spec: Spec): void {
  checkShape(spec);
  const version = /^(\d+)\.(\d+)\.\d+/.exec(spec.ociVersion ?? "");
  if (!version) throw invalid("ociVersion", `${JSON.stringify(spec.ociVersion ?? "")} is not a version such as 1.3.0`);
  if (version[1] !== "1") throw invalid("ociVersion", `version ${spec.ociVersion} is not supported, 1.x is`);
  if (!spec.root?.path) throw invalid("root.path", "is missing");
  if (spec.process) checkProcess(spec.process);
  for (const [i, { destination }] of (spec.mounts ?? []).entries()) {
    if (typeof destination !== "string" || destination === "") throw invalid(`mounts[${i}].destination`, "is missing");
  }
  const own = new Set((spec.linux?.namespaces ?? []).map(({ type }) => type));
  if (spec.hostname && !own.has("uts")) throw invalid("hostname", "needs a uts namespace");
  if (own.has("user") && !spec.linux?.namespaces?.find(({ type }) => type === "user")?.path) {
    if (!spec.linux?.uidMappings?.length || !spec.linux.gidMappings?.length) {
      throw invalid("linux.uidMappings", "a new user namespace needs uidMappings and gidMappings");
    }
  }
}

export function readBundle(path: string): Bundle {
  const file = `${path}/config.json`;
  let text: string;
  try {
    text = readText(file);
  } catch (cause) {
    if (!isErrno(cause, "ENOENT", "ENOTDIR")) throw cause;
    throw new WharfError("NotFound", `JSON specification file ${file} not found`, {
      cause,
      hint: "make one with: runt spec",
    });
  }
  let spec: Spec;
  try {
    spec = JSON.parse(text) as Spec;
  } catch (cause) {
    throw new WharfError("InvalidArgument", `${file} is not valid JSON`, { cause });
  }
  if (kindOf(spec) !== "object") throw new WharfError("InvalidArgument", `${file} does not hold an object`);
  check(spec);
  const rootfs = spec.root!.path.startsWith("/") ? spec.root!.path : join(path, spec.root!.path);
  return { path, rootfs, spec };
}
