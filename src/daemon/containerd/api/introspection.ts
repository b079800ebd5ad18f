/** Introspection: what this daemon is and has. */

import type { Platform } from "../../../common/oci/platform.ts";
import type { Any, Filters } from "./types.ts";

/** Filters see `type`, `id`, `platforms` and `capabilities`. */
export interface Plugin {
  /** `io.containerd.snapshotter.v1` … */
  type: string;
  id: string;
  requires: string[];
  platforms: Platform[];
  exports: Record<string, string>;
  capabilities: string[];
}

export interface ServerInfo {
  /** Made once for a root directory. */
  uuid: string;
  pid: number;
  /** Inode of the pid namespace. */
  pidns: number;
}

export interface IntrospectionService {
  plugins(filters?: Filters): Promise<Plugin[]>;
  server(): Promise<ServerInfo>;
  /**
   * One plugin, and what it tells of `options`: `io.containerd.runtime.v2.task` tells of a runtime (`containerd.types.RuntimeRequest`) its
   * version and features. NotFound, Unimplemented for what it tells nothing about.
   */
  pluginInfo(type: string, id: string, options?: Any): Promise<{ plugin: Plugin; extra: Any | undefined }>;
}
