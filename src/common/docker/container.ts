/** Containers: what create takes, what inspect, list, wait and the rest answer. Docker 28's fields in Docker 28's order. */

import { HostConfig, HostConfigInput, PortMap } from "./host-config.ts";
import { EndpointSettings, NetworkingConfig } from "./network.ts";
import type { Infer } from "./schema.ts";
import { any, array, boolean, integer, map, nullable, object, optional, partial, string } from "./schema.ts";

const HealthConfig = object("HealthConfig", {
  Test: optional(array(string())),
  Interval: optional(integer("nanoseconds")),
  Timeout: optional(integer("nanoseconds")),
  StartPeriod: optional(integer("nanoseconds")),
  StartInterval: optional(integer("nanoseconds")),
  Retries: optional(integer()),
});

const emptyObject = object("", {});

export const ContainerConfig = object("ContainerConfig", {
  Hostname: string(),
  Domainname: string(),
  User: string(),
  AttachStdin: boolean(),
  AttachStdout: boolean(),
  AttachStderr: boolean(),
  ExposedPorts: optional(map(emptyObject)),
  Tty: boolean(),
  OpenStdin: boolean(),
  StdinOnce: boolean(),
  Env: nullable(array(string())),
  Cmd: nullable(array(string())),
  Healthcheck: optional(HealthConfig),
  ArgsEscaped: optional(boolean()),
  Image: string(),
  Volumes: nullable(map(emptyObject)),
  WorkingDir: string(),
  Entrypoint: nullable(array(string())),
  NetworkDisabled: optional(boolean()),
  MacAddress: optional(string()),
  OnBuild: nullable(array(string())),
  Labels: nullable(map(string())),
  StopSignal: optional(string()),
  StopTimeout: optional(integer("seconds")),
  Shell: optional(array(string())),
});
export type ContainerConfig = Infer<typeof ContainerConfig>;

/** Body of POST /containers/create. Cmd and Entrypoint may each be one string. */
export const ContainerCreateRequest = object("ContainerCreateRequest", {
  ...partial(ContainerConfig).fields,
  Cmd: optional(any("a list of strings, or one string")),
  Entrypoint: optional(any("a list of strings, or one string")),
  HostConfig: optional(HostConfigInput),
  NetworkingConfig: optional(NetworkingConfig),
  Runtime: optional(string("where older clients put HostConfig.Runtime")),
});
export type ContainerCreateRequest = Infer<typeof ContainerCreateRequest>;

export const ContainerCreateResponse = object("ContainerCreateResponse", { Id: string(), Warnings: array(string()) });

export const ContainerState = object("ContainerState", {
  Status: string("created, running, paused, restarting, removing, exited or dead"),
  Running: boolean(),
  Paused: boolean(),
  Restarting: boolean(),
  OOMKilled: boolean(),
  Dead: boolean(),
  Pid: integer(),
  ExitCode: integer(),
  Error: string(),
  StartedAt: string(),
  FinishedAt: string(),
});

export const MountPoint = object("MountPoint", {
  Type: string(),
  Name: optional(string()),
  Source: string(),
  Destination: string(),
  Driver: optional(string()),
  Mode: string(),
  RW: boolean(),
  Propagation: string(),
});
export type MountPoint = Infer<typeof MountPoint>;

export const NetworkSettings = object("NetworkSettings", {
  Bridge: string(),
  SandboxID: string(),
  SandboxKey: string(),
  Ports: PortMap,
  HairpinMode: boolean(),
  LinkLocalIPv6Address: string(),
  LinkLocalIPv6PrefixLen: integer(),
  SecondaryIPAddresses: nullable(array(any())),
  SecondaryIPv6Addresses: nullable(array(any())),
  EndpointID: string(),
  Gateway: string(),
  GlobalIPv6Address: string(),
  GlobalIPv6PrefixLen: integer(),
  IPAddress: string(),
  IPPrefixLen: integer(),
  IPv6Gateway: string(),
  MacAddress: string(),
  Networks: map(EndpointSettings),
});

export const GraphDriver = object("DriverData", { Data: nullable(map(string())), Name: string() });

export const ContainerInspect = object("ContainerInspectResponse", {
  Id: string(),
  Created: string(),
  Path: string(),
  Args: array(string()),
  State: ContainerState,
  Image: string(),
  ResolvConfPath: string(),
  HostnamePath: string(),
  HostsPath: string(),
  LogPath: string(),
  Name: string(),
  RestartCount: integer(),
  Driver: string(),
  Platform: string(),
  MountLabel: string(),
  ProcessLabel: string(),
  AppArmorProfile: string(),
  ExecIDs: nullable(array(string())),
  HostConfig: HostConfig,
  GraphDriver: GraphDriver,
  SizeRw: optional(integer()),
  SizeRootFs: optional(integer()),
  Mounts: array(MountPoint),
  Config: ContainerConfig,
  NetworkSettings: NetworkSettings,
});
export type ContainerInspect = Infer<typeof ContainerInspect>;

const Port = object("Port", {
  IP: optional(string()),
  PrivatePort: integer(),
  PublicPort: optional(integer()),
  Type: string(),
});

export const ContainerSummary = object("ContainerSummary", {
  Id: string(),
  Names: array(string()),
  Image: string(),
  ImageID: string(),
  Command: string(),
  Created: integer("seconds since the epoch"),
  Ports: array(Port),
  SizeRw: optional(integer()),
  SizeRootFs: optional(integer()),
  Labels: map(string()),
  State: string(),
  Status: string(),
  HostConfig: object("", { NetworkMode: string(), Annotations: optional(map(string())) }),
  NetworkSettings: object("", { Networks: map(EndpointSettings) }),
  Mounts: array(MountPoint),
});
export type ContainerSummary = Infer<typeof ContainerSummary>;

export const ContainerWaitResponse = object("ContainerWaitResponse", {
  StatusCode: integer(),
  Error: optional(object("", { Message: string() })),
});
