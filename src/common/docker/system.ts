/** The daemon as a whole: version, info, events, errors. */

import type { Infer } from "./schema.ts";
import { any, array, boolean, integer, map, nullable, object, optional, string } from "./schema.ts";

export const SystemVersion = object("SystemVersion", {
  Platform: object("", { Name: string() }),
  Components: array(object("ComponentVersion", { Name: string(), Version: string(), Details: map(string()) })),
  Version: string(),
  ApiVersion: string(),
  MinAPIVersion: string(),
  GitCommit: string(),
  GoVersion: string(),
  Os: string(),
  Arch: string(),
  KernelVersion: string(),
  BuildTime: string(),
});
export type SystemVersion = Infer<typeof SystemVersion>;

const Commit = object("Commit", { ID: string() });

export const SystemInfo = object("SystemInfo", {
  ID: string(),
  Containers: integer(),
  ContainersRunning: integer(),
  ContainersPaused: integer(),
  ContainersStopped: integer(),
  Images: integer(),
  Driver: string(),
  DriverStatus: array(array(string())),
  Plugins: object("PluginsInfo", {
    Volume: array(string()),
    Network: array(string()),
    Authorization: nullable(array(string())),
    Log: array(string()),
  }),
  MemoryLimit: boolean(),
  SwapLimit: boolean(),
  KernelMemoryTCP: boolean(),
  CpuCfsPeriod: boolean(),
  CpuCfsQuota: boolean(),
  CPUShares: boolean(),
  CPUSet: boolean(),
  PidsLimit: boolean(),
  IPv4Forwarding: boolean(),
  Debug: boolean(),
  NFd: integer(),
  OomKillDisable: boolean(),
  NGoroutines: integer("asynchronous operations under way, in our case"),
  SystemTime: string(),
  LoggingDriver: string(),
  CgroupDriver: string(),
  CgroupVersion: string(),
  NEventsListener: integer(),
  KernelVersion: string(),
  OperatingSystem: string(),
  OSVersion: string(),
  OSType: string(),
  Architecture: string(),
  IndexServerAddress: string(),
  RegistryConfig: any(),
  NCPU: integer(),
  MemTotal: integer("bytes"),
  GenericResources: nullable(array(any())),
  DockerRootDir: string(),
  HttpProxy: string(),
  HttpsProxy: string(),
  NoProxy: string(),
  Name: string(),
  Labels: array(string()),
  ExperimentalBuild: boolean(),
  ServerVersion: string(),
  Runtimes: map(object("Runtime", { path: optional(string()), status: optional(map(string())) })),
  DefaultRuntime: string(),
  Swarm: any(),
  LiveRestoreEnabled: boolean(),
  Isolation: string(),
  InitBinary: string(),
  ContainerdCommit: Commit,
  RuncCommit: Commit,
  InitCommit: Commit,
  SecurityOptions: array(string()),
  CDISpecDirs: array(string()),
  Containerd: object("", {
    Address: string(),
    Namespaces: object("", { Containers: string(), Plugins: string() }),
  }),
  Warnings: nullable(array(string())),
});
export type SystemInfo = Infer<typeof SystemInfo>;

export const EventMessage = object("EventMessage", {
  status: optional(string("before API 1.52: the action")),
  id: optional(string("before API 1.52: the actor")),
  from: optional(string("before API 1.52: the image")),
  Type: string(),
  Action: string(),
  Actor: object("EventActor", { ID: string(), Attributes: map(string()) }),
  scope: string(),
  time: integer("seconds since the epoch"),
  timeNano: integer("nanoseconds since the epoch"),
});
export type EventMessage = Infer<typeof EventMessage>;
