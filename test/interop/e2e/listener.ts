// A client that listens to the daemon's events on containerd's socket, and notes what it has got until the daemon is gone.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeEvent } from "../../../src/daemon/containerd/events/messages.ts";
import { RemoteCore } from "../../../src/daemon/grpc/client/core.ts";
import { type Daemon, until } from "./daemon.ts";

/** TOPIC and what names the object, "/tasks/exit ID[ EXEC]". */
export type Heard = string;

const PROBE = "/probe/listening";

export class Listener implements AsyncDisposable {
  readonly heard: Heard[] = [];
  readonly #core: RemoteCore;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  private constructor(daemon: Daemon) {
    this.#core = new RemoteCore(join(daemon.state, "containerd.sock"));
    this.#done = this.#run(daemon);
  }

  /** Until the daemon is gone; its sockets come one after the other. */
  async #run(daemon: Daemon): Promise<void> {
    do {
      await this.#listen().catch(() => {});
      await sleep(20);
    } while (daemon.running && this.heard.length === 0 && !this.#stop.signal.aborted);
  }

  async #listen(): Promise<void> {
    const events = this.#core.namespace("moby").events.subscribe([], { signal: this.#stop.signal });
    for await (const { topic, event } of events) {
      const { containerId = "", id = "", execId = "", key = "" } = (decodeEvent(event) ?? {}) as Record<string, string>;
      const exec = topic === "/tasks/exit" && id !== containerId ? id : execId;
      this.heard.push(`${topic} ${containerId || id || key}${exec === "" ? "" : " exec"}`);
    }
  }

  /** Resolves when the daemon knows of it; or is gone. */
  static async start(daemon: Daemon): Promise<Listener> {
    const listener = new Listener(daemon);
    const { events } = listener.#core.namespace("moby");
    const heard = () => listener.heard.some((one) => one.startsWith(PROBE));
    await until("the daemon's events", async () => {
      if (!daemon.running || heard()) return true;
      await events.publish(PROBE, { typeUrl: "probe", value: new Uint8Array() }).catch(() => {});
      return heard();
    });
    return listener;
  }

  /** Resolves when the stream has ended: with all that was sent before the daemon's death. */
  get ended(): Promise<void> {
    return this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.#core[Symbol.asyncDispose]();
  }
}
