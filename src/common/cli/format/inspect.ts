// Templates over the objects of `inspect`: docker evaluates them on Go types, so a null may be an empty list or map, and a
// field the server left out has its zero value. What the answer alone cannot tell is declared here.
import { FunctionFault } from "../../template/functions.ts";
import { Template } from "../../template/template.ts";
import { Nil, Struct, toJson } from "../../template/values.ts";
import { templateFault } from "./write.ts";

/** Fields that are maps: a null prints as map[], and a missing key is no error. */
const MAPS = new Set([
  "Annotations",
  "Config",
  "Data",
  "DriverOpts",
  "ExposedPorts",
  "IndexConfigs",
  "Labels",
  "Links",
  "Networks",
  "Options",
  "PortBindings",
  "Ports",
  "StorageOpt",
  "Sysctls",
  "Tmpfs",
  "Volumes",
]);

/** Fields that are pointers: a null prints as <nil>. */
const POINTERS = new Set([
  "GraphDriver",
  "Health",
  "Healthcheck",
  "HealthcheckResult",
  "HostConfig",
  "IPAMConfig",
  "ImageManifestDescriptor",
  "Init",
  "MemorySwappiness",
  "NetworkSettings",
  "OomKillDisable",
  "PidsLimit",
  "SizeRootFs",
  "SizeRw",
  "State",
  "StopTimeout",
]);

/** Fields that servers leave out when they are empty, with what they then are. */
const LEFT_OUT: Readonly<Record<string, unknown>> = {
  Annotations: new Nil("map"),
  ArgsEscaped: false,
  ExposedPorts: new Nil("map"),
  Health: new Nil("pointer"),
  Healthcheck: new Nil("pointer"),
  ImageManifestDescriptor: new Nil("pointer"),
  Init: new Nil("pointer"),
  MacAddress: "",
  Mounts: new Nil("slice"),
  Name: "",
  NetworkDisabled: false,
  Shell: new Nil("slice"),
  SizeRootFs: new Nil("pointer"),
  SizeRw: new Nil("pointer"),
  StopSignal: "",
  StopTimeout: new Nil("pointer"),
  StorageOpt: new Nil("map"),
  Sysctls: new Nil("map"),
  Tmpfs: new Nil("map"),
  Variant: "",
};

/** Go's names of fields that JSON names otherwise: docker knows the first, and falls back to the second. */
const GO_NAMES: Readonly<Record<string, string>> = {
  CPUCount: "CpuCount",
  CPUPercent: "CpuPercent",
  CPUPeriod: "CpuPeriod",
  CPUQuota: "CpuQuota",
  CPURealtimePeriod: "CpuRealtimePeriod",
  CPURealtimeRuntime: "CpuRealtimeRuntime",
  CPUShares: "CpuShares",
  DNS: "Dns",
  DNSOptions: "DnsOptions",
  DNSSearch: "DnsSearch",
  HTTPProxy: "HttpProxy",
  HTTPSProxy: "HttpsProxy",
  ID: "Id",
  NanoCPUs: "NanoCpus",
};

/** Maps to Go's empty struct, which prints as {}. */
const SETS = new Set(["ExposedPorts", "Volumes"]);
const EMPTY = new Struct("struct {}", {});

const maps = new WeakSet<object>();

/** The answer with nulls of their kind; in place. */
function typed(value: unknown, name: string): unknown {
  if (value === null) return new Nil(POINTERS.has(name) ? "pointer" : MAPS.has(name) ? "map" : "slice");
  if (Array.isArray(value)) {
    for (const [i, entry] of value.entries()) value[i] = typed(entry, "");
    return value;
  }
  if (typeof value !== "object") return value;
  const object = value as Record<string, unknown>;
  // Config is a struct in a container or image, a map in LogConfig and IPAM.
  if (MAPS.has(name) && !(name === "Config" && ("Cmd" in object || "Env" in object))) maps.add(object);
  for (const key of Object.keys(object)) object[key] = SETS.has(name) ? EMPTY : typed(object[key], key);
  return object;
}

function missing(object: Record<string, unknown>, key: string): unknown {
  if (maps.has(object)) return undefined;
  const other = GO_NAMES[key];
  if (other !== undefined && Object.hasOwn(object, other)) return object[other];
  if (Object.hasOwn(LEFT_OUT, key)) return LEFT_OUT[key];
  throw new FunctionFault(`map has no entry for key ${JSON.stringify(key)}`);
}

/** A template for inspected objects. Throws WharfError for one that cannot be parsed. */
export function inspectTemplate(format: string): (json: string) => string {
  if (format === "json") return (json) => toJson(JSON.parse(json));
  let template: Template;
  try {
    template = new Template(format, { missing });
  } catch (error) {
    throw templateFault(error);
  }
  return (json) => {
    try {
      return template.execute(typed(JSON.parse(json), ""));
    } catch (error) {
      throw templateFault(error);
    }
  };
}
