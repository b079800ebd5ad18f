// Where a container's cgroup lies: its folders by hierarchy, kept in the container's state.

import { sys } from "../sys/call.ts";
import { close, O, open } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import type { CgroupLayout } from "./layout.ts";
import type { ScopeUnit } from "./systemd/place.ts";

/** Kept in the container's state: all that is needed to find its cgroup again. */
export interface CgroupPaths {
  mode: CgroupLayout["mode"];
  /** Folder by controllers; "" is the unified hierarchy. */
  paths: Record<string, string>;
  /** Hybrid hosts: its folder in the unified tree beside those of v1, which holds processes and no controllers. */
  beside?: string | undefined;
  /** The unit of systemd that holds it, where systemd was asked for one. */
  systemd?: ScopeUnit | undefined;
}

/** Writes a cgroup file: in one call, as the kernel wants it. */
export function put(path: string, value: string): void {
  const file = open(path, O.WRONLY);
  const bytes = native.bytes(value);
  try {
    sys("write", path, NR.write, file, bytes, bytes.length);
  } finally {
    close(file);
  }
}

export function folderOf(cgroup: CgroupPaths, controller: string): string | undefined {
  if (cgroup.mode === "v2") return cgroup.paths[""];
  const direct = cgroup.paths[controller];
  if (direct !== undefined) return direct;
  for (const controllers in cgroup.paths) {
    if (controllers.includes(",") && controllers.split(",").includes(controller)) return cgroup.paths[controllers];
  }
  return undefined;
}
