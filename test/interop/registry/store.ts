/** A core of its own for a test, and what it holds. */

import { join } from "node:path";
import { type ContainerdCore, DEFAULT_SNAPSHOTTER } from "../../../src/daemon/containerd/api.ts";
import { type CoreOptions, createCore } from "../../../src/daemon/containerd/core.ts";
import { Registry, type RegistryOptions } from "../../../src/daemon/registry/client.ts";
import type { TransferEvent } from "../../../src/daemon/transfer/progress.ts";
import { Puller } from "../../../src/daemon/transfer/pull.ts";
import { fakeAgent } from "./fake-agent.ts";
import { scratch } from "./support.ts";

export interface Store extends AsyncDisposable {
  root: string;
  core: ContainerdCore;
  client: ReturnType<ContainerdCore["namespace"]>;
  registry: Registry;
  puller: Puller;
  events: TransferEvent[];
  /** Pulls, noting events. */
  pull(name: string, options?: Partial<Parameters<Puller["pull"]>[1]>): ReturnType<Puller["pull"]>;
  /** What is there after a collection: names of images, snapshots by kind, digests, ingests, leases. */
  holdings(): Promise<Holdings>;
}

export interface Holdings {
  images: string[];
  snapshots: string[];
  content: string[];
  ingests: string[];
  leases: string[];
}

export const NOTHING: Holdings = { images: [], snapshots: [], content: [], ingests: [], leases: [] };

/** Opens a core with the test's agent, and a registry client that does not wait long. */
export async function openStore(
  options: RegistryOptions = {},
  agent = fakeAgent,
  snapshotters: CoreOptions["snapshotters"] = {},
): Promise<Store> {
  const directory = await scratch();
  const root = join(directory.path, "root");
  const core = await createCore({ root, state: join(directory.path, "state"), agent, snapshotters });
  const registry = new Registry({
    retry: { base: 5, cap: 20 },
    timeouts: { connect: 60_000, response: 60_000, stall: 60_000 },
    ...options,
  });
  const puller = new Puller({ registry });
  const client = core.namespace("test");
  const events: TransferEvent[] = [];
  return {
    root,
    core,
    client,
    registry,
    puller,
    events,
    pull: (name, more = {}) => puller.pull(name, { client, progress: (event) => events.push(event), ...more }),
    holdings: async () => {
      // Deleting a lease and waiting for it makes the collector run.
      const { id } = await client.leases.create();
      await client.leases.delete(id, { sync: true });
      await client.snapshots(DEFAULT_SNAPSHOTTER).cleanup();
      const list = async <T>(source: AsyncIterable<T>): Promise<T[]> => await Array.fromAsync(source);
      return {
        images: (await client.images.list()).map((one) => one.name),
        snapshots: (await list(client.snapshots().walk())).map((one) => `${one.kind} ${one.name}`),
        content: (await list(client.content.walk())).map((one) => one.digest),
        ingests: (await client.content.listStatuses()).map((one) => one.ref),
        leases: (await client.leases.list()).map((one) => one.id),
      };
    },
    [Symbol.asyncDispose]: async () => {
      registry[Symbol.dispose]();
      await core[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}
