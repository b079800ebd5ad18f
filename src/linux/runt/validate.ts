// The rules of config.json that go beyond a field's type: what belongs together, what excludes each other, what this platform has not.
import { WharfError } from "../../common/errors.ts";
import type { LinuxNamespaceType, Mount, Process, Spec } from "../../common/oci/runtime.ts";
import { HOOK_KINDS, OTHER_PLATFORMS } from "../../common/oci/runtime-shape.ts";
import { isRootless } from "../sys/rootless.ts";
import { checkExecutionDomain } from "./execution-domain.ts";
import { checkIntelRdt } from "./intel-rdt.ts";
import { checkLabels } from "./labels.ts";
import { parseMountOptions } from "./mount-options.ts";
import { isBind } from "./mounts.ts";
import { checkNetDevices } from "./net-devices.ts";
import { checkScheduling } from "./scheduling.ts";
import { checkSysctls } from "./sysctl.ts";

export function invalid(field: string, what: string, hint?: string): WharfError {
  return new WharfError("InvalidArgument", `config.json: ${field}: ${what}`, { subject: field, hint });
}

function unsupported(field: string, what: string): WharfError {
  return new WharfError("Unimplemented", `config.json: ${field}: ${what}`, { subject: field });
}

/** What of a process can be told to be wrong before anything is done. */
export function checkProcess(process: Process, field = "process"): void {
  if (process.commandLine !== undefined) throw unsupported(`${field}.commandLine`, "is for Windows; use args");
  if (!process.args?.length) throw invalid(`${field}.args`, "must name a program");
  const env = process.env ?? [];
  for (let i = 0; i < env.length; i++) {
    if (!env[i]!.includes("=")) throw invalid(`${field}.env[${i}]`, "expected NAME=value");
  }
  if (!process.cwd?.startsWith("/"))
    throw invalid(`${field}.cwd`, `must be an absolute path, is ${JSON.stringify(process.cwd ?? "")}`);
  const score = process.oomScoreAdj ?? 0;
  if (score < -1000 || score > 1000) throw invalid(`${field}.oomScoreAdj`, `${score} is not between -1000 and 1000`);
  process.user ??= { uid: 0, gid: 0 };
  process.user.uid ??= 0;
  process.user.gid ??= 0;
  if (process.user.username) throw unsupported(`${field}.user.username`, "is for Windows; use uid and gid");
  checkScheduling(process, field);
}

function checkMount(entry: Mount, field: string, userNamespace: boolean): void {
  if (!entry.destination) throw invalid(`${field}.destination`, "is missing");
  const { options, uidMappings, gidMappings } = entry;
  const mapped = (uidMappings?.length ?? 0) > 0 || (gidMappings?.length ?? 0) > 0;
  if (!options && !mapped) return;
  const bind = isBind(entry);
  if (!bind && !mapped && !options!.some((word) => word === "idmap" || word === "ridmap")) return;
  const { data, idmap, tmpcopyup } = parseMountOptions(options ?? []);
  if (bind && !entry.source) throw invalid(`${field}.source`, "is missing: what is to be bound");
  if (bind && data !== "") {
    throw invalid(`${field}.options`, `a bind mount has no options of a file system: ${JSON.stringify(data)}`);
  }
  if (bind && tmpcopyup) throw invalid(`${field}.options`, "tmpcopyup is for tmpfs only");
  if (!mapped && !idmap) return;
  if (!bind) throw invalid(mapped ? `${field}.uidMappings` : `${field}.options`, "only bind mounts can be idmapped");
  if (isRootless()) throw invalid(`${field}.uidMappings`, "an idmapped mount needs a privileged runtime");
  if (mapped && !(uidMappings?.length && gidMappings?.length)) {
    throw invalid(`${field}.uidMappings`, "an idmapped mount needs uidMappings and gidMappings");
  }
  if (!mapped && !userNamespace)
    throw invalid(`${field}.options`, `${idmap} without mappings needs a container with a user namespace of its own`);
}

function checkHooks({ hooks }: Spec): void {
  if (!hooks) return;
  for (const kind of HOOK_KINDS) {
    for (const [i, { path, timeout }] of (hooks[kind] ?? []).entries()) {
      const field = `hooks.${kind}[${i}]`;
      if (!path?.startsWith("/"))
        throw invalid(`${field}.path`, `${JSON.stringify(path ?? "")} is not an absolute path`);
      if (timeout !== undefined && timeout <= 0) throw invalid(`${field}.timeout`, `${timeout} s is no time`);
    }
  }
}

/** The kernel's __NEW_UTS_LEN. */
const NAME_MAX = 64;

/** What is set inside a namespace needs one of the container's own. */
function checkNamespaces(spec: Spec, own: ReadonlyMap<LinuxNamespaceType, string | undefined>): void {
  const { linux = {} } = spec;
  for (const field of ["hostname", "domainname"] as const) {
    const name = spec[field];
    if (!name) continue;
    if (!own.has("uts")) throw invalid(field, "needs a uts namespace");
    if (name.length > NAME_MAX) throw invalid(field, `${JSON.stringify(name)} is longer than ${NAME_MAX} bytes`);
  }
  const mappings = linux.uidMappings?.length || linux.gidMappings?.length;
  if (own.has("user")) {
    if (own.get("user") === undefined && !(linux.uidMappings?.length && linux.gidMappings?.length))
      throw invalid("linux.uidMappings", "a new user namespace needs uidMappings and gidMappings");
  } else if (mappings) throw invalid("linux.uidMappings", "are there, but no user namespace that could have them");
  if (!own.has("mount")) {
    for (const field of ["maskedPaths", "readonlyPaths"] as const)
      if (linux[field]?.length) throw invalid(`linux.${field}`, "needs a mount namespace");
  }
  if (linux.timeOffsets && Object.keys(linux.timeOffsets).length > 0) {
    if (!own.has("time")) throw invalid("linux.timeOffsets", "needs a time namespace");
    if (own.get("time") !== undefined)
      throw invalid("linux.timeOffsets", "are set when a time namespace is made; this one is joined by its path");
  }
}

function checkResources({ linux }: Spec): void {
  const { rdma = {}, blockIO, network, hugepageLimits } = linux?.resources ?? {};
  const base = "linux.resources";
  for (const device in rdma) {
    const { hcaHandles, hcaObjects } = rdma[device]!;
    if (hcaHandles === undefined && hcaObjects === undefined)
      throw invalid(`${base}.rdma[${JSON.stringify(device)}]`, "needs hcaHandles or hcaObjects");
  }
  for (const [i, { weight, leafWeight }] of (blockIO?.weightDevice ?? []).entries()) {
    if (weight === undefined && leafWeight === undefined)
      throw invalid(`${base}.blockIO.weightDevice[${i}]`, "needs weight or leafWeight");
  }
  for (const [i, { name }] of (network?.priorities ?? []).entries()) {
    if (!name) throw invalid(`${base}.network.priorities[${i}].name`, "is missing");
  }
  for (const [i, { pageSize, limit }] of (hugepageLimits ?? []).entries()) {
    if (!pageSize) throw invalid(`${base}.hugepageLimits[${i}].pageSize`, "is missing");
    if (limit === undefined) throw invalid(`${base}.hugepageLimits[${i}].limit`, "is missing");
  }
}

const SLASH = 47;

/** What is no error, but should be known. */
export function remarks({ mounts = [], root, linux }: Spec): string[] {
  const all: string[] = [];
  for (let i = 0; i < mounts.length; i++) {
    if (mounts[i]!.destination.charCodeAt(0) !== SLASH)
      all.push(`config.json: mounts[${i}].destination: a relative path is taken from "/"; that is deprecated`);
  }
  if ((linux?.resources?.memory?.kernel ?? 0) > 0)
    all.push("config.json: linux.resources.memory.kernel: passed over; kernels have no such limit of its own any more");
  if (!linux?.namespaces?.some(({ type }) => type === "mount")) {
    const passed = [
      ...(mounts.length > 0 ? ["mounts"] : []),
      ...(root?.readonly ? ["root.readonly"] : []),
      ...(linux?.devices?.length ? ["linux.devices"] : []),
    ];
    if (passed.length > 0)
      all.push(
        `config.json: ${passed.join(", ")}: passed over; without a mount namespace it would be done to the host`,
      );
  }
  return all;
}

export function validate(spec: Spec): void {
  const version = /^(\d+)\.(\d+)\.\d+/.exec(spec.ociVersion ?? "");
  if (!version) throw invalid("ociVersion", `${JSON.stringify(spec.ociVersion ?? "")} is not a version such as 1.3.0`);
  if (version[1] !== "1") throw invalid("ociVersion", `version ${spec.ociVersion} is not supported, 1.x is`);
  for (const platform of OTHER_PLATFORMS) {
    if (spec[platform] !== undefined) throw unsupported(platform, "is for another platform; this runtime is for Linux");
  }
  if (!spec.root?.path) throw invalid("root.path", "is missing");
  if (spec.process) checkProcess(spec.process);
  const { mounts = [], linux = {}, annotations } = spec;
  checkHooks(spec);
  if (annotations && "" in annotations) throw invalid("annotations", "a key is empty");
  const own = new Map<LinuxNamespaceType, string | undefined>();
  for (const [i, { type, path }] of (linux.namespaces ?? []).entries()) {
    if (path && !path.startsWith("/"))
      throw invalid(`linux.namespaces[${i}].path`, `${JSON.stringify(path)} is not an absolute path`);
    own.set(type, path || undefined);
  }
  checkNamespaces(spec, own);
  for (let i = 0; i < mounts.length; i++) checkMount(mounts[i]!, `mounts[${i}]`, own.has("user"));
  checkResources(spec);
  if (linux.sysctl) checkSysctls(linux.sysctl, own);
  if (linux.netDevices) checkNetDevices(linux.netDevices, own, isRootless());
  const { listenerMetadata, listenerPath } = linux.seccomp ?? {};
  if (typeof listenerMetadata === "string" && !listenerPath)
    throw invalid("linux.seccomp.listenerMetadata", "is there, but no listenerPath to send it to");
  checkExecutionDomain(linux);
  if (linux.intelRdt) checkIntelRdt(linux.intelRdt);
  checkLabels(spec.process, linux.mountLabel);
}
