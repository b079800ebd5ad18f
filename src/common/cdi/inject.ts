/** Devices by their names, and what they change in a container's configuration. */
import { WharfError } from "../errors.ts";
import type { LinuxDevice, Spec } from "../oci/runtime.ts";
import type { CdiSpec, ContainerEdits, DeviceNode } from "./spec.ts";

/** What a device of the host is: its type and numbers. */
export type Looked = Required<Pick<LinuxDevice, "type">> & { major: number; minor: number };

interface Known {
  edits: ContainerEdits;
  spec: CdiSpec;
  folder: number;
}

/**
 * Files in folders, later folders before earlier ones. A device that two files of the same folder have is none; why is in `faults`, as is why
 * a file could not be read.
 */
export class CdiDevices {
  readonly #known = new Map<string, Known>();
  readonly #conflicts = new Set<string>();
  readonly faults: string[] = [];

  /** Files of one folder come before those of the next. */
  add(spec: CdiSpec, folder: number): void {
    for (const [device, edits] of spec.devices) {
      const name = `${spec.kind}=${device}`;
      const other = this.#known.get(name);
      if (other?.folder === folder) {
        this.faults.push(`device ${name} is in ${other.spec.path} and in ${spec.path}`);
        this.#conflicts.add(name);
      } else this.#conflicts.delete(name);
      this.#known.set(name, { edits, spec, folder });
    }
  }

  /** Changes the configuration for these devices, each file's common part once. NotFound for those that are not known. */
  inject(spec: Spec, names: readonly string[], look: (path: string) => Looked): void {
    const missing = names.filter((name) => !this.#known.has(name) || this.#conflicts.has(name));
    if (missing.length > 0) {
      const message = `CDI device injection failed: unresolvable CDI devices ${missing.join(", ")}`;
      throw new WharfError("NotFound", message, {
        hint: this.faults[0] ?? "files in /etc/cdi and /var/run/cdi say which devices there are",
      });
    }
    const seen = new Set<CdiSpec>();
    for (const name of names) {
      const { edits, spec: from } = this.#known.get(name)!;
      if (!seen.has(from)) applyEdits(spec, from.edits, look);
      seen.add(from);
      applyEdits(spec, edits, look);
    }
    sortMounts(spec);
  }
}

function applyEdits(spec: Spec, edits: ContainerEdits, look: (path: string) => Looked): void {
  spec.linux ??= {};
  const { linux, process } = spec;
  if (process && edits.env) {
    for (const one of edits.env) {
      const name = `${one.split("=")[0]}=`;
      process.env ??= [];
      const at = process.env.findIndex((entry) => entry.startsWith(name));
      if (at < 0) process.env.push(one);
      else process.env[at] = one;
    }
  }
  for (const node of edits.deviceNodes ?? []) {
    const device = deviceOf(node, spec, look);
    linux.devices = [...(linux.devices ?? []).filter(({ path }) => path !== device.path), device];
    if (device.type === "p") continue;
    linux.resources ??= {};
    linux.resources.devices ??= [];
    const { type, major, minor } = device as Looked;
    linux.resources.devices.push({ allow: true, type, major, minor, access: node.permissions || "rwm" });
  }
  for (const { hostPath, containerPath, type, options = [] } of edits.mounts ?? []) {
    const mount = { destination: containerPath, source: hostPath, ...(type ? { type } : {}), options };
    spec.mounts = [...(spec.mounts ?? []).filter(({ destination }) => destination !== containerPath), mount];
  }
  for (const { hookName, ...hook } of edits.hooks ?? []) {
    spec.hooks ??= {};
    const kind = hookName as "createRuntime";
    spec.hooks[kind] = [...(spec.hooks[kind] ?? []), hook];
  }
  if (edits.intelRdt) linux.intelRdt = { ...edits.intelRdt };
  for (const gid of edits.additionalGids ?? []) {
    const { user } = process ?? {};
    if (!user || gid === 0 || user.additionalGids?.includes(gid)) continue;
    user.additionalGids = [...(user.additionalGids ?? []), gid];
  }
}

/** What the file leaves out is looked up at the host's device. */
function deviceOf(node: DeviceNode, { process }: Spec, look: (path: string) => Looked): LinuxDevice {
  const { path, hostPath = path, fileMode } = node;
  let { major, minor = 0 } = node;
  let type: LinuxDevice["type"] | undefined = node.type;
  if (type === undefined || (type !== "p" && !major)) {
    const found = look(hostPath);
    const wanted = type === "u" ? "c" : type;
    if (wanted !== undefined && wanted !== found.type) {
      const message = `CDI device ${JSON.stringify(path)} is of type ${wanted}, and ${hostPath} is of type ${found.type}`;
      throw new WharfError("FailedPrecondition", message);
    }
    type ??= found.type;
    if (!major) ({ major, minor } = found);
  }
  const { uid = process?.user.uid || undefined, gid = process?.user.gid || undefined } = node;
  return {
    ...{ path, type },
    ...(type === "p" ? {} : { major: major!, minor }),
    ...(fileMode === undefined ? {} : { fileMode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  };
}

/** Those that others lie below come first. */
function sortMounts(spec: Spec): void {
  const depth = (path: string) => path.split("/").filter((part) => part !== "" && part !== ".").length;
  spec.mounts?.sort((a, b) => depth(a.destination) - depth(b.destination));
}
