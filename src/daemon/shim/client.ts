/** A connected shim: its services, called in the container's namespace. */

import { SandboxService } from "../../common/gen/containerd/sandbox/runtime.ts";
import { TaskService } from "../../common/gen/containerd/task/v2.ts";
import type { Client } from "../../common/protobuf/schema.ts";
import type { TtrpcCallOptions } from "../../common/ttrpc/client.ts";
import type { ShimAddress } from "./launch.ts";
import { connectTtrpc, type TtrpcClient } from "./ttrpc.ts";

/** Milliseconds that a call which does not wait for a process may take. */
const CALL_TIMEOUT = 20_000;

export type SandboxClient = Client<typeof SandboxService, TtrpcCallOptions>;
export type TaskClient = Client<typeof TaskService, TtrpcCallOptions>;

export class ShimClient implements Disposable {
  readonly task: TaskClient;
  readonly #client: TtrpcClient;

  private constructor(client: TtrpcClient, version: number) {
    this.#client = client;
    this.task = client.connection.client(TaskService, `containerd.task.v${version}.Task`);
  }

  static async connect({ address, version }: ShimAddress, timeoutMs?: number): Promise<ShimClient> {
    return new ShimClient(await connectTtrpc(address, timeoutMs), version);
  }

  /** Served by shims that are a pod. */
  get sandbox(): SandboxClient {
    return this.#client.connection.client(SandboxService);
  }

  /** Resolves when the shim or this end has closed the connection. */
  get closed(): Promise<void> {
    return this.#client.closed;
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

/** Options of a call: the namespace as metadata, the usual time limit. */
export function callOptions(
  namespace: string,
  more: { traceparent?: string | undefined; signal?: AbortSignal | undefined; timeoutMs?: number | undefined } = {},
): TtrpcCallOptions {
  const metadata: Record<string, string> = { "containerd-namespace-ttrpc": namespace };
  if (more.traceparent) metadata.traceparent = more.traceparent;
  return { metadata, signal: more.signal, timeoutMs: "timeoutMs" in more ? more.timeoutMs : CALL_TIMEOUT };
}
