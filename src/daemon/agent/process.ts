/** The agent's process: started with the daemon's first request, started again when it has died, ended with the daemon. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WharfError } from "../../common/errors.ts";

/** dist/bin/wharf-agent, seen from the bundle (dist/daemon/BUILD) and from the sources (src/daemon/agent). */
export function defaultBinary(): string {
  const places = ["../../bin/wharf-agent", "../../../dist/bin/wharf-agent"];
  const found = places.map((place) => join(import.meta.dirname, place)).find((path) => existsSync(path));
  if (found) return found;
  throw new WharfError("FailedPrecondition", "wharf-agent is not built", { hint: "run: npm run build" });
}

/** Milliseconds in which one that has hung up is known to have ended, if it has. */
const END = 2000;

/** Milliseconds that an agent may go on after its daemon's death: it ends what it is about, which may be a shim's start. */
const LAST_WORK = 10_000;

/** Resolves when nobody listens on the socket any more. */
export async function agentGone(socket: string): Promise<void> {
  for (const end = Date.now() + LAST_WORK; Date.now() < end; await sleep(5)) if (!(await listens(socket))) return;
}

function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.on("connect", () => answer(true)).on("error", () => answer(false));
  });
}

export class AgentProcess implements AsyncDisposable {
  readonly socket: string;
  readonly #binary: string | undefined;
  #child: ChildProcess | undefined;
  #ready: Promise<void> | undefined;
  #closed = false;

  constructor(socket: string, binary?: string) {
    this.socket = socket;
    this.#binary = binary;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the agent listens. */
  ready(): Promise<void> {
    if (this.#closed) return Promise.reject(new WharfError("Unavailable", "wharf-agent has been shut down"));
    this.#ready ??= this.#start();
    return this.#ready;
  }

  /** Resolves when the agent that hung up is known to have ended, or has not after a while: one that dies still takes connections for a moment. */
  async ended(pid: number | undefined): Promise<void> {
    for (const end = Date.now() + END; pid !== undefined && this.pid === pid && Date.now() < end; ) await sleep(5);
  }

  #start(): Promise<void> {
    return new Promise((resolve, reject) => {
      // its stdin is the tie: end of file there means that the daemon is gone, however it went
      const child = spawn(this.#binary ?? defaultBinary(), ["--socket", this.socket], {
        stdio: ["pipe", "pipe", "inherit"],
        argv0: "wharf-agent",
      });
      this.#child = child;
      const gone = (why: string, cause?: unknown): void => {
        if (this.#child === child) {
          this.#child = undefined;
          this.#ready = undefined;
        }
        reject(new WharfError("Unavailable", `wharf-agent ${why}`, { cause, operation: "start wharf-agent" }));
      };
      child.once("error", (error) => gone("cannot be started", error));
      child.once("exit", (code, signal) => gone(`ended (${signal ?? `exit ${code}`})`));
      child.stdin.on("error", () => {});
      child.stdout.once("data", () => {
        // from now on it keeps nobody's event loop running
        child.unref();
        for (const stream of [child.stdin, child.stdout]) (stream as Partial<Socket>).unref?.();
        resolve();
      });
    });
  }

  /** Ends the agent and waits for its end; operations under way are cut off. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.stdin?.end();
    const late = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(late);
  }
}
