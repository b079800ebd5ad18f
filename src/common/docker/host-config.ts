/** HostConfig: the part of a container that depends on the host. Order and null-ness of the fields are Docker 28's. */

import type { Infer, InferFields } from "./schema.ts";
import { array, boolean, integer, map, nullable, object, oneOf, optional, partial, string } from "./schema.ts";

export const LogConfig = object("LogConfig", { Type: string(), Config: map(string()) });
const PortBinding = object("PortBinding", { HostIp: string(), HostPort: string() });
/** "80/tcp" to where on the host it is published. */
export const PortMap = map(nullable(array(partial(PortBinding))));
export const RestartPolicy = object("RestartPolicy", { Name: string(), MaximumRetryCount: integer() });
export const DeviceMapping = object("DeviceMapping", {
  PathOnHost: string(),
  PathInContainer: string(),
  CgroupPermissions: string(),
});
export const DeviceRequest = object("DeviceRequest", {
  Driver: string(),
  Count: integer(),
  DeviceIDs: nullable(array(string())),
  Capabilities: nullable(array(array(string()))),
  Options: nullable(map(string())),
});
export const ThrottleDevice = object("ThrottleDevice", { Path: string(), Rate: integer() });
export const WeightDevice = object("WeightDevice", { Path: string(), Weight: integer() });
export const Ulimit = object("Ulimit", { Name: string(), Hard: integer(), Soft: integer() });

export const BindOptions = object("", {
  Propagation: optional(string()),
  NonRecursive: optional(boolean()),
  CreateMountpoint: optional(boolean()),
  ReadOnlyNonRecursive: optional(boolean()),
  ReadOnlyForceRecursive: optional(boolean()),
});
export const VolumeOptions = object("", {
  NoCopy: optional(boolean()),
  Labels: optional(map(string())),
  DriverConfig: optional(object("", { Name: optional(string()), Options: optional(map(string())) })),
  Subpath: optional(string()),
});
export const TmpfsOptions = object("", {
  SizeBytes: optional(integer("bytes")),
  Mode: optional(integer("permission bits")),
  Options: optional(array(array(string()))),
});
export const Mount = object("Mount", {
  Type: optional(oneOf("bind", "volume", "tmpfs", "image", "npipe", "cluster")),
  Source: optional(string()),
  Target: optional(string()),
  ReadOnly: optional(boolean()),
  Consistency: optional(string()),
  BindOptions: optional(BindOptions),
  VolumeOptions: optional(VolumeOptions),
  TmpfsOptions: optional(TmpfsOptions),
});
export type Mount = Infer<typeof Mount>;

/** Limits, also what `update` takes. */
export const resources = {
  CpuShares: integer("weight, 1024 is usual"),
  Memory: integer("bytes; 0: no limit"),
  NanoCpus: integer("billionths of a CPU"),
  CgroupParent: string(),
  BlkioWeight: integer(),
  BlkioWeightDevice: nullable(array(WeightDevice)),
  BlkioDeviceReadBps: nullable(array(ThrottleDevice)),
  BlkioDeviceWriteBps: nullable(array(ThrottleDevice)),
  BlkioDeviceReadIOps: nullable(array(ThrottleDevice)),
  BlkioDeviceWriteIOps: nullable(array(ThrottleDevice)),
  CpuPeriod: integer("microseconds"),
  CpuQuota: integer("microseconds a period"),
  CpuRealtimePeriod: integer("microseconds"),
  CpuRealtimeRuntime: integer("microseconds"),
  CpusetCpus: string("CPU list"),
  CpusetMems: string("memory node list"),
  Devices: nullable(array(partial(DeviceMapping))),
  DeviceCgroupRules: nullable(array(string())),
  DeviceRequests: nullable(array(partial(DeviceRequest))),
  KernelMemoryTCP: optional(integer("bytes; cgroup version 1")),
  MemoryReservation: integer("bytes"),
  MemorySwap: integer("bytes, memory and swap together; -1: no limit"),
  MemorySwappiness: nullable(integer("0 to 100; -1 as null")),
  OomKillDisable: nullable(boolean()),
  PidsLimit: nullable(integer("0 and -1: no limit")),
  Ulimits: nullable(array(Ulimit)),
  CpuCount: integer("Windows"),
  CpuPercent: integer("Windows"),
  IOMaximumIOps: integer("Windows"),
  IOMaximumBandwidth: integer("Windows"),
} as const;

export const HostConfig = object("HostConfig", {
  Binds: nullable(array(string("host-path-or-volume:container-path[:options]"))),
  ContainerIDFile: string(),
  LogConfig: LogConfig,
  NetworkMode: string("none, host, bridge, default, container:<id>, or a network's name"),
  PortBindings: nullable(PortMap),
  RestartPolicy: RestartPolicy,
  AutoRemove: boolean(),
  VolumeDriver: string(),
  VolumesFrom: nullable(array(string())),
  ConsoleSize: array(integer("rows, columns")),
  Annotations: optional(map(string())),
  CapAdd: nullable(array(string())),
  CapDrop: nullable(array(string())),
  CgroupnsMode: string("private or host"),
  Dns: nullable(array(string())),
  DnsOptions: nullable(array(string())),
  DnsSearch: nullable(array(string())),
  ExtraHosts: nullable(array(string("name:address"))),
  GroupAdd: nullable(array(string())),
  IpcMode: string("none, private, shareable, host, container:<id>"),
  Cgroup: string(),
  Links: nullable(array(string())),
  OomScoreAdj: integer(),
  PidMode: string("empty, host, container:<id>"),
  Privileged: boolean(),
  PublishAllPorts: boolean(),
  ReadonlyRootfs: boolean(),
  SecurityOpt: nullable(array(string())),
  StorageOpt: optional(map(string())),
  Tmpfs: optional(map(string("mount options"))),
  UTSMode: string("empty or host"),
  UsernsMode: string(),
  ShmSize: integer("bytes"),
  Sysctls: optional(map(string())),
  Runtime: string(),
  Isolation: string(),
  ...resources,
  Mounts: optional(array(Mount)),
  MaskedPaths: nullable(array(string())),
  ReadonlyPaths: nullable(array(string())),
  Init: optional(boolean()),
});
export type HostConfig = Infer<typeof HostConfig>;

/** What a request gives of it. */
const LooseLogConfig = partial(LogConfig);
const LooseRestartPolicy = partial(RestartPolicy);
export const HostConfigInput = {
  ...partial(HostConfig),
  fields: {
    ...partial(HostConfig).fields,
    LogConfig: optional(LooseLogConfig),
    RestartPolicy: optional(LooseRestartPolicy),
    Ulimits: optional(array(partial(Ulimit))),
  },
} as const;
export type HostConfigInput = InferFields<typeof HostConfigInput.fields>;

/** A HostConfig in which nothing is asked for. Lists that Docker shows as [] or null are so here. */
export function emptyHostConfig(): HostConfig {
  return {
    Binds: null,
    ContainerIDFile: "",
    LogConfig: { Type: "", Config: {} },
    NetworkMode: "",
    PortBindings: null,
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
    AutoRemove: false,
    VolumeDriver: "",
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: null,
    CapDrop: null,
    CgroupnsMode: "",
    Dns: null,
    DnsOptions: null,
    DnsSearch: null,
    ExtraHosts: null,
    GroupAdd: null,
    IpcMode: "",
    Cgroup: "",
    Links: null,
    OomScoreAdj: 0,
    PidMode: "",
    Privileged: false,
    PublishAllPorts: false,
    ReadonlyRootfs: false,
    SecurityOpt: null,
    UTSMode: "",
    UsernsMode: "",
    ShmSize: 0,
    Runtime: "",
    Isolation: "",
    CpuShares: 0,
    Memory: 0,
    NanoCpus: 0,
    CgroupParent: "",
    BlkioWeight: 0,
    BlkioWeightDevice: null,
    BlkioDeviceReadBps: null,
    BlkioDeviceWriteBps: null,
    BlkioDeviceReadIOps: null,
    BlkioDeviceWriteIOps: null,
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: "",
    CpusetMems: "",
    Devices: null,
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: 0,
    MemorySwappiness: null,
    OomKillDisable: null,
    PidsLimit: null,
    Ulimits: null,
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    MaskedPaths: null,
    ReadonlyPaths: null,
  };
}
