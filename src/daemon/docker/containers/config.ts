/** A create request over its image's configuration: what the container will be. */

import { hostname } from "node:os";
import type { ContainerConfig, ContainerCreateRequest } from "../../../common/docker/container.ts";
import { WharfError } from "../../../common/errors.ts";
import type { ImageExecution } from "../../../common/oci/image.ts";
import { shortId } from "../ids.ts";
import { parseSignal } from "./signals.ts";

/** InvalidArgument for what cannot be. */
export function mergeConfig(request: ContainerCreateRequest, image: ImageExecution, id: string): ContainerConfig {
  const network = request.HostConfig?.NetworkMode ?? "";
  const command = commandOf(request, image);
  const config: ContainerConfig = {
    Hostname:
      request.Hostname || (network === "host" || request.HostConfig?.UTSMode === "host" ? hostname() : shortId(id)),
    Domainname: request.Domainname ?? "",
    User: request.User || image.User || "",
    AttachStdin: request.AttachStdin ?? false,
    AttachStdout: request.AttachStdout ?? false,
    AttachStderr: request.AttachStderr ?? false,
    Tty: request.Tty ?? false,
    OpenStdin: request.OpenStdin ?? false,
    StdinOnce: request.StdinOnce ?? false,
    Env: environment(request.Env ?? [], image.Env ?? []),
    ...command,
    Image: request.Image ?? "",
    Volumes: nullIfEmpty({ ...image.Volumes, ...request.Volumes }) as ContainerConfig["Volumes"],
    WorkingDir: request.WorkingDir || image.WorkingDir || "",
    OnBuild: null,
    Labels: { ...image.Labels, ...request.Labels },
  };
  const ports = { ...image.ExposedPorts, ...request.ExposedPorts } as ContainerConfig["ExposedPorts"] & object;
  for (const port of Object.keys(request.HostConfig?.PortBindings ?? {})) ports[port] = {};
  if (Object.keys(ports).length > 0) config.ExposedPorts = ports;
  const health = request.Healthcheck ?? (image.Healthcheck as ContainerConfig["Healthcheck"]);
  if (health) config.Healthcheck = health;
  const stopSignal = request.StopSignal || image.StopSignal;
  if (stopSignal) config.StopSignal = stopSignal;
  if (request.StopTimeout !== undefined) config.StopTimeout = request.StopTimeout;
  const shell = request.Shell ?? image.Shell;
  if (shell) config.Shell = shell;
  if (request.MacAddress) config.MacAddress = request.MacAddress;
  if (request.NetworkDisabled) config.NetworkDisabled = true;
  check(config);
  return config;
}

/** Entrypoint and command together: argv. InvalidArgument when there is none. */
export function argumentsOf(config: Pick<ContainerConfig, "Cmd" | "Entrypoint">): [string, ...string[]] {
  const [path, ...args] = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (path === undefined || path === "") {
    throw new WharfError("InvalidArgument", "no command specified", {
      operation: "create container",
      hint: "the image has no command of its own: give one",
    });
  }
  return [path, ...args];
}

/** An own entrypoint replaces the image's command, too; `[""]` means none at all. */
function commandOf(
  request: ContainerCreateRequest,
  image: ImageExecution,
): Pick<ContainerConfig, "Cmd" | "Entrypoint"> {
  const entrypoint = words(request.Entrypoint, "Entrypoint");
  const command = words(request.Cmd, "Cmd");
  if (entrypoint.length > 0) {
    const none = entrypoint.length === 1 && entrypoint[0] === "";
    return {
      Cmd: command.length > 0 ? command : none ? (image.Cmd ?? null) : null,
      Entrypoint: none ? null : entrypoint,
    };
  }
  return {
    Cmd: command.length > 0 ? command : (image.Cmd ?? null),
    Entrypoint: image.Entrypoint?.length ? image.Entrypoint : null,
  };
}

function words(value: unknown, name: string): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === "string") return [value];
  if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  throw new WharfError("InvalidArgument", `${name} must be a list of strings, or one string`, {
    operation: "read request",
    subject: name,
  });
}

/** The request's variables first, then those of the image that it does not have. */
function environment(own: readonly string[], image: readonly string[]): string[] {
  for (const variable of own) {
    if (variable === "" || variable.startsWith("="))
      throw new WharfError("InvalidArgument", `invalid environment variable: ${variable}`, {
        operation: "create container",
      });
  }
  const names = new Set(own.map((variable) => variable.split("=", 1)[0]));
  return [...own, ...image.filter((variable) => !names.has(variable.split("=", 1)[0]!))];
}

function check(config: ContainerConfig): void {
  if (config.WorkingDir !== "" && !config.WorkingDir.startsWith("/")) {
    throw new WharfError(
      "InvalidArgument",
      `the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`,
      { operation: "create container" },
    );
  }
  if (config.StopSignal) parseSignal(config.StopSignal);
  if (config.Hostname.length > 63 || !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(config.Hostname)) {
    throw new WharfError("InvalidArgument", `invalid hostname format: ${config.Hostname}`, {
      operation: "create container",
      hint: "up to 63 letters, digits, dots and dashes",
    });
  }
}

function nullIfEmpty(value: Record<string, unknown>): Record<string, unknown> | null {
  return Object.keys(value).length > 0 ? value : null;
}
