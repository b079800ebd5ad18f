/** What this daemon is and has. */

import { randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { parseFilters } from "../../../common/filters.ts";
import type { IntrospectionService, Plugin, ServerInfo } from "../api/introspection.ts";
import type { Filters } from "../api/types.ts";
import { DEFAULT_SNAPSHOTTER } from "../api.ts";
import type { Shared } from "./scope.ts";

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

export class LocalIntrospection implements IntrospectionService {
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  async plugins(filters?: Filters): Promise<Plugin[]> {
    const filter = parseFilters(filters);
    return this.#plugins().filter((plugin) =>
      filter(([field]) => {
        if (field === "type" || field === "id") return plugin[field];
        if (field === "platforms")
          return plugin.platforms.map((p) => `${p.os}/${p.architecture}`).join(",") || undefined;
        return field === "capabilities" ? plugin.capabilities.join(",") || undefined : undefined;
      }),
    );
  }

  async server(): Promise<ServerInfo> {
    const { db } = this.#shared;
    const uuid = db.transaction(() => {
      db.run("INSERT OR IGNORE INTO meta VALUES ('uuid', ?)", randomUUID());
      return db.get("SELECT value FROM meta WHERE key = 'uuid'")!.value as string;
    });
    return { uuid, pid: process.pid, pidns: statSync("/proc/self/ns/pid").ino };
  }

  #plugins(): Plugin[] {
    const { root } = this.#shared.snapshotFiles;
    const platforms = [{ os: "linux", architecture: ARCHITECTURES[process.arch] ?? process.arch }];
    const plugin = (type: string, id: string, more: Partial<Plugin> = {}): Plugin => {
      const base = { requires: [], platforms: [], exports: {}, capabilities: [] };
      return { type: `io.containerd.${type}`, id, ...base, ...more };
    };
    return [
      plugin("content.v1", "content"),
      plugin("metadata.v1", "sqlite"),
      plugin("event.v1", "exchange"),
      plugin("gc.v1", "scheduler"),
      plugin("differ.v1", "walking", { platforms }),
      plugin("snapshotter.v1", DEFAULT_SNAPSHOTTER, { platforms, exports: { root }, capabilities: ["rebase"] }),
      plugin("runtime.v2", "task", { platforms }),
    ];
  }
}
