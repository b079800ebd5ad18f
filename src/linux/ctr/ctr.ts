// What a command of ctr works with: containerd's services in the chosen namespace, streams, tables.
import type { Command, Group, Node } from "../../common/cli/command.ts";
import type { Flags } from "../../common/cli/flags.ts";
import { alignTabs, tabStops } from "../../common/cli/table.ts";
import { describe, isCode, WharfError } from "../../common/errors.ts";
import { ContainersService } from "../../common/gen/containerd/services/containers.ts";
import { ContentService } from "../../common/gen/containerd/services/content.ts";
import { DiffService } from "../../common/gen/containerd/services/diff.ts";
import { EventsService } from "../../common/gen/containerd/services/events.ts";
import { ImagesService } from "../../common/gen/containerd/services/images.ts";
import { IntrospectionService } from "../../common/gen/containerd/services/introspection.ts";
import { LeasesService } from "../../common/gen/containerd/services/leases.ts";
import { NamespacesService } from "../../common/gen/containerd/services/namespaces.ts";
import { ControllerService, StoreService } from "../../common/gen/containerd/services/sandbox.ts";
import { SnapshotsService } from "../../common/gen/containerd/services/snapshots.ts";
import { StreamingService } from "../../common/gen/containerd/services/streaming.ts";
import { TasksService } from "../../common/gen/containerd/services/tasks.ts";
import { TransferService } from "../../common/gen/containerd/services/transfer.ts";
import { VersionService } from "../../common/gen/containerd/services/version.ts";
import type { GrpcCallOptions } from "../../common/grpc/client.ts";
import type { Headers } from "../../common/grpc/status.ts";
import type { Client, Service } from "../../common/protobuf/schema.ts";
import { GrpcConnection } from "../grpc/connection.ts";
import { stderr, stdout } from "../sys/out.ts";
import { environment } from "../sys/process.ts";
import { monotonicMs, randomBytes } from "../sys/time.ts";

export const PROGRAM = "ctr";
export const DEFAULT_SNAPSHOTTER = "overlayfs";

export interface Globals {
  readonly address: string;
  readonly namespace: string;
  readonly debug: boolean;
  /** Milliseconds for the whole command; undefined for ever. */
  readonly timeoutMs: number | undefined;
}

export class Ctr {
  readonly globals: Globals;
  readonly env = environment();
  readonly #deadline: number | undefined;
  #connection: GrpcConnection | undefined;
  /** What is made belongs to it. */
  lease: string | undefined;

  constructor(globals: Globals) {
    this.globals = globals;
    this.#deadline = globals.timeoutMs === undefined ? undefined : monotonicMs() + globals.timeoutMs;
  }

  /** A service in the chosen namespace, or in another. Nothing is connected before the first use. */
  service<S extends Service>(service: S, namespace = this.globals.namespace): Client<S, GrpcCallOptions> {
    this.#connection ??= new GrpcConnection(this.globals.address);
    const metadata: Headers = { "containerd-namespace": namespace };
    if (this.lease !== undefined) metadata["containerd-lease"] = this.lease;
    const timeoutMs = this.#deadline === undefined ? undefined : Math.max(1, this.#deadline - monotonicMs());
    return this.#connection.client(service, { metadata, timeoutMs });
  }

  get containers() {
    return this.service(ContainersService);
  }
  get content() {
    return this.service(ContentService);
  }
  get diff() {
    return this.service(DiffService);
  }
  get events() {
    return this.service(EventsService);
  }
  get images() {
    return this.service(ImagesService);
  }
  get introspection() {
    return this.service(IntrospectionService);
  }
  get leases() {
    return this.service(LeasesService);
  }
  get namespaces() {
    return this.service(NamespacesService);
  }
  get sandboxes() {
    return this.service(StoreService);
  }
  get sandboxController() {
    return this.service(ControllerService);
  }
  get snapshots() {
    return this.service(SnapshotsService);
  }
  get streaming() {
    return this.service(StreamingService);
  }
  get tasks() {
    return this.service(TasksService);
  }
  get transfer() {
    return this.service(TransferService);
  }
  get version() {
    return this.service(VersionService);
  }

  /** Runs `work` with a lease that holds what it makes, and drops the lease at its end. */
  async leased<T>(work: () => Promise<T>): Promise<T> {
    const id = `ctr-${hex(randomBytes(8))}`;
    const expire = new Date(Date.now() + 24 * 3600_000).toISOString().replace(/\.\d+Z$/, "Z");
    await this.leases.create({ id, labels: { "containerd.io/gc.expire": expire } });
    this.lease = id;
    try {
      return await work();
    } finally {
      this.lease = undefined;
      this.#later.push(this.leases.delete({ id }));
    }
  }

  out(text: string | Uint8Array): void {
    stdout(text);
  }

  line(text: string): void {
    stdout(`${text}\n`);
  }

  err(text: string): void {
    stderr(text);
  }

  warn(text: string): void {
    stderr(`${PROGRAM}: warning: ${text}\n`);
  }

  /** Takes back what a command made that then failed: its failure is what counts, and what stays is told beside it. */
  async undo(what: string, work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!isCode(error, "NotFound")) this.warn(`${what} stays: ${describe(error)}`);
    }
  }

  /** Lines whose cells are joined by tabs, aligned. */
  table(rows: readonly string[], padding: number, minWidth = padding): void {
    stdout(`${alignTabs(rows.join("\n"), { minWidth, padding })}\n`);
  }

  /** The same, aligned by tab stops. */
  tabs(rows: readonly string[]): void {
    stdout(`${tabStops(rows.join("\n"))}\n`);
  }

  readonly #later: Promise<unknown>[] = [];

  /** Waits for what goes on beside the command. */
  async settled(): Promise<void> {
    await Promise.all(this.#later.splice(0));
  }

  /** To be done when the command has ended. */
  atEnd(work: () => void): void {
    this.#last.push(work);
  }

  readonly #last: (() => void)[] = [];

  [Symbol.dispose](): void {
    for (const work of this.#last.splice(0)) work();
    this.#connection?.[Symbol.dispose]();
  }
}

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function usage(message: string): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "usage" });
}

/** What went wrong with some of a command's things: the only one as it is, or all in one. */
export function throwAll(errors: readonly Error[]): void {
  const [first] = errors;
  if (!first) return;
  if (errors.length === 1 || !(first instanceof WharfError)) throw first;
  throw new WharfError(first.code, errors.map(({ message }) => message).join("; "));
}

/** The argument at `at`, or an error that says what is missing. */
export function need(args: readonly string[], at: number, what: string): string {
  const found = args[at];
  if (!found) throw usage(`${what} must be given`);
  return found;
}

export type CtrNode = Node<Ctr>;

type Declared<F extends Flags> = Omit<Command<Ctr, F>, "section" | "examples" | "args" | "interspersed"> & {
  examples?: Command<Ctr, F>["examples"];
};

/** Declares a command; flags end at the first argument, as with the original. */
export function command<F extends Flags>(declared: Declared<F>): Command<Ctr, F> {
  const args = { min: 0, max: Number.POSITIVE_INFINITY };
  return { section: "commands", examples: [], args, interspersed: false, ...declared };
}

/** A group of commands; each may have further names. */
export function group(
  name: string,
  summary: string,
  members: readonly (readonly [CtrNode, ...string[]])[],
  flags?: Flags,
): Group<Ctr> {
  return { name, summary, section: "commands", commands: named(members), ...(flags ? { flags } : {}) };
}

export function named(members: readonly (readonly [CtrNode, ...string[]])[]): ReadonlyMap<string, CtrNode> {
  const nodes = new Map<string, CtrNode>();
  for (const [node, ...others] of members) {
    nodes.set(node.name, node);
    for (const other of others) nodes.set(other, { ...node, hidden: true });
  }
  return nodes;
}
