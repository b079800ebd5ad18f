// The text of `info`, in docker's form.
import { binarySize } from "../units.ts";

/** GET /info, as far as we print it. */
export interface SystemInfo {
  readonly [key: string]: unknown;
}

export interface ClientInfo {
  readonly Version: string;
  readonly Context: string;
  readonly Debug: boolean;
}

type Rows = string[];

function text(value: unknown): string {
  return typeof value === "string" ? value : value === undefined || value === null ? "" : String(value);
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.map(text) : [];
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

export function clientInfo({ Version, Context, Debug }: ClientInfo): string {
  return `Client:\n Version:    ${Version}\n Context:    ${Context}\n Debug Mode: ${Debug}\n`;
}

function plugins(rows: Rows, info: SystemInfo): void {
  const all = object(info.Plugins);
  rows.push(" Plugins:", `  Volume: ${list(all.Volume).join(" ")}`, `  Network: ${list(all.Network).join(" ")}`);
  if (list(all.Authorization).length > 0) rows.push(`  Authorization: ${list(all.Authorization).join(" ")}`);
  rows.push(`  Log: ${list(all.Log).join(" ")}`);
}

function security(rows: Rows, info: SystemInfo): void {
  const options = list(info.SecurityOptions);
  if (options.length === 0) return;
  rows.push(" Security Options:");
  for (const option of options) {
    const pairs = option.split(",").map((pair) => pair.split("="));
    const name = pairs.find(([key]) => key === "name")?.[1] ?? option;
    rows.push(`  ${name}`);
    for (const [key, value] of pairs) if (key === "profile") rows.push(`   Profile: ${value}`);
  }
}

function registries(rows: Rows, info: SystemInfo): void {
  const config = object(info.RegistryConfig);
  const insecure = Object.values(object(config.IndexConfigs))
    .map(object)
    .filter((index) => index.Secure === false)
    .map((index) => text(index.Name));
  const ranges = list(config.InsecureRegistryCIDRs);
  if (insecure.length + ranges.length > 0)
    rows.push(" Insecure Registries:", ...[...insecure, ...ranges].map((name) => `  ${name}`));
  const mirrors = list(config.Mirrors);
  if (mirrors.length > 0) rows.push(" Registry Mirrors:", ...mirrors.map((mirror) => `  ${mirror}`));
}

/** The server's part; ends with an empty line. */
export function serverInfo(info: SystemInfo, debug: boolean): string {
  const rows: Rows = ["Server:"];
  const some = (label: string, key: string) => {
    if (text(info[key]) !== "") rows.push(` ${label}: ${text(info[key])}`);
  };
  rows.push(` Containers: ${text(info.Containers)}`, `  Running: ${text(info.ContainersRunning)}`);
  rows.push(`  Paused: ${text(info.ContainersPaused)}`, `  Stopped: ${text(info.ContainersStopped)}`);
  rows.push(` Images: ${text(info.Images)}`);
  some("Server Version", "ServerVersion");
  some("Storage Driver", "Driver");
  const status = Array.isArray(info.DriverStatus) ? (info.DriverStatus as unknown[]) : [];
  for (const pair of status) rows.push(`  ${list(pair)[0]}: ${list(pair)[1]}`);
  some("Logging Driver", "LoggingDriver");
  some("Cgroup Driver", "CgroupDriver");
  some("Cgroup Version", "CgroupVersion");
  plugins(rows, info);
  const cdi = list(info.CDISpecDirs);
  if (cdi.length > 0) rows.push(" CDI spec directories:", ...cdi.map((dir) => `  ${dir}`));
  rows.push(` Swarm: ${text(object(info.Swarm).LocalNodeState)}`);
  const runtimes = Object.keys(object(info.Runtimes));
  if (runtimes.length > 0)
    rows.push(` Runtimes: ${runtimes.join(" ")}`, ` Default Runtime: ${text(info.DefaultRuntime)}`);
  if (info.OSType === "linux") {
    rows.push(` Init Binary: ${text(info.InitBinary)}`);
    for (const [label, key] of [
      ["containerd", "ContainerdCommit"],
      ["runc", "RuncCommit"],
      ["init", "InitCommit"],
    ] as const) {
      rows.push(` ${label} version: ${text(object(info[key]).ID)}`);
    }
    security(rows, info);
  }
  some("Kernel Version", "KernelVersion");
  some("Operating System", "OperatingSystem");
  some("OSType", "OSType");
  some("Architecture", "Architecture");
  rows.push(` CPUs: ${text(info.NCPU)}`, ` Total Memory: ${binarySize(Number(info.MemTotal ?? 0))}`);
  some("Name", "Name");
  some("ID", "ID");
  rows.push(` Docker Root Dir: ${text(info.DockerRootDir)}`, ` Debug Mode: ${text(info.Debug)}`);
  if (info.Debug === true || debug) {
    rows.push(`  File Descriptors: ${text(info.NFd)}`, `  Goroutines: ${text(info.NGoroutines)}`);
    rows.push(`  System Time: ${text(info.SystemTime)}`, `  EventsListeners: ${text(info.NEventsListener)}`);
  }
  some("HTTP Proxy", "HttpProxy");
  some("HTTPS Proxy", "HttpsProxy");
  some("No Proxy", "NoProxy");
  const labels = list(info.Labels);
  if (labels.length > 0) rows.push(" Labels:", ...labels.map((label) => `  ${label}`));
  rows.push(` Experimental: ${text(info.ExperimentalBuild)}`);
  registries(rows, info);
  rows.push(` Live Restore Enabled: ${text(info.LiveRestoreEnabled)}`);
  const pools = Array.isArray(info.DefaultAddressPools) ? (info.DefaultAddressPools as unknown[]) : [];
  if (pools.length > 0) rows.push(" Default Address Pools:");
  for (const pool of pools.map(object)) rows.push(`   Base: ${text(pool.Base)}, Size: ${text(pool.Size)}`);
  return `${rows.join("\n")}\n\n`;
}
