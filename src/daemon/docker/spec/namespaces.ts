/** Which namespaces a container has of its own, which it shares with the host or another container. */

import type { HostConfig } from "../../../common/docker/host-config.ts";
import { WharfError } from "../../../common/errors.ts";
import type { LinuxNamespace } from "../../../common/oci/runtime.ts";

/** Finds the init process of a running container, for `container:<id>`. Throws when there is none. */
export type PidOf = (container: string) => number;

/** `network` is what the network driver decided: its own, a path to join, or the host's. */
export function namespacesOf(
  host: HostConfig,
  network: "own" | "host" | { path: string },
  pidOf: PidOf,
): LinuxNamespace[] {
  const list: LinuxNamespace[] = [{ type: "mount" }];
  if (network === "own") list.push({ type: "network" });
  else if (network !== "host") list.push({ type: "network", path: network.path });
  if (host.UTSMode !== "host") list.push({ type: "uts" });
  for (const [type, mode] of [
    ["pid", host.PidMode],
    ["ipc", host.IpcMode],
  ] as const) {
    if (mode === "host") continue;
    const other = /^container:(.+)$/.exec(mode)?.[1];
    list.push(other === undefined ? { type } : joined(type, pidOf(other)));
  }
  if (host.CgroupnsMode === "private") list.push({ type: "cgroup" });
  return list;
}

export function joined(type: "pid" | "ipc" | "network", pid: number): LinuxNamespace {
  return { type, path: `/proc/${pid}/ns/${type === "network" ? "net" : type}` };
}

const MODES: Readonly<Record<string, RegExp>> = {
  IpcMode: /^(none|private|shareable|host|container:.+|)$/,
  PidMode: /^(host|private|container:.+|)$/,
  UTSMode: /^(host|private|)$/,
  CgroupnsMode: /^(host|private|)$/,
};

/** InvalidArgument for a mode that does not exist. */
export function checkModes(host: HostConfig): void {
  for (const [name, pattern] of Object.entries(MODES)) {
    const value = host[name as "IpcMode"];
    if (!pattern.test(value)) {
      const what = { IpcMode: "IPC", PidMode: "PID", UTSMode: "UTS", CgroupnsMode: "cgroup namespace" }[name];
      throw new WharfError("InvalidArgument", `invalid ${what} mode: ${value}`, { operation: "create container" });
    }
  }
  if (host.UsernsMode !== "" && host.UsernsMode !== "host")
    throw new WharfError("InvalidArgument", `invalid user namespace mode: ${host.UsernsMode}`);
}
