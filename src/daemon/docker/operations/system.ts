/** _ping, version, info. */

import { readdirSync } from "node:fs";
import { SystemInfo, SystemVersion } from "../../../common/docker/system.ts";
import { VERSION } from "../../../common/version.ts";
import { COMMIT, SHORT_COMMIT } from "../../commit.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { now } from "../clock.ts";
import { statusOf } from "../containers/container.ts";
import type { Engine } from "../engine.ts";
import { hostFacts, kernelSetting } from "../host.ts";
import { LOG_DRIVERS } from "../logs/options.ts";
import { INIT_NAME } from "../spec/init.ts";
import { API_HIGHEST, API_LOWEST, DOCKER_VERSION } from "../version.ts";

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

export function systemOperations(engine: Engine): Operation[] {
  const ping = (method: "GET" | "HEAD") =>
    operation({
      id: method === "GET" ? "SystemPing" : "SystemPingHead",
      method,
      path: "/_ping",
      summary: "says that the daemon is there, and which API it speaks",
      handler: (x) => {
        x.header("Builder-Version", "1");
        x.header("Swarm", "inactive");
        x.header("Cache-Control", "no-cache, no-store, must-revalidate");
        x.header("Pragma", "no-cache");
        x.text(200, "OK");
      },
    });
  return [
    ping("GET"),
    ping("HEAD"),
    operation({
      id: "SystemVersion",
      method: "GET",
      path: "/version",
      summary: "versions of the daemon and its parts",
      answer: SystemVersion,
      handler: (x) => x.json(200, version()),
    }),
    operation({
      id: "SystemInfo",
      method: "GET",
      path: "/info",
      summary: "the daemon, its host, and how much of what it has",
      answer: SystemInfo,
      handler: async (x) => x.json(200, await info(engine)),
    }),
  ];
}

function version(): SystemVersion {
  const { kernel } = hostFacts();
  const arch = ARCHITECTURES[process.arch] ?? process.arch;
  const part = (Name: string) => ({ Name, Version: VERSION, Details: { GitCommit: SHORT_COMMIT } });
  return {
    Platform: { Name: "Wharf" },
    Components: [
      {
        Name: "Engine",
        Version: DOCKER_VERSION,
        Details: {
          ApiVersion: `1.${API_HIGHEST}`,
          Arch: arch,
          BuildTime: "",
          Experimental: "false",
          GitCommit: SHORT_COMMIT,
          GoVersion: "",
          KernelVersion: kernel,
          MinAPIVersion: `1.${API_LOWEST}`,
          NodeVersion: process.versions.node,
          Os: "linux",
          WharfVersion: VERSION,
        },
      },
      part("wharfd"),
      part("runt"),
    ],
    Version: DOCKER_VERSION,
    ApiVersion: `1.${API_HIGHEST}`,
    MinAPIVersion: `1.${API_LOWEST}`,
    GitCommit: SHORT_COMMIT,
    GoVersion: "",
    Os: "linux",
    Arch: arch,
    KernelVersion: kernel,
    BuildTime: "",
  };
}

async function info(engine: Engine): Promise<SystemInfo> {
  const facts = hostFacts();
  const { controllers } = facts;
  const statuses = engine.containers.all().map(statusOf);
  const count = (...wanted: string[]) => statuses.filter((status) => wanted.includes(status)).length;
  const paused = count("paused");
  const running = count("running");
  const server = await engine.client.introspection.server();
  const containerd = await engine.core.version();
  const forwarding = kernelSetting("net/ipv4/ip_forward") === "1";
  const warnings: string[] = [];
  if (!engine.networks.has("bridge"))
    warnings.push("WARNING: No bridge network: containers have loopback only, or the host's network");
  return {
    ID: server.uuid,
    Containers: statuses.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: statuses.length - running - paused,
    Images: (await engine.images.list()).length,
    Driver: "overlayfs",
    DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]],
    Plugins: {
      Volume: ["local"],
      Network: engine.networks.has("bridge") ? ["bridge", "host", "null"] : ["host", "null"],
      Authorization: null,
      Log: [...LOG_DRIVERS],
    },
    MemoryLimit: controllers.has("memory"),
    SwapLimit: controllers.has("memory"),
    KernelMemoryTCP: controllers.has("memory") && facts.cgroupVersion === "1",
    CpuCfsPeriod: controllers.has("cpu"),
    CpuCfsQuota: controllers.has("cpu"),
    CPUShares: controllers.has("cpu"),
    CPUSet: controllers.has("cpuset"),
    PidsLimit: controllers.has("pids"),
    IPv4Forwarding: forwarding,
    Debug: false,
    NFd: openFiles(),
    OomKillDisable: controllers.has("memory") && facts.cgroupVersion === "1",
    NGoroutines: process.getActiveResourcesInfo().length,
    SystemTime: now(),
    LoggingDriver: engine.logs.driver,
    CgroupDriver: engine.runtimes.systemdCgroup(engine.runtimes.default) ? "systemd" : "cgroupfs",
    CgroupVersion: facts.cgroupVersion,
    NEventsListener: engine.events.listeners,
    KernelVersion: facts.kernel,
    OperatingSystem: facts.operatingSystem,
    OSVersion: facts.osVersion,
    OSType: "linux",
    Architecture: facts.machine,
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: {
      IndexConfigs: { "docker.io": { Mirrors: [], Name: "docker.io", Official: true, Secure: true } },
      InsecureRegistryCIDRs: ["::1/128", "127.0.0.0/8"],
      Mirrors: null,
    },
    NCPU: facts.cpus,
    MemTotal: facts.memory,
    GenericResources: null,
    DockerRootDir: engine.root,
    HttpProxy: process.env.HTTP_PROXY ?? "",
    HttpsProxy: process.env.HTTPS_PROXY ?? "",
    NoProxy: process.env.NO_PROXY ?? "",
    Name: facts.name,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: DOCKER_VERSION,
    Runtimes: engine.runtimes.listed,
    DefaultRuntime: engine.runtimes.default,
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: INIT_NAME,
    ContainerdCommit: { ID: containerd.revision },
    RuncCommit: { ID: COMMIT },
    InitCommit: { ID: COMMIT },
    SecurityOptions: ["name=seccomp,profile=builtin", ...(facts.cgroupVersion === "2" ? ["name=cgroupns"] : [])],
    CDISpecDirs: [],
    Containerd: { Address: "", Namespaces: { Containers: engine.client.namespace, Plugins: "" } },
    Warnings: warnings.length > 0 ? warnings : null,
  };
}

function openFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return -1;
  }
}
