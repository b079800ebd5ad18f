/** Container Device Interface: files in which makers of devices say what a container needs for each (CDI specification 1.0.0). */
import { WharfError } from "../errors.ts";
import { parseYaml } from "../yaml.ts";

export interface DeviceNode {
  path: string;
  hostPath?: string;
  type?: "b" | "c" | "u" | "p";
  major?: number;
  minor?: number;
  fileMode?: number;
  permissions?: string;
  uid?: number;
  gid?: number;
}

export interface CdiMount {
  hostPath: string;
  containerPath: string;
  options?: string[];
  type?: string;
}

export interface CdiHook {
  hookName: string;
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}

export interface CdiRdt {
  closID?: string;
  l3CacheSchema?: string;
  memBwSchema?: string;
  enableCMT?: boolean;
  enableMBM?: boolean;
}

export interface ContainerEdits {
  env?: string[];
  deviceNodes?: DeviceNode[];
  hooks?: CdiHook[];
  mounts?: CdiMount[];
  intelRdt?: CdiRdt;
  additionalGids?: number[];
}

export interface CdiSpec {
  readonly path: string;
  /** VENDOR/CLASS. */
  readonly kind: string;
  /** For each container that gets at least one of the devices. */
  readonly edits: ContainerEdits;
  readonly devices: ReadonlyMap<string, ContainerEdits>;
}

const VERSIONS = new Set(["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"]);
const PART = "[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?";
const KIND = new RegExp(`^${PART}/${PART}$`);
const NAME = "[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?";
const DEVICE = new RegExp(`^${NAME}$`);
const QUALIFIED = new RegExp(`^${PART}/${PART}=${NAME}$`);

/** VENDOR/CLASS=NAME, and not a path. */
export function isQualifiedDevice(text: string): boolean {
  return QUALIFIED.test(text);
}

const HOOKS = [
  ...(["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const),
];

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message);
}

/** A file's content, JSON or YAML. InvalidArgument with the file's name. */
export function parseCdiSpec(path: string, text: string): CdiSpec {
  try {
    const document = parseDocument(path, text);
    const { cdiVersion, kind, devices, containerEdits = {} } = document;
    if (typeof cdiVersion !== "string" || !VERSIONS.has(cdiVersion.replace(/^v/, "")))
      throw bad(`cdiVersion ${JSON.stringify(cdiVersion)} is not known`);
    if (typeof kind !== "string" || !KIND.test(kind)) throw bad(`kind ${JSON.stringify(kind)} is not VENDOR/CLASS`);
    check(containerEdits);
    if (!Array.isArray(devices) || devices.length === 0) throw bad("it has no devices");
    const found = new Map<string, ContainerEdits>();
    for (const one of devices as { name?: unknown; containerEdits?: ContainerEdits }[]) {
      const name = one?.name;
      if (typeof name !== "string" || !DEVICE.test(name)) throw bad(`device ${JSON.stringify(name)}: no name for one`);
      if (found.has(name)) throw bad(`device ${JSON.stringify(name)} is there twice`);
      const edits = one.containerEdits ?? {};
      if (Object.keys(edits).length === 0) throw bad(`device ${JSON.stringify(name)} changes nothing`);
      check(edits);
      found.set(name, edits);
    }
    return { path, kind, edits: containerEdits, devices: found };
  } catch (cause) {
    throw new WharfError("InvalidArgument", `CDI file ${JSON.stringify(path)} is not usable`, { cause, subject: path });
  }
}

interface Document {
  cdiVersion?: unknown;
  kind?: unknown;
  devices?: unknown;
  containerEdits?: ContainerEdits;
}

function parseDocument(path: string, text: string): Document {
  const document = path.endsWith("json") ? (JSON.parse(text) as unknown) : parseYaml(text);
  if (typeof document !== "object" || document === null || Array.isArray(document)) throw bad("it is no mapping");
  return document as Document;
}

function check(edits: ContainerEdits): void {
  const { env = [], deviceNodes = [], hooks = [], mounts = [], intelRdt } = edits;
  checkEnv(env);
  for (const { path, type = "", permissions = "" } of deviceNodes) {
    if (!path) throw bad("a device node has no path");
    if (!["", "b", "c", "u", "p"].includes(type)) throw bad(`device node ${path}: type ${JSON.stringify(type)}`);
    if (!/^[rwm]*$/.test(permissions)) throw bad(`device node ${path}: permissions ${JSON.stringify(permissions)}`);
  }
  for (const { hookName, path, env: own = [] } of hooks) {
    if (!(HOOKS as readonly string[]).includes(hookName)) throw bad(`there is no hook ${JSON.stringify(hookName)}`);
    if (!path) throw bad(`a hook ${hookName} has no path`);
    checkEnv(own);
  }
  for (const { hostPath, containerPath } of mounts) {
    if (!hostPath || !containerPath) throw bad("a mount is without hostPath or containerPath");
  }
  if (intelRdt?.closID !== undefined && /^\.{1,2}$|[/\n]|^.{4096}/.test(intelRdt.closID))
    throw bad(`closID ${JSON.stringify(intelRdt.closID)}`);
}

function checkEnv(env: readonly string[]): void {
  for (const one of env) if (!/^[^=]+=/.test(one)) throw bad(`variable ${JSON.stringify(one)} is not NAME=VALUE`);
}
