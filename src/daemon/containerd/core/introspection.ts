/** What this daemon is and has. */

import { randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { WharfError } from "../../../common/errors.ts";
import { parseFilters } from "../../../common/filters.ts";
import { RuntimeInfo, RuntimeRequest } from "../../../common/gen/containerd/types/introspection.ts";
import { isAny, unpackAny } from "../../../common/protobuf/any.ts";
import type { IntrospectionService, Plugin, ServerInfo } from "../api/introspection.ts";
import { PODSANDBOX_SANDBOXER, SHIM_SANDBOXER } from "../api/sandboxes.ts";
import type { Any, Filters } from "../api/types.ts";
import { DEFAULT_SNAPSHOTTER } from "../api.ts";
import { POLICIES } from "../restart/policy.ts";
import type { Shared } from "./scope.ts";

/** Architectures as platforms name them, by Node's names. */
export const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** The services of containerd.sock, by the names of containerd's plugins for them. */
const SERVED =
  "containers content diff events healthcheck images introspection leases namespaces sandbox-controllers sandboxes"
    .concat(" snapshots streaming tasks transfer version")
    .split(" ");

export class LocalIntrospection implements IntrospectionService {
  readonly #shared: Shared;

  readonly #runtimeInfo: (runtime: string, options: Any | undefined) => Promise<Uint8Array>;

  /** `runtimeInfo` has a runtime's shim tell about it. */
  constructor(shared: Shared, runtimeInfo: (runtime: string, options: Any | undefined) => Promise<Uint8Array>) {
    this.#shared = shared;
    this.#runtimeInfo = runtimeInfo;
  }

  async plugins(filters?: Filters): Promise<Plugin[]> {
    const filter = parseFilters(filters);
    return (await this.#plugins()).filter((plugin) =>
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

  async pluginInfo(type: string, id: string, options?: Any): Promise<{ plugin: Plugin; extra: Any | undefined }> {
    const name = `${type}.${id}`;
    const plugin = (await this.#plugins()).find((one) => one.type === type && one.id === id);
    if (!plugin) throw new WharfError("NotFound", `plugin ${name} not found`, { subject: name });
    if (!options?.typeUrl) return { plugin, extra: undefined };
    if (name !== "io.containerd.runtime.v2.task" || !isAny(options, RuntimeRequest)) {
      throw new WharfError("Unimplemented", `plugin ${name} tells nothing about a ${options.typeUrl}`);
    }
    const { runtimePath, options: given } = unpackAny(RuntimeRequest, options);
    const value = await this.#runtimeInfo(runtimePath, given?.typeUrl ? given : undefined);
    return { plugin, extra: { typeUrl: RuntimeInfo.typeName, value } };
  }

  async #plugins(): Promise<Plugin[]> {
    const remaps = await this.#shared.remapsIds().catch((error: unknown) => {
      this.#shared.log("it is not known whether snapshots can be mounted with other ids", error);
      return false;
    });
    const overlay = ["rebase", ...(remaps ? ["remap-ids"] : [])];
    const platforms = [{ os: "linux", architecture: ARCHITECTURES[process.arch] ?? process.arch }];
    const plugin = (type: string, id: string, more: Partial<Plugin> = {}): Plugin => {
      const base = { requires: [], platforms: [], exports: {}, capabilities: [] };
      return { type: `io.containerd.${type}`, id, ...base, ...more };
    };
    return [
      plugin("content.v1", "content"),
      plugin("metadata.v1", "sqlite", { exports: { policy: this.#shared.contentPolicy } }),
      plugin("event.v1", "exchange"),
      plugin("gc.v1", "scheduler"),
      plugin("differ.v1", "walking", { platforms }),
      ...[...this.#shared.snapshotFiles].map(([name, { root }]) => {
        const capabilities = name === DEFAULT_SNAPSHOTTER ? overlay : [];
        return plugin("snapshotter.v1", name, { platforms, exports: { root }, capabilities });
      }),
      ...Object.keys(this.#shared.proxies).map((name) => plugin("snapshotter.v1", name, { platforms })),
      plugin("runtime.v2", "task", { platforms }),
      plugin("monitor.container.v1", "restart", { capabilities: POLICIES }),
      plugin("sandbox.store.v1", "local"),
      plugin("sandbox.controller.v1", SHIM_SANDBOXER),
      plugin("podsandbox.v1", PODSANDBOX_SANDBOXER),
      plugin("transfer.v1", "local"),
      plugin("streaming.v1", "manager"),
      plugin("lease.v1", "manager"),
      ...SERVED.map((id) => plugin("grpc.v1", id)),
    ];
  }
}
