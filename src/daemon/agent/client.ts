/** The daemon's side of the agent protocol (common/agent/protocol.ts): one method an operation. */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AgentRequest,
  type AnswerOf,
  type FetchFileAnswer,
  type FetchTarget,
  type Operation,
  type Owner,
  type PathStat,
  type Progress,
  type Remote,
  type RequestOf,
  type SendFileAnswer,
  type SendFileRequest,
  SHORT,
  type Tree,
  type TreeUsage,
  type UnpackLimits,
} from "../../common/agent/protocol.ts";
import type { Digest } from "../../common/digest.ts";
import { isCode, WharfError } from "../../common/errors.ts";
import { failpoint } from "../../common/failpoint.ts";
import type {
  AgentClient,
  DiffRequest,
  SpawnShimRequest,
  SpawnShimResult,
  Unpacked,
  UnpackRequest,
} from "../containerd/agent.ts";
import type { Mount } from "../containerd/api/types.ts";
import { abortable } from "../containerd/core/abortable.ts";
import { currentTraceparent } from "../trace/trace.ts";
import { Connection } from "./connection.ts";
import { AgentProcess, agentGone } from "./process.ts";
import { Usages } from "./usage.ts";

/** The name of the shim that the agent has in itself. */
const OUR_SHIM = "/containerd-shim-runt-v2";

export interface AgentUnpackRequest extends UnpackRequest {
  /** DataLoss unless the uncompressed tar has this digest. */
  expectedDiffId?: string | undefined;
  limits?: UnpackLimits | undefined;
}

export interface AgentUnpacked extends Unpacked {
  /** Bytes of the blob as it was read. */
  blobSize: number;
  entries: number;
  /** Directories the layer relies on without having them: `inherit` gives them the lower layers' attributes. */
  missingParents: readonly string[];
}

/** What may have been done when the agent died, and cannot be done again. */
const NOT_TWICE: ReadonlySet<Operation> = new Set<Operation>(["mount", "pinUserNamespace"]);

interface CallOptions {
  signal?: AbortSignal | undefined;
  data?: ((bytes: Uint8Array) => Promise<void> | void) | undefined;
  progress?: ((progress: Progress) => void) | undefined;
  /** Sends the request's data, beside the answer's reading. */
  feed?: ((connection: Connection) => Promise<void>) | undefined;
}

export interface StartAgentOptions {
  /** The daemon's state directory; the socket is `agent.sock` in it. */
  state: string;
  /** Another program than the one beside the bundle. */
  binary?: string | undefined;
  signal?: AbortSignal | undefined;
}

async function feedBytes(connection: Connection, source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of source) await connection.data(chunk);
  connection.endData();
}

async function feedSizes(connection: Connection, grown: AsyncIterable<number>): Promise<void> {
  for await (const size of grown) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(size));
    await connection.data(bytes);
  }
  connection.endData();
}

/** A running agent. Disposing it ends the process. */
export class Agent implements AgentClient, AsyncDisposable {
  readonly #process: AgentProcess;
  #kept: Promise<Connection> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #usages = new Usages(async (paths) => (await this.call("usage", { paths })).usages);

  constructor(process: AgentProcess) {
    this.#process = process;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves when the agent of a daemon before this one has ended; at once when it is our own that listens. */
  async predecessorGone(): Promise<void> {
    if (this.#process.pid === undefined) await agentGone(this.#process.socket);
  }

  async #connect(): Promise<Connection> {
    for (let tries = 1; ; tries++) {
      await this.#process.ready();
      try {
        return await Connection.open(this.#process.socket);
      } catch (error) {
        // it may just have died; once that is known, ready() starts another
        if (tries === 5) throw error;
        await sleep(10 * tries);
      }
    }
  }

  /** Short operations take turns on one connection; a broken one is replaced. */
  #short(request: AgentRequest): Promise<unknown> {
    const ask = async (): Promise<unknown> => {
      const old = await this.#kept?.catch(() => undefined);
      if (!old?.usable || this.#process.pid === undefined) {
        old?.[Symbol.dispose]();
        this.#kept = this.#connect();
      }
      const connection = await this.#kept!;
      connection.request(request);
      return connection.answer();
    };
    const run = async (): Promise<unknown> => {
      const reused = this.#kept !== undefined;
      const { pid } = this.#process;
      try {
        return await ask();
      } catch (error) {
        // the agent may have died without our knowing yet; what does no harm twice is asked again, of its successor
        if (!reused || NOT_TWICE.has(request.op) || !isCode(error, "Unavailable")) throw error;
        await this.#process.ended(pid);
        return ask();
      }
    };
    const result = this.#turn.then(run, run);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #long(request: AgentRequest, options: CallOptions): Promise<unknown> {
    options.signal?.throwIfAborted();
    using connection = await this.#connect();
    options.signal?.throwIfAborted();
    const abort = (): void => connection[Symbol.dispose]();
    options.signal?.addEventListener("abort", abort, { once: true });
    let fault: unknown;
    try {
      connection.request(request);
      // a source that fails ends the operation: the child sees the connection closed
      options.feed?.(connection).catch((error: unknown) => {
        fault ??= error;
        abort();
      });
      return await connection.answer(options.data, options.progress);
    } catch (error) {
      options.signal?.throwIfAborted();
      // a feed fails by itself when the agent has already refused what it was sent
      throw error instanceof WharfError && error.code !== "Unavailable" ? error : (fault ?? error);
    } finally {
      options.signal?.removeEventListener("abort", abort);
    }
  }

  /** Carries out one operation. */
  async call<Op extends Operation>(op: Op, request: RequestOf<Op>, options: CallOptions = {}): Promise<AnswerOf<Op>> {
    const full = { op, traceparent: currentTraceparent(), ...request } as AgentRequest;
    failpoint("agent.before", op);
    const answer = (SHORT.has(op) ? await this.#short(full) : await this.#long(full, options)) as AnswerOf<Op>;
    failpoint("agent.after", op);
    return answer;
  }

  async unpack(request: AgentUnpackRequest): Promise<AgentUnpacked> {
    const { mounts, whiteouts, mediaType, source, syncFs, progress, signal, expectedDiffId, limits } = request;
    const follow = typeof source === "object" && "grown" in source;
    const blob = typeof source === "string" ? source : follow ? source.path : undefined;
    let feed: CallOptions["feed"];
    if (follow) feed = (connection) => feedSizes(connection, source.grown);
    else if (typeof source !== "string") feed = (connection) => feedBytes(connection, source);
    const answer = await this.call(
      "unpack",
      { mounts, whiteouts, mediaType, blob, follow, syncFs, expectedDiffId, limits },
      { signal, feed, progress: progress && (({ bytes }) => progress(bytes)) },
    );
    return answer as AgentUnpacked;
  }

  /** Gives `upper`'s directories `paths` the attributes of the first of `lowers` (nearest first) that has them. */
  async inherit(
    upper: string,
    lowers: readonly string[],
    paths: readonly string[],
    signal?: AbortSignal,
  ): Promise<void> {
    if (paths.length > 0) await this.call("inherit", { upper, lowers, paths }, { signal });
  }

  async copy(source: string, target: string, signal?: AbortSignal): Promise<void> {
    await this.call("copy", { source, target }, { signal });
  }

  async diff(request: DiffRequest): Promise<{ diffId: Digest; size: number; digest: Digest; blobSize: number }> {
    const { write, signal, ...rest } = request;
    const answer = await this.call("diff", rest, { signal, data: write });
    return answer as { diffId: Digest; size: number; digest: Digest; blobSize: number };
  }

  async idmaps(path: string): Promise<boolean> {
    return (await this.call("idmaps", { path })).supported;
  }

  async mount(mounts: readonly Mount[], target: string): Promise<void> {
    await this.call("mount", { mounts, target });
  }

  async unmount(
    target: string,
    options: { recursive?: boolean | undefined; detach?: boolean | undefined } = {},
  ): Promise<void> {
    await this.call("unmount", { target, ...options });
  }

  async pinUserNamespace(netns: string, target: string): Promise<void> {
    await this.call("pinUserNamespace", { netns, target });
  }

  async makeFifo(path: string): Promise<void> {
    await this.call("makeFifo", { path });
  }

  async remove(paths: readonly string[], signal?: AbortSignal): Promise<void> {
    if (paths.length > 0) await this.call("remove", { paths }, { signal });
  }

  usage(path: string, signal?: AbortSignal): Promise<TreeUsage> {
    return abortable(this.#usages.of(path), signal, "measurement");
  }

  async endOf(pid: number): Promise<{ status: number; signal: number } | undefined> {
    return (await this.call("endOf", { pid })).end;
  }

  async spawnShim(request: SpawnShimRequest): Promise<SpawnShimResult> {
    const { signal, stdin, ...rest } = request;
    const full = { ...rest, stdin: stdin && Buffer.from(stdin).toString("base64") };
    if (rest.args.at(-1) === "start" && rest.binary.endsWith(OUR_SHIM)) {
      signal?.throwIfAborted();
      const { stdout } = await this.call("hatchShim", full);
      signal?.throwIfAborted();
      if (stdout !== undefined) return { exitCode: 0, stdout, stderr: "" };
    }
    return this.call("spawnShim", full, { signal });
  }

  /** A file's content; its path is resolved inside the tree. ResourceExhausted beyond `maxSize` bytes. */
  async readFile(
    tree: Tree,
    path: string,
    options: { maxSize?: number; signal?: AbortSignal } = {},
  ): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    const data = (bytes: Uint8Array): void => void parts.push(Uint8Array.from(bytes));
    await this.call("readFile", { tree, path, maxSize: options.maxSize }, { signal: options.signal, data });
    return Buffer.concat(parts);
  }

  /** Sends a file over a new connection; what comes back goes to `data`. */
  async sendFile({
    data,
    progress,
    signal,
    ...request
  }: SendFileRequest & {
    data: (bytes: Uint8Array) => void;
    progress?: ((bytes: number) => void) | undefined;
    signal?: AbortSignal | undefined;
  }): Promise<SendFileAnswer> {
    const told = progress && (({ bytes }: Progress) => progress(bytes));
    return await this.call("sendFile", request, { signal, data, progress: told });
  }

  /** Sends a request over a new connection; its answer's body goes to the file that `target` says, or to `data` as the head does. */
  async fetchFile({
    data,
    target,
    progress,
    signal,
    ...request
  }: Remote & {
    data: (bytes: Uint8Array) => Promise<void>;
    target: Promise<FetchTarget | undefined>;
    progress: (bytes: number) => void;
    signal?: AbortSignal | undefined;
  }): Promise<FetchFileAnswer> {
    const feed = async (connection: Connection): Promise<void> => {
      const told = await target;
      if (told) await connection.data(Buffer.from(JSON.stringify(told)));
      else connection.endData();
    };
    return await this.call("fetchFile", request, { signal, data, feed, progress: ({ bytes }) => progress(bytes) });
  }

  /** The whole tree as a tar. */
  async export(
    tree: Tree,
    write: (data: Uint8Array) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<{ size: number }> {
    return this.call("export", { tree }, { signal, data: write });
  }

  /** A path of the tree as a tar, named as Docker names it; its stat comes before. NotFound. */
  async archiveGet(
    tree: Tree,
    path: string,
    write: (data: Uint8Array) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<PathStat> {
    return (await this.call("archiveGet", { tree, path }, { signal, data: write })).stat;
  }

  async archiveStat(tree: Tree, path: string, signal?: AbortSignal): Promise<PathStat> {
    return (await this.call("archiveStat", { tree, path }, { signal })).stat;
  }

  /** Unpacks a tar (of any compression layers have) into a directory of the tree. FailedPrecondition where it is none. */
  async archivePut(
    tree: Tree,
    path: string,
    source: AsyncIterable<Uint8Array>,
    options: { noOverwriteDirNonDir?: boolean; owner?: Owner; signal?: AbortSignal } = {},
  ): Promise<void> {
    const { signal, ...rest } = options;
    await this.call("archivePut", { tree, path, ...rest }, { signal, feed: (c) => feedBytes(c, source) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const kept = await this.#kept?.catch(() => undefined);
    kept?.[Symbol.dispose]();
    await this.#process[Symbol.asyncDispose]();
  }
}

/** Starts `wharf-agent` and resolves when it listens. Unavailable when it cannot be started. */
export async function startAgent(options: StartAgentOptions): Promise<Agent> {
  options.signal?.throwIfAborted();
  const process = new AgentProcess(join(options.state, "agent.sock"), options.binary);
  await process.ready();
  const agent = new Agent(process);
  options.signal?.addEventListener("abort", () => void agent[Symbol.asyncDispose](), { once: true });
  return agent;
}
