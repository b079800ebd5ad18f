// runt in the shim itself: its functions are called in a forked child, without a program being started.

import { isCode } from "../../common/errors.ts";
import type { Process } from "../../common/oci/runtime.ts";
import { folderOf } from "../cgroup/paths.ts";
import * as runt from "../runt/api.ts";
import type { ContainerRecord } from "../runt/state.ts";
import { loop } from "../sys/loop.ts";
import { openTrace, type Trace } from "../sys/trace.ts";
import { ownWork } from "./checkpoint.ts";
import { inChild, type Stdio } from "./child.ts";
import { warn } from "./log.ts";
import type { MemoryGroup } from "./oom.ts";
import type { Reaper } from "./reaper.ts";
import { detachAll, mountAll, unmountAll } from "./rootfs.ts";
import type {
  CheckpointRequest,
  Created,
  CreateRequest,
  ExecRequest,
  Launch,
  OciRuntime,
  RestoreRequest,
  RuntimeOptions,
} from "./runtime.ts";

const CRIU = "criu";

function memoryOf({ cgroup }: ContainerRecord): MemoryGroup | undefined {
  const folder = cgroup && folderOf(cgroup, "memory");
  return folder === undefined ? undefined : { folder, version: cgroup?.mode === "v2" ? 2 : 1 };
}

export class OwnRuntime implements OciRuntime {
  readonly direct = true;
  readonly #reaper: Reaper;
  readonly #options: RuntimeOptions;
  traceparent = "";
  /** Its start is done here, without another process. */
  #plain = false;
  /** Its start was done with its creation. */
  #runs = false;

  constructor(reaper: Reaper, options: RuntimeOptions) {
    this.#reaper = reaper;
    this.#options = options;
  }

  /** Runs `work` in a child, with the caller's trace when it is recorded. */
  #child<T>(work: (trace: Trace | undefined) => T, stdio?: Stdio, undo?: () => Promise<void>): Promise<T> {
    const { traceparent } = this;
    const { traces } = this.#options;
    return inChild(
      this.#reaper,
      () => {
        const trace = traceparent === "" ? undefined : openTrace("runt", traceparent, traces);
        try {
          return work(trace);
        } finally {
          trace?.close();
        }
      },
      stdio,
      [],
      undo,
    );
  }

  #launch({ consoleSocket }: Launch, trace: Trace | undefined): runt.LaunchOptions {
    const { root, id, systemdCgroup } = this.#options;
    const console = consoleSocket === undefined ? undefined : { socket: consoleSocket };
    // dockerd names its driver to runc's shim alone: any other has to tell it by the path
    const systemd = systemdCgroup ? "system" : "by-path";
    // the shim's child from its birth: the helper that makes it may still be there when the shim has answered
    return { root, id, console, trace, warn, systemd, cloneParent: true };
  }

  async create(request: CreateRequest): Promise<Created> {
    const { bundle, noPivotRoot: noPivot, noNewKeyring } = this.#options;
    const rootfs = `${bundle}/rootfs`;
    const make = (trace: Trace | undefined) => {
      mountAll(request.rootfs, rootfs);
      try {
        const options = {
          ...this.#launch(request, trace),
          bundle,
          noPivot,
          noNewKeyring,
          pidFile: `${bundle}/init.pid`,
          run: request.startFollows ? ("plainly" as const) : false,
        };
        const { pid, record, runs } = runt.create(options);
        const memory = runs ? memoryOf(record) : undefined;
        return { pid, sharedPids: !record.ownPids, plain: runt.startsPlainly(record), runs, memory };
      } catch (error) {
        if (request.rootfs.length > 0) unmountAll(rootfs);
        throw error;
      }
    };
    const { plain, ...created } = await this.#child(make, request.stdio, () => this.delete(true));
    this.#plain = plain;
    this.#runs = created.runs;
    return created;
  }

  async start(): Promise<void> {
    if (this.#runs) return;
    const { root, id } = this.#options;
    const plain = this.#plain && this.traceparent === "" ? this.#begin() : undefined;
    if (!plain) return this.#child((trace) => runt.start(root, id, trace));
    using begun = plain;
    do await loop().readable(begun.fd);
    while (!begun.proceed());
  }

  /** Undefined when it cannot be started: the other way knows why. */
  #begin(): runt.PlainStart | undefined {
    try {
      return new runt.PlainStart(this.#options.root, this.#options.id);
    } catch {
      return undefined;
    }
  }

  mount(rootfs: CreateRequest["rootfs"]): Promise<void> {
    return this.#child(() => mountAll(rootfs, `${this.#options.bundle}/rootfs`));
  }

  restore(request: RestoreRequest): Promise<Created> {
    const { bundle, noPivotRoot: noPivot, noNewKeyring } = this.#options;
    const { imagePath } = request;
    const make = (trace: Trace | undefined) => {
      const launch = { ...this.#launch(request, trace), bundle, noPivot, noNewKeyring, pidFile: `${bundle}/init.pid` };
      return ownWork(bundle, request.workPath, (workPath) => {
        const { pid, record } = runt.restore({ ...launch, criu: CRIU, imagePath, workPath });
        return { pid, sharedPids: !record.ownPids };
      });
    };
    return this.#child(make, request.stdio, () => this.delete(true));
  }

  checkpoint(request: CheckpointRequest): Promise<void> {
    const { root, id, bundle } = this.#options;
    const { exit, openTcp, terminal, cgroupsMode, externalUnixSockets, ...same } = request;
    return this.#child(() =>
      ownWork(bundle, request.workPath, (workPath) => {
        const options = {
          ...{ ...same, criu: CRIU, workPath, leaveRunning: !exit, tcpEstablished: openTcp, shellJob: terminal },
          ...{ extUnixSockets: externalUnixSockets, cgroupsMode: cgroupsMode || undefined },
        };
        runt.checkpoint(root, id, options, warn);
      }),
    );
  }

  exec(request: ExecRequest): Promise<{ pid: number }> {
    return this.#child((trace) => {
      const process = JSON.parse(request.process) as Process;
      return { pid: runt.exec({ ...this.#launch(request, trace), process }).pid };
    }, request.stdio);
  }

  kill(signal: number, all: boolean): Promise<void> {
    const { root, id } = this.#options;
    return this.#child(() => runt.kill(root, id, signal, all));
  }

  delete(force: boolean): Promise<void> {
    const { root, id, bundle } = this.#options;
    return this.#child(() => {
      try {
        runt.remove(root, id, force, warn);
      } catch (error) {
        if (!isCode(error, "NotFound")) throw error;
      } finally {
        detachAll(`${bundle}/rootfs`);
      }
    });
  }

  pause(): Promise<void> {
    const { root, id } = this.#options;
    return this.#child(
      () => runt.pause(root, id),
      undefined,
      () => this.resume(),
    );
  }

  resume(): Promise<void> {
    const { root, id } = this.#options;
    return this.#child(() => runt.thaw(root, id));
  }

  update(resources: string): Promise<void> {
    const { root, id } = this.#options;
    return this.#child(() => runt.update(root, id, runt.parseResources(resources, "the request's content")));
  }

  ps(): Promise<number[]> {
    const { root, id } = this.#options;
    return this.#child(() => runt.pids(root, id));
  }
}
