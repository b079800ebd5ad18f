/** The containerd core in process: opens the stores of a root and a state directory and serves them to clients. */

import { existsSync, readdirSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { WharfError } from "../../common/errors.ts";
import { VERSION } from "../../common/version.ts";
import { COMMIT } from "../commit.ts";
import { Database } from "../store/database.ts";
import { lockDirectory } from "../store/lock.ts";
import type { AgentClient } from "./agent.ts";
import { PODSANDBOX_SANDBOXER, type SandboxController, SHIM_SANDBOXER } from "./api/sandboxes.ts";
import type { Snapshotter } from "./api/snapshots.ts";
import type { TransferEnd, TransferOptions, TransferService } from "./api/transfer.ts";
import {
  type Containerd,
  type ContainerdCore,
  type ContainerdVersion,
  DEFAULT_SNAPSHOTTER,
  type Transferer,
} from "./api.ts";
import { LocalContainers } from "./containers/store.ts";
import { BlobFiles } from "./content/files.ts";
import { HasherPool } from "./content/hasher.ts";
import type { OpenWriters } from "./content/open-writers.ts";
import { LocalContent } from "./content/store.ts";
import { LocalIntrospection } from "./core/introspection.ts";
import { checkIdentifier } from "./core/labels.ts";
import { recover } from "./core/recover.ts";
import { type ContentPolicy, Scope, type Shared } from "./core/scope.ts";
import { LocalDiff } from "./diff/service.ts";
import { EventHub } from "./events/hub.ts";
import { LocalEvents } from "./events/service.ts";
import { Collector } from "./gc/collector.ts";
import { LocalImages } from "./images/store.ts";
import { LocalLeases } from "./leases/manager.ts";
import { LocalNamespaces } from "./namespaces/store.ts";
import { DEFAULT_INTERVAL, RestartMonitor } from "./restart/monitor.ts";
import { ShimController } from "./sandboxes/controller.ts";
import { Pods } from "./sandboxes/pods.ts";
import { PodSandboxController, type PodSandboxParts } from "./sandboxes/podsandbox.ts";
import { PodSandboxes } from "./sandboxes/podsandboxes.ts";
import { LocalSandboxes } from "./sandboxes/store.ts";
import { SnapshotFiles } from "./snapshots/files.ts";
import { NATIVE_SNAPSHOTTER } from "./snapshots/native.ts";
import { openSnapshotter } from "./snapshots/open.ts";
import { LocalTasks } from "./tasks/manager.ts";
import { ShimManager } from "./tasks/shims.ts";

/** The containerd whose API this is, and what it really is. Clients read the first part to learn what there is. */
const CONTAINERD_VERSION = `v2.1.9+wharf.${VERSION}`;

export interface CoreOptions {
  /** Data: meta.db, content, snapshots. Absolute; made if missing. */
  root: string;
  /** Bundles, sockets, locks; lost with a reboot. Absolute; made if missing. */
  state: string;
  agent: AgentClient;
  /** Told of what goes wrong where no caller waits; stderr by default. */
  log?: ((message: string, error?: unknown) => void) | undefined;
  /** Told what shims write to their logs; stderr by default. */
  shimLine?: ((line: string, shim: { namespace: string; id: string }) => void) | undefined;
  /** Shims are to tell more. */
  debug?: boolean | undefined;
  /** Directories to look for shims in, before PATH. */
  shimPath?: readonly string[] | undefined;
  /** Path of the program (docker-init) that holds the namespaces of sandboxes of `podsandbox`; without it there are none. */
  holder?: string | undefined;
  /** Reference of an image that holds them instead; pulled when it is not there. */
  sandboxImage?: string | undefined;
  /** Further snapshotters by name: what each is to a namespace. */
  snapshotters?: Readonly<Record<string, (namespace: string) => Snapshotter>> | undefined;
  /** `shared` by default. */
  contentPolicy?: ContentPolicy | undefined;
  /** Milliseconds between two looks at containers with restart labels. */
  restartInterval?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Opens a core. FailedPrecondition when another daemon has the root or the state directory, or a newer one wrote it; DataLoss when the
 * store is corrupt. Disposing of it leaves containers running.
 */
export async function createCore(options: CoreOptions): Promise<ContainerdCore> {
  for (const path of [options.root, options.state]) {
    if (!isAbsolute(path)) throw new WharfError("InvalidArgument", `${JSON.stringify(path)} is not an absolute path`);
  }
  await using stack = new AsyncDisposableStack();
  stack.use(lockDirectory(options.root, "root"));
  if (options.state !== options.root) stack.use(lockDirectory(options.state, "state"));
  await options.agent.predecessorGone?.();
  options.signal?.throwIfAborted();
  const log = options.log ?? ((message, error) => console.error(`wharfd: ${message}`, error ?? ""));
  const writers: OpenWriters = new Map();
  let remaps: Promise<boolean> | undefined;
  const shared: Shared = {
    paths: { root: options.root, state: options.state },
    db: stack.use(Database.open(`${options.root}/meta.db`, () => firstOf(options.root), log)),
    agent: options.agent,
    hub: stack.use(new EventHub()),
    gc: stack.use(new Collector(() => shared)),
    blobs: new BlobFiles(options.root),
    contentPolicy: options.contentPolicy ?? "shared",
    hashers: stack.use(new HasherPool()),
    writers,
    snapshotFiles: new Map([
      [DEFAULT_SNAPSHOTTER, new SnapshotFiles(options.root, "snapshots")],
      [NATIVE_SNAPSHOTTER, new SnapshotFiles(options.root, "native")],
    ]),
    remapsIds: () =>
      (remaps ??= options.agent.idmaps(shared.snapshotFiles.get(DEFAULT_SNAPSHOTTER)!.root).catch((error: unknown) => {
        remaps = undefined;
        throw error;
      })),
    proxies: options.snapshotters ?? {},
    log,
    shimLine: options.shimLine ?? ((line) => console.error(line)),
    debug: options.debug ?? false,
  };
  stack.defer(async () => {
    await Promise.allSettled([...writers.values()].map((writer) => writer?.close()));
  });
  await recover(shared);
  const shims = stack.use(new ShimManager(shared, options.shimPath ?? []));
  const pods = stack.use(new Pods(shared, shims));
  await pods.restore();
  await shims.restore();
  const podSandboxes = stack.use(new PodSandboxes(shared, shims, pods));
  await podSandboxes.restore();
  options.signal?.throwIfAborted();
  const owned = stack.move();
  const { holder, sandboxImage } = options;
  const core = new LocalCore(shared, { shims, pods, podSandboxes, holder, sandboxImage, transferers: [] }, owned);
  const interval = options.restartInterval ?? DEFAULT_INTERVAL;
  owned.use(new RestartMonitor({ db: shared.db, client: (namespace) => core.namespace(namespace), log, interval }));
  return core;
}

/** Something in the root that a start would take for left over if nothing were written down about it. */
function firstOf(root: string): string | undefined {
  for (const folder of ["content/blobs/sha256", "snapshots", "native", "containers"]) {
    const path = join(root, folder);
    if (existsSync(path) && readdirSync(path).length > 0) return path;
  }
  return undefined;
}

/** What clients of a core have in common beyond its stores. */
interface Parts extends PodSandboxParts {
  readonly transferers: Transferer[];
}

class LocalCore implements ContainerdCore {
  readonly #shared: Shared;
  readonly #parts: Parts;
  readonly #stack: AsyncDisposableStack;

  constructor(shared: Shared, parts: Parts, stack: AsyncDisposableStack) {
    this.#shared = shared;
    this.#parts = parts;
    this.#stack = stack;
  }

  namespace(name: string): Containerd {
    checkIdentifier(name, "namespace");
    return new LocalClient(new Scope(this.#shared, name, undefined), this.#parts);
  }

  async version(): Promise<ContainerdVersion> {
    return { version: CONTAINERD_VERSION, revision: COMMIT };
  }

  addTransferer(transferer: Transferer): void {
    this.#parts.transferers.push(transferer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

class LocalClient implements Containerd {
  readonly #scope: Scope;
  readonly #parts: Parts;

  constructor(scope: Scope, parts: Parts) {
    this.#scope = scope;
    this.#parts = parts;
  }

  get namespace(): string {
    return this.#scope.namespace;
  }

  get lease(): string | undefined {
    return this.#scope.lease;
  }

  get content(): LocalContent {
    return new LocalContent(this.#scope);
  }

  get images(): LocalImages {
    return new LocalImages(this.#scope);
  }

  get containers(): LocalContainers {
    return new LocalContainers(this.#scope);
  }

  get tasks(): LocalTasks {
    return new LocalTasks(this.#scope, this.#parts.shims, this.#parts.pods);
  }

  get leases(): LocalLeases {
    return new LocalLeases(this.#scope);
  }

  get events(): LocalEvents {
    return new LocalEvents(this.#scope);
  }

  get namespaces(): LocalNamespaces {
    return new LocalNamespaces(this.#scope.shared);
  }

  get diff(): LocalDiff {
    return new LocalDiff(this.#scope, this.content);
  }

  get introspection(): LocalIntrospection {
    const { shims } = this.#parts;
    return new LocalIntrospection(this.#scope.shared, (runtime, options) => shims.info(runtime, options));
  }

  get transfer(): TransferService {
    return {
      transfer: (source: TransferEnd, destination: TransferEnd, options: TransferOptions = {}) => {
        for (const transferer of this.#parts.transferers) {
          const transfer = transferer(this, source, destination, options);
          if (transfer) return transfer;
        }
        const pair = `from ${source.type} to ${destination.type}`;
        return Promise.reject(
          new WharfError("Unimplemented", `nothing here transfers ${pair}`, { operation: "transfer" }),
        );
      },
    };
  }

  get sandboxes(): LocalSandboxes {
    return new LocalSandboxes(this.#scope);
  }

  sandboxController(name: string): SandboxController {
    if (name === PODSANDBOX_SANDBOXER) return new PodSandboxController(this.#scope, this.#parts, this);
    if (name === SHIM_SANDBOXER) return new ShimController(this.#scope, this.#parts.shims, this.#parts.pods);
    if (name === "") throw new WharfError("InvalidArgument", "the name of the sandbox controller is empty");
    throw new WharfError("NotFound", `there is no sandbox controller ${JSON.stringify(name)}`, {
      subject: name,
      hint: `use ${SHIM_SANDBOXER} or ${PODSANDBOX_SANDBOXER}`,
    });
  }

  snapshots(name = DEFAULT_SNAPSHOTTER): Snapshotter {
    return openSnapshotter(this.#scope, name);
  }

  withLease(id: string): Containerd {
    return new LocalClient(new Scope(this.#scope.shared, this.#scope.namespace, id), this.#parts);
  }
}
