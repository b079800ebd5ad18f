/**
 * The shape of config.json as the runtime specification 1.3 defines it: every field with its type and the words it may hold. runt checks a
 * bundle against it, the coverage ledger takes its rows from it. Source: https://github.com/opencontainers/runtime-spec/tree/v1.3.0/schema
 */

export type FieldShape =
  | { readonly kind: "string"; readonly words?: ReadonlySet<string> }
  | { readonly kind: "boolean" }
  /** A whole number. */
  | { readonly kind: "number"; readonly min: number; readonly max: number }
  | { readonly kind: "list"; readonly of: FieldShape }
  /** An object whose keys are free. */
  | { readonly kind: "map"; readonly of: FieldShape }
  | { readonly kind: "object"; readonly fields: Readonly<Record<string, FieldShape>> }
  /** Any object: what is in it is not ours to know. */
  | { readonly kind: "any" };

const text: FieldShape = { kind: "string" };
const flag: FieldShape = { kind: "boolean" };
const number = (min: number, max: number): FieldShape => ({ kind: "number", min, max });
const u16 = number(0, 0xffff);
const u32 = number(0, 0xffffffff);
// the last one means "as it is" to the kernel: who asked for it would stay root
const id = number(0, 0xfffffffe);
// JSON.parse gives the nearest double: 2^64 - 1 comes as 2^64
const u64 = number(0, 2 ** 64);
const i32 = number(-(2 ** 31), 2 ** 31 - 1);
// Go programs write 2^64 - 1 for "none" in places that the schema calls int64
const i64 = number(-(2 ** 63), 2 ** 64);
const list = (of: FieldShape): FieldShape => ({ kind: "list", of });
const map = (of: FieldShape): FieldShape => ({ kind: "map", of });
// without a prototype: a field called "constructor" is unknown like any other
const object = (fields: Readonly<Record<string, FieldShape>>): FieldShape => ({
  kind: "object",
  fields: Object.assign(Object.create(null), fields),
});
const oneOf = (...words: string[]): FieldShape => ({ kind: "string", words: new Set(words) });
const texts = list(text);

export const HOOK_KINDS = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;

const hooks = list(object({ path: text, args: texts, env: texts, timeout: i64 }));
const mappings = list(object({ containerID: u32, hostID: u32, size: u32 }));

const process = object({
  terminal: flag,
  consoleSize: object({ height: u64, width: u64 }),
  user: object({ uid: id, gid: id, umask: u32, additionalGids: list(id), username: text }),
  args: texts,
  commandLine: text,
  env: texts,
  cwd: text,
  capabilities: object({ bounding: texts, effective: texts, inheritable: texts, permitted: texts, ambient: texts }),
  rlimits: list(object({ type: text, soft: u64, hard: u64 })),
  noNewPrivileges: flag,
  apparmorProfile: text,
  oomScoreAdj: i32,
  scheduler: object({
    policy: oneOf("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"),
    nice: i32,
    priority: i32,
    flags: list(
      oneOf(
        "SCHED_FLAG_RESET_ON_FORK",
        "SCHED_FLAG_RECLAIM",
        "SCHED_FLAG_DL_OVERRUN",
        "SCHED_FLAG_KEEP_POLICY",
        "SCHED_FLAG_KEEP_PARAMS",
        "SCHED_FLAG_UTIL_CLAMP_MIN",
        "SCHED_FLAG_UTIL_CLAMP_MAX",
      ),
    ),
    runtime: u64,
    deadline: u64,
    period: u64,
  }),
  selinuxLabel: text,
  ioPriority: object({ class: oneOf("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"), priority: i32 }),
  execCPUAffinity: object({ initial: text, final: text }),
});

const throttle = list(object({ major: i64, minor: i64, rate: u64 }));

/** linux.resources, also what `update --resources` reads. */
export const RESOURCES_SHAPE = object({
  devices: list(object({ allow: flag, type: text, major: i64, minor: i64, access: text })),
  memory: object({
    limit: i64,
    reservation: i64,
    swap: i64,
    kernel: i64,
    kernelTCP: i64,
    swappiness: i64,
    disableOOMKiller: flag,
    useHierarchy: flag,
    checkBeforeUpdate: flag,
  }),
  cpu: object({
    shares: u64,
    quota: i64,
    burst: u64,
    period: u64,
    realtimeRuntime: i64,
    realtimePeriod: u64,
    cpus: text,
    mems: text,
    idle: i64,
  }),
  pids: object({ limit: i64 }),
  blockIO: object({
    weight: u16,
    leafWeight: u16,
    weightDevice: list(object({ major: i64, minor: i64, weight: u16, leafWeight: u16 })),
    throttleReadBpsDevice: throttle,
    throttleWriteBpsDevice: throttle,
    throttleReadIOPSDevice: throttle,
    throttleWriteIOPSDevice: throttle,
  }),
  hugepageLimits: list(object({ pageSize: text, limit: u64 })),
  network: object({ classID: u32, priorities: list(object({ name: text, priority: u32 })) }),
  rdma: map(object({ hcaHandles: u32, hcaObjects: u32 })),
  unified: map(text),
});

/** linux.seccomp; its words are checked where it is compiled, which a filter out of the cache is not. */
export const SECCOMP_SHAPE = object({
  defaultAction: text,
  defaultErrnoRet: u32,
  architectures: texts,
  flags: texts,
  listenerPath: text,
  listenerMetadata: text,
  syscalls: list(
    object({
      names: texts,
      action: text,
      errnoRet: u32,
      args: list(object({ index: u32, value: u64, valueTwo: u64, op: text })),
    }),
  ),
});

const offset = object({ secs: i64, nanosecs: u32 });

const linux = object({
  uidMappings: mappings,
  gidMappings: mappings,
  sysctl: map(text),
  resources: RESOURCES_SHAPE,
  cgroupsPath: text,
  namespaces: list(
    object({ type: oneOf("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"), path: text }),
  ),
  devices: list(
    object({ type: oneOf("c", "b", "u", "p"), path: text, major: i64, minor: i64, fileMode: u32, uid: id, gid: id }),
  ),
  netDevices: map(object({ name: text })),
  // with hundreds of words, and checked when it is compiled: one out of the cache was
  seccomp: { kind: "any" },
  rootfsPropagation: text,
  maskedPaths: texts,
  readonlyPaths: texts,
  mountLabel: text,
  intelRdt: object({
    closID: text,
    schemata: texts,
    l3CacheSchema: text,
    memBwSchema: text,
    enableMonitoring: flag,
  }),
  memoryPolicy: object({
    mode: oneOf(
      "MPOL_DEFAULT",
      "MPOL_BIND",
      "MPOL_INTERLEAVE",
      "MPOL_WEIGHTED_INTERLEAVE",
      "MPOL_PREFERRED",
      "MPOL_PREFERRED_MANY",
      "MPOL_LOCAL",
    ),
    nodes: text,
    flags: list(oneOf("MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES")),
  }),
  personality: object({ domain: oneOf("LINUX", "LINUX32"), flags: texts }),
  timeOffsets: object({ boottime: offset, monotonic: offset }),
});

/** For platforms that are not this one: that they are there is all that is looked at. */
export const OTHER_PLATFORMS = ["solaris", "windows", "vm", "zos", "freebsd"] as const;

export const CONFIG_SHAPE = object({
  ociVersion: text,
  process,
  root: object({ path: text, readonly: flag }),
  hostname: text,
  domainname: text,
  mounts: list(
    object({
      destination: text,
      type: text,
      source: text,
      options: texts,
      uidMappings: mappings,
      gidMappings: mappings,
    }),
  ),
  hooks: object(Object.fromEntries(HOOK_KINDS.map((kind) => [kind, hooks]))),
  annotations: map(text),
  linux,
  ...Object.fromEntries(OTHER_PLATFORMS.map((platform) => [platform, { kind: "any" } as const])),
});

/** Also what `exec --process` reads. */
export const PROCESS_SHAPE = process;

export interface Fault {
  /** Below what was checked: ".linux.seccomp", "[3].destination"; "" for itself. */
  path: string;
  why: string;
}

const ARTICLE: Readonly<Record<string, string>> = { object: "an object", list: "a list", boolean: "true or false" };

function kindOf(value: unknown): string {
  return Array.isArray(value)
    ? "a list"
    : value === null
      ? "null"
      : typeof value === "object"
        ? "an object"
        : show(value);
}

function show(value: unknown): string {
  const words = JSON.stringify(value) ?? "nothing";
  return words.length > 60 ? `${words.slice(0, 57)}...` : words;
}

const wrongKind = (wanted: string, value: unknown): Fault => ({
  path: "",
  why: `expected ${ARTICLE[wanted] ?? `a ${wanted}`}, got ${kindOf(value)}`,
});

const at = (step: string, { path, why }: Fault): Fault => ({ path: step + path, why });

/**
 * Undefined when `value` fits. Unknown fields are passed over, as the specification asks; a field that is null is taken away, for
 * Go writes null for what is not there; one that is known in another case gets its own name, for Go takes it for the same. What a path
 * needs is put together only when there is a fault.
 */
export function faultOf(shape: FieldShape, value: unknown): Fault | undefined {
  switch (shape.kind) {
    case "string":
      if (typeof value !== "string") return wrongKind("string", value);
      if (shape.words && !shape.words.has(value)) {
        return { path: "", why: `unknown value ${show(value)}; there are ${[...shape.words].join(", ")}` };
      }
      return undefined;
    case "boolean":
      return typeof value === "boolean" ? undefined : wrongKind("boolean", value);
    case "number":
      if (typeof value !== "number") return wrongKind("number", value);
      if (value >= shape.min && value <= shape.max && Number.isInteger(value)) return undefined;
      return { path: "", why: `expected a whole number from ${shape.min} to ${shape.max}, got ${value}` };
    case "list": {
      if (!Array.isArray(value)) return wrongKind("list", value);
      const { of } = shape;
      const plain = of === text;
      for (let i = 0; i < value.length; i++) {
        const entry: unknown = value[i];
        if (plain && typeof entry === "string") continue;
        const fault = of.kind === "object" ? faultOfObject(of, entry) : faultOf(of, entry);
        if (fault) return at(`[${i}]`, fault);
      }
      return undefined;
    }
    default:
      return faultOfObject(shape, value);
  }
}

/** The field that Go's decoder takes `key` for where no field is called so. */
function knownInAnotherCase(fields: Readonly<Record<string, FieldShape>>, key: string): string | undefined {
  const wanted = key.toLowerCase();
  for (const name in fields) if (name.toLowerCase() === wanted) return name;
  return undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The same field for the second time, as Go's decoder takes it: of objects member by member, else the later one counts. */
function over(first: unknown, second: unknown): unknown {
  if (!isObject(first) || !isObject(second)) return second;
  for (const key of Object.keys(second)) if (key !== "__proto__") first[key] = over(first[key], second[key]);
  return first;
}

function faultOfObject(shape: FieldShape, value: unknown): Fault | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrongKind("object", value);
  const all = value as Record<string, unknown>;
  if (shape.kind === "any") return undefined;
  const fields = shape.kind === "object" ? shape.fields : undefined;
  const every = shape.kind === "map" ? shape.of : undefined;
  for (let key in all) {
    let entry = all[key];
    if (entry === null) {
      delete all[key];
      continue;
    }
    let inner = fields ? fields[key] : every;
    const name = inner || !fields ? undefined : knownInAnotherCase(fields, key);
    if (name !== undefined) {
      const names = Object.keys(all);
      const known = all[name] ?? undefined;
      delete all[key];
      if (known === undefined) all[name] = entry;
      else all[name] = names.indexOf(name) < names.indexOf(key) ? over(known, entry) : over(entry, known);
      entry = all[name];
      inner = fields![name];
      key = name;
    }
    if (inner === undefined || entry === undefined || (inner === text && typeof entry === "string")) continue;
    const { kind } = inner;
    if (kind === "number" && typeof entry === "number" && entry >= inner.min && entry <= inner.max) {
      if (Number.isInteger(entry)) continue;
    }
    const fault = kind === "object" ? faultOfObject(inner, entry) : faultOf(inner, entry);
    if (fault) return at(shape.kind === "map" ? `[${JSON.stringify(key)}]` : `.${key}`, fault);
  }
  return undefined;
}

/** Every field's path, in the order of the definition: "mounts[].options", "linux.netDevices{}.name". */
export function fieldPaths(shape: FieldShape, path = ""): string[] {
  switch (shape.kind) {
    case "object":
      return Object.entries(shape.fields).flatMap(([key, inner]) => {
        const name = path === "" ? key : `${path}.${key}`;
        return [name, ...fieldPaths(inner, name)];
      });
    case "list":
      return fieldPaths(shape.of, `${path}[]`);
    case "map":
      return fieldPaths(shape.of, `${path}{}`);
    default:
      return [];
  }
}
