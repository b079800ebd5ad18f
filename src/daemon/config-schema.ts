/** What stands in the configuration file, checked. Loaded only when there is one. */

import { isAbsolute } from "node:path";
import { array, boolean, integer, map, object, oneOf, optional, string } from "../common/docker/schema.ts";
import { describe, WharfError } from "../common/errors.ts";
import { MAX_MESSAGE, type MessageLimits } from "../common/grpc/message.ts";
import { tryParseReference } from "../common/reference.ts";
import type { Config, LogSettings, RuntimeHandler } from "./config.ts";
import type { ContentPolicy } from "./containerd/core/scope.ts";
import { LOG_DRIVERS, logLimits } from "./docker/logs/options.ts";
import { parseDuration } from "./registry/duration.ts";
import { HostsFile } from "./registry/hosts-file.ts";
import type { RegistryConfig } from "./registry/settings.ts";
import { checked, fault, within } from "./settings-file.ts";
import type { VerifierSettings } from "./transfer/verify.ts";

/** Every setting that there is. */
export const ConfigFile = object("Config", {
  registries: optional(map(HostsFile)),
  mirrors: optional(map(array(string()))),
  "insecure-registries": optional(array(string())),
  "registry-config-path": optional(string()),
  "default-runtime": optional(string()),
  runtimes: optional(
    map(
      object("", {
        type: optional(string()),
        binary: optional(string()),
        root: optional(string()),
        "systemd-cgroup": optional(boolean()),
      }),
    ),
  ),
  snapshotters: optional(map(object("", { address: string() }))),
  "snapshotter-socket": optional(string()),
  "containerd-group": optional(string()),
  "max-recv-message-size": optional(integer()),
  "max-send-message-size": optional(integer()),
  "content-sharing-policy": optional(oneOf("shared", "isolated")),
  "restart-interval": optional(string()),
  "sandbox-image": optional(string()),
  "oom-score": optional(integer()),
  "log-driver": optional(oneOf(...LOG_DRIVERS)),
  "log-opts": optional(map(string())),
  "image-verifier": optional(
    object("", {
      "bin-dir": string(),
      "max-verifiers": optional(integer()),
      "per-verifier-timeout": optional(string()),
    }),
  ),
});

interface File {
  registries?: RegistryConfig["registries"];
  mirrors?: Record<string, string[]>;
  "insecure-registries"?: string[];
  "registry-config-path"?: string;
  "default-runtime"?: string;
  runtimes?: Record<string, { type?: string; binary?: string; root?: string; "systemd-cgroup"?: boolean }>;
  snapshotters?: Record<string, { address: string }>;
  "snapshotter-socket"?: string;
  "containerd-group"?: string;
  "max-recv-message-size"?: number;
  "max-send-message-size"?: number;
  "content-sharing-policy"?: ContentPolicy;
  "restart-interval"?: string;
  "sandbox-image"?: string;
  "oom-score"?: number;
  "log-driver"?: string;
  "log-opts"?: Record<string, string>;
  "image-verifier"?: { "bin-dir": string; "max-verifiers"?: number; "per-verifier-timeout"?: string };
}

const OUR_SHIM = "io.containerd.runt.v2";
/** Milliseconds that any setting of time may be. */
const LONGEST = 24 * 3600 * 1000;
/** Bytes: what the length in a message's prefix may be with any client. */
const LARGEST = 2 ** 31 - 1;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

export function readConfig(text: string, path: string): Config {
  return within(path, "configuration", () => {
    const file = checked(ConfigFile, text) as File;
    const registries: RegistryConfig = {};
    if (file.registries) registries.registries = file.registries;
    if (file.mirrors) registries.mirrors = file.mirrors;
    if (file["insecure-registries"]) registries.insecure = file["insecure-registries"];
    if (file["registry-config-path"]) registries.directories = file["registry-config-path"].split(":");
    const runtimes: Record<string, RuntimeHandler> = {};
    for (const [name, handler] of Object.entries(file.runtimes ?? {})) {
      const { type = OUR_SHIM, binary = "", root = "", "systemd-cgroup": systemdCgroup = false } = handler;
      const where = ["runtimes", name];
      if (!NAME.test(name)) throw fault(text, where, "is no name for a runtime of your own");
      if (name === "runt")
        for (const key of ["type", "binary"] as const)
          if (handler[key] !== undefined)
            throw fault(text, [...where, key], "is what runt is: another handler may have it");
      if (root !== "" && !isAbsolute(root)) throw fault(text, [...where, "root"], "must be an absolute path");
      runtimes[name] = { type, binary, root, systemdCgroup };
    }
    const defaultRuntime = file["default-runtime"] ?? "runt";
    if (defaultRuntime !== "runt" && !Object.hasOwn(runtimes, defaultRuntime)) {
      throw fault(text, ["default-runtime"], `names no runtime: there is no [runtimes.${defaultRuntime}]`);
    }
    const snapshotters: Record<string, string> = {};
    for (const [name, { address }] of Object.entries(file.snapshotters ?? {})) {
      const where = ["snapshotters", name];
      if (!NAME.test(name) || name === "overlayfs" || name === "native")
        throw fault(text, where, "is no name for another snapshotter");
      const socket = address.replace(/^unix:\/\//, "");
      if (!isAbsolute(socket)) throw fault(text, [...where, "address"], "must be the absolute path of a socket");
      snapshotters[name] = socket;
    }
    const snapshotterSocket = file["snapshotter-socket"];
    if (snapshotterSocket !== undefined && !isAbsolute(snapshotterSocket))
      throw fault(text, ["snapshotter-socket"], "must be the absolute path of a socket");
    const containerdGroup = file["containerd-group"];
    if (containerdGroup === "") throw fault(text, ["containerd-group"], "must be a group's name or number");
    const messageLimits = limitsOf(file, text);
    const contentPolicy = file["content-sharing-policy"];
    const imageVerifier = verifierOf(file["image-verifier"], text);
    const restart = file["restart-interval"];
    const restartInterval = restart === undefined ? undefined : durationOf(restart, text, ["restart-interval"]);
    const sandboxImage = file["sandbox-image"];
    if (sandboxImage !== undefined && !tryParseReference(sandboxImage))
      throw fault(text, ["sandbox-image"], 'must be an image\'s name, like "registry.k8s.io/pause:3.10"');
    const oomScore = file["oom-score"];
    if (oomScore !== undefined && (oomScore < -1000 || oomScore > 1000))
      throw fault(text, ["oom-score"], "must be a number from -1000 to 1000");
    const logs = logsOf(file, text);
    return {
      ...(logs ? { logs } : {}),
      ...{ registries, runtimes, defaultRuntime, snapshotters, snapshotterSocket, containerdGroup },
      ...(sandboxImage ? { sandboxImage } : {}),
      ...(oomScore !== undefined ? { oomScore } : {}),
      ...(messageLimits ? { messageLimits } : {}),
      ...(contentPolicy ? { contentPolicy } : {}),
      ...(imageVerifier ? { imageVerifier } : {}),
      ...(restartInterval ? { restartInterval } : {}),
    };
  });
}

/** Options are those of the driver, checked as a container's are. */
function logsOf(
  { "log-driver": driver = "json-file", "log-opts": options }: File,
  text: string,
): LogSettings | undefined {
  if (driver === "json-file" && !options) return undefined;
  try {
    logLimits({ Type: driver, Config: { ...options } });
  } catch (error) {
    const { subject } = WharfError.from(error);
    // the driver's own name is no option
    const where =
      subject !== undefined && Object.hasOwn(options ?? {}, subject) ? ["log-opts", subject] : ["log-driver"];
    throw fault(text, where, `is wrong: ${describe(error)}`);
  }
  return { driver, options: { ...options } };
}

/** What is left out is as containerd has it. */
function limitsOf(file: File, text: string): MessageLimits | undefined {
  const bytes = (key: "max-recv-message-size" | "max-send-message-size"): number => {
    const value = file[key] ?? MAX_MESSAGE;
    if (value < 1 || value > LARGEST) throw fault(text, [key], `must be a number of bytes from 1 to ${LARGEST}`);
    return value;
  };
  const limits = { receive: bytes("max-recv-message-size"), send: bytes("max-send-message-size") };
  return limits.receive === MAX_MESSAGE && limits.send === MAX_MESSAGE ? undefined : limits;
}

/** What is left out is as containerd has it. */
function verifierOf(table: File["image-verifier"], text: string): VerifierSettings | undefined {
  if (!table) return undefined;
  const { "bin-dir": binDir, "max-verifiers": maxVerifiers = 10, "per-verifier-timeout": duration = "10s" } = table;
  if (!isAbsolute(binDir)) throw fault(text, ["image-verifier", "bin-dir"], "must be an absolute path");
  const timeout = durationOf(duration, text, ["image-verifier", "per-verifier-timeout"]);
  return { binDir, maxVerifiers, timeout };
}

function durationOf(value: string, text: string, path: readonly string[]): number {
  const duration = parseDuration(value);
  if (duration === undefined || duration < 1 || duration > LONGEST)
    throw fault(text, path, 'must be a duration of at most a day, like "10s"');
  return duration;
}
