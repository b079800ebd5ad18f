/** LeaseManager, NamespaceStore, DiffService and IntrospectionService over gRPC. */

import { WharfError } from "../../../common/errors.ts";
import type { DiffService as DiffRpc } from "../../../common/gen/containerd/services/diff.ts";
import type {
  IntrospectionService as IntrospectionRpc,
  Plugin as WirePlugin,
} from "../../../common/gen/containerd/services/introspection.ts";
import type { LeasesService, Lease as WireLease } from "../../../common/gen/containerd/services/leases.ts";
import type { NamespacesService } from "../../../common/gen/containerd/services/namespaces.ts";
import type { Applied, ApplyOptions, DiffOptions, DiffService } from "../../containerd/api/diff.ts";
import type { IntrospectionService, Plugin, ServerInfo } from "../../containerd/api/introspection.ts";
import type { Lease, LeaseManager, LeaseResource } from "../../containerd/api/leases.ts";
import type { Namespace, NamespaceStore } from "../../containerd/api/namespaces.ts";
import type { Any, Descriptor, FieldPaths, Filters, Labels, Mount } from "../../containerd/api/types.ts";
import { fromDescriptor, fromTime, required, toDescriptor, toMounts, toTime } from "../convert.ts";
import { type ClientFor, mask } from "./call.ts";

export class RemoteLeases implements LeaseManager {
  readonly #client: ClientFor<typeof LeasesService>;

  constructor(client: ClientFor<typeof LeasesService>) {
    this.#client = client;
  }

  async create({ id = "", labels = {} }: { id?: string | undefined; labels?: Labels | undefined } = {}) {
    // containerd makes no id of its own: its client does.
    const chosen = id || `${Date.now()}-${Math.random().toString(36).slice(2)}`;
    return readLease((await this.#client.create({ id: chosen, labels })).lease);
  }

  async delete(id: string, { sync = false }: { sync?: boolean | undefined } = {}): Promise<void> {
    await this.#client.delete({ id, sync });
  }

  async list(filters: Filters = []): Promise<Lease[]> {
    return (await this.#client.list({ filters })).leases.map(readLease);
  }

  async addResource(id: string, resource: LeaseResource): Promise<void> {
    await this.#client.addResource({ id, resource });
  }

  async deleteResource(id: string, resource: LeaseResource): Promise<void> {
    await this.#client.deleteResource({ id, resource });
  }

  async listResources(id: string): Promise<LeaseResource[]> {
    return (await this.#client.listResources({ id })).resources;
  }
}

function readLease(lease: WireLease | undefined): Lease {
  const { id, createdAt, labels } = required(lease, "lease");
  return { id, createdAt: fromTime(createdAt), labels };
}

export class RemoteNamespaces implements NamespaceStore {
  readonly #client: ClientFor<typeof NamespacesService>;

  constructor(client: ClientFor<typeof NamespacesService>) {
    this.#client = client;
  }

  async get(name: string): Promise<Namespace> {
    return required((await this.#client.get({ name })).namespace, "namespace");
  }

  async list(filter = ""): Promise<Namespace[]> {
    return (await this.#client.list({ filter })).namespaces;
  }

  async create({ name, labels = {} }: { name: string; labels?: Labels | undefined }): Promise<Namespace> {
    return required((await this.#client.create({ namespace: { name, labels } })).namespace, "namespace");
  }

  async update(namespace: Namespace, paths?: FieldPaths): Promise<Namespace> {
    // containerd answers without the namespace.
    const { namespace: updated } = await this.#client.update({ namespace, updateMask: mask(paths) });
    return updated ?? (await this.get(namespace.name));
  }

  async delete(name: string): Promise<void> {
    await this.#client.delete({ name });
  }
}

export class RemoteDiff implements DiffService {
  readonly #client: ClientFor<typeof DiffRpc>;

  constructor(client: ClientFor<typeof DiffRpc>) {
    this.#client = client;
  }

  /** The layer has to be in the store: `source` and `growing` are not sent. */
  async apply(diff: Descriptor, mounts: readonly Mount[], options: ApplyOptions = {}): Promise<Applied> {
    const { source, growing, syncFs = false, signal } = options;
    if (source || growing) throw new WharfError("Unimplemented", "a remote containerd unpacks what is in its store");
    const request = { diff: toDescriptor(diff), mounts: toMounts(mounts), syncFs };
    const { applied } = await this.#client.apply(request, { signal });
    return { applied: fromDescriptor(required(applied, "applied")), usage: { size: 0, inodes: 0 } };
  }

  async diff(left: readonly Mount[], right: readonly Mount[], options: DiffOptions = {}): Promise<Descriptor> {
    const { mediaType = "", ref = "", labels = {}, sourceDateEpoch, signal } = options;
    const request = { left: toMounts(left), right: toMounts(right), mediaType, ref, labels };
    const { diff } = await this.#client.diff({ ...request, sourceDateEpoch: toTime(sourceDateEpoch) }, { signal });
    return fromDescriptor(required(diff, "diff"));
  }
}

export class RemoteIntrospection implements IntrospectionService {
  readonly #client: ClientFor<typeof IntrospectionRpc>;

  constructor(client: ClientFor<typeof IntrospectionRpc>) {
    this.#client = client;
  }

  async plugins(filters: Filters = []): Promise<Plugin[]> {
    const { plugins } = await this.#client.plugins({ filters });
    return plugins.map(readPlugin);
  }

  async pluginInfo(type: string, id: string, options?: Any): Promise<{ plugin: Plugin; extra: Any | undefined }> {
    const { plugin, extra } = await this.#client.pluginInfo({ type, id, options });
    return { plugin: readPlugin(required(plugin, "plugin")), extra };
  }

  async server(): Promise<ServerInfo> {
    const { uuid, pid, pidns } = await this.#client.server({});
    return { uuid, pid, pidns };
  }
}

function readPlugin({ type, id, requires, platforms, exports, capabilities }: WirePlugin): Plugin {
  return {
    ...{ type, id, requires, exports, capabilities },
    platforms: platforms.map(({ os, architecture, variant }) =>
      variant ? { os, architecture, variant } : { os, architecture },
    ),
  };
}
