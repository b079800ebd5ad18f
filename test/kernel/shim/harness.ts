// Starts shims as a daemon does and talks to them over ttrpc; collects the events they send.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as messages from "../../../src/common/gen/containerd/events/task.ts";
import { EventsService, ForwardRequest } from "../../../src/common/gen/containerd/events/ttrpc.ts";
import { Options } from "../../../src/common/gen/containerd/runc/options.ts";
import { DeleteResponse, TaskService } from "../../../src/common/gen/containerd/task/v2.ts";
import { packAny } from "../../../src/common/protobuf/any.ts";
import { decode, encode } from "../../../src/common/protobuf/codec.ts";
import type { Client, MessageType } from "../../../src/common/protobuf/schema.ts";
import type { TtrpcCallOptions } from "../../../src/common/ttrpc/client.ts";
import { Router } from "../../../src/common/ttrpc/server.ts";
import { connectTtrpc, serveTtrpc, type TtrpcClient } from "../../../src/daemon/shim/ttrpc.ts";
import { removeCgroups } from "../../support/cgroups.ts";
import { checkShown, FieldsSeen } from "../../support/fields.ts";
import { uniqueName } from "../../support/run.ts";

/** Above the groups of all containers of this test file. */
const CGROUP = uniqueName("shims");

export const ROOT = join(import.meta.dirname, "../../..");
export const SHIM = process.env.WHARF_TEST_SHIM ?? join(ROOT, "dist/bin/containerd-shim-runt-v2");
/** Another runtime than runt, for trying things out: WHARF_TEST_RUNTIME=crun. */
const RUNTIME = process.env.WHARF_TEST_RUNTIME ?? "";
export const NAMESPACE = "shimtest";

/** What the test at hand has sent to shims and received of them. */
let fields = new FieldsSeen();
beforeEach(() => {
  fields = new FieldsSeen();
});
afterEach((t) => {
  const { name, filePath } = t as TestContext;
  checkShown(filePath!, name, fields.seen);
});

/** A connection whose messages are noted: what was answered, and what was asked for where it was done. */
async function connectNoted(address: string): Promise<TtrpcClient> {
  const client = await connectTtrpc(address);
  const { connection } = client;
  const call = connection.call.bind(connection);
  connection.call = async (service, method, request, options) => {
    const answer = await call(service, method, request, options);
    fields.add(method.input, encode(method.input, request));
    fields.addValue(method.output, answer);
    return answer;
  };
  return client;
}

export interface Seen {
  topic: string;
  event: Record<string, unknown>;
}

const TYPES = new Map(
  Object.values(messages).map((type) => [(type as MessageType<unknown>).typeName, type as MessageType<unknown>]),
);

export type TaskClient = Client<typeof TaskService, TtrpcCallOptions>;

/** A running shim with its container's bundle. */
export interface TestShim extends AsyncDisposable {
  id: string;
  bundle: string;
  address: string;
  pid: number;
  task: TaskClient;
  client: TtrpcClient;
  /** Another connection to the same shim. */
  connect(): Promise<{ client: TtrpcClient; task: TaskClient }>;
}

export interface SpecChange {
  args?: string[];
  terminal?: boolean;
  annotations?: Record<string, string>;
  /** Leaves out a namespace. */
  without?: string[];
  memory?: number;
  env?: string[];
  cgroupsPath?: string;
  hooks?: Record<string, { path: string; args: string[] }[]>;
}

const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path))!;

export function makeRootfs(path: string): void {
  for (const dir of ["bin", "proc", "dev", "sys", "tmp", "etc"]) mkdirSync(join(path, dir), { recursive: true });
  copyFileSync(BUSYBOX, join(path, "bin/busybox"));
  const { stdout } = spawnSync(BUSYBOX, ["--list"], { encoding: "utf8" });
  for (const name of stdout.split("\n"))
    if (name && name !== "busybox") symlinkSync("busybox", join(path, "bin", name));
}

export function specOf(id: string, change: SpecChange): object {
  const { args = ["sleep", "1000"], terminal = false, annotations = {}, without = [], memory, env = [] } = change;
  const caps = ["CAP_KILL", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE"];
  return {
    ociVersion: "1.1.0",
    process: {
      terminal,
      user: { uid: 0, gid: 0 },
      args,
      env: ["PATH=/bin", "TERM=xterm", ...env],
      cwd: "/",
      capabilities: { bounding: caps, effective: caps, permitted: caps },
      noNewPrivileges: true,
    },
    root: { path: "rootfs" },
    hostname: "shimtest",
    annotations,
    ...(change.hooks ? { hooks: change.hooks } : {}),
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666"],
      },
    ],
    linux: {
      cgroupsPath: change.cgroupsPath ?? `/${CGROUP}/${id}`,
      resources: {
        devices: [{ allow: true, access: "rwm" }],
        ...(memory ? { memory: { limit: memory, swap: memory } } : {}),
      },
      namespaces: ["pid", "ipc", "uts", "mount", "network"]
        .filter((type) => !without.includes(type))
        .map((type) => ({ type })),
    },
  };
}

/** A daemon's place: state folder, event socket, one root file system for all. */
export class Daemon implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "shim-"));
  readonly events: Seen[] = [];
  /** It takes no events until serveEvents() is called. */
  away = false;
  readonly rootfs: string;
  #server: AsyncDisposable | undefined;

  constructor(rootfs?: string) {
    this.rootfs = rootfs ?? join(this.folder, "image");
    if (!rootfs) makeRootfs(this.rootfs);
  }

  get address(): string {
    return join(this.folder, "containerd.sock");
  }

  async serveEvents(): Promise<void> {
    const router = new Router().add(EventsService, {
      forward: (request) => {
        fields.addValue(ForwardRequest, request);
        const { envelope } = request;
        const { topic, event } = envelope!;
        this.events.push({ topic, event: decode(TYPES.get(event!.typeUrl)!, event!.value) as Record<string, unknown> });
        return {};
      },
    });
    this.#server = await serveTtrpc(`${this.address}.ttrpc`, router);
  }

  async stopEvents(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
  }

  /** Waits until an event of the topic has come for the id; throws after a minute. */
  async event(topic: string, match: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    for (const end = Date.now() + 60_000; Date.now() < end; ) {
      const found = this.events.find(
        (seen) => seen.topic === topic && Object.entries(match).every(([name, value]) => seen.event[name] === value),
      );
      if (found) return found.event;
      await sleep(10);
    }
    throw new Error(
      `no event ${topic} ${JSON.stringify(match)} among ${JSON.stringify(this.events.map((e) => e.topic))}`,
    );
  }

  bundle(id: string, change: SpecChange = {}): string {
    const bundle = join(this.folder, "tasks", NAMESPACE, id);
    mkdirSync(join(bundle, "rootfs"), { recursive: true });
    writeFileSync(join(bundle, "config.json"), JSON.stringify(specOf(id, change)));
    writeFileSync(join(bundle, "log"), "");
    return bundle;
  }

  /** `input`: what the action finds on its stdin. */
  command(id: string, bundle: string, action: string, env: Record<string, string> = {}, input = new Uint8Array(0)) {
    const args = [
      "-namespace",
      NAMESPACE,
      "-address",
      this.address,
      "-publish-binary",
      "x",
      "-id",
      id,
      "-bundle",
      bundle,
    ];
    return spawnSync(SHIM, [...args, action], {
      cwd: bundle,
      input,
      timeout: 120_000,
      env: { PATH: process.env.PATH, MAX_SHIM_VERSION: "3", TTRPC_ADDRESS: `${this.address}.ttrpc`, ...env },
    });
  }

  async start(change: SpecChange = {}, id = uniqueName("c"), input = new Uint8Array(0)): Promise<TestShim> {
    if (!this.away && !this.#server) await this.serveEvents();
    const bundle = this.bundle(id, change);
    const { status, stdout, stderr } = this.command(id, bundle, "start", {}, input);
    if (status !== 0) throw new Error(`start: ${stderr}`);
    const { address } = JSON.parse(stdout.toString()) as { address: string };
    const pid = Number(readFileSync(join(bundle, "shim.pid"), "utf8"));
    const connect = async () => {
      const client = await connectNoted(address);
      return { client, task: client.connection.client(TaskService) };
    };
    const { client, task } = await connect();
    return {
      ...{ id, bundle, address, pid, task, client, connect },
      [Symbol.asyncDispose]: async () => {
        await task.kill({ id, signal: 9, all: true }).catch(() => {});
        await task.wait({ id }, { timeoutMs: 30_000 }).catch(() => {});
        await task.delete({ id }, { timeoutMs: 30_000 }).catch(() => {});
        await task.shutdown({ id }, { timeoutMs: 30_000 }).catch(() => {});
        await Promise.race([client.closed, sleep(30_000, undefined, { ref: false })]);
        client[Symbol.dispose]();
      },
    };
  }

  /** How an overlay-free root file system is given: a bind mount of the common one. */
  get mounts() {
    return [{ type: "bind", source: this.rootfs, target: "", options: ["rbind", "ro"] }];
  }

  get options() {
    return packAny(Options, { binaryName: RUNTIME, root: RUNTIME ? "" : join(this.folder, "runt") });
  }

  create(shim: TestShim, io: { stdin?: string; stdout?: string; stderr?: string; terminal?: boolean } = {}) {
    const { id, bundle, task } = shim;
    return task.create({ id, bundle, rootfs: this.mounts, options: this.options, ...io });
  }

  delete(shim: TestShim): DeleteResponse {
    const { status, stdout, stderr } = this.command(shim.id, shim.bundle, "delete");
    if (status !== 0) throw new Error(`delete: ${stderr}`);
    const answer = decode(DeleteResponse, new Uint8Array(stdout));
    fields.addValue(DeleteResponse, answer);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopEvents();
    removeCgroups(CGROUP);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Zombies do not count. */
export function alive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
