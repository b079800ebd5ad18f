/** What the suites with a real shim share: specs, processes, events. */

import { readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime } from "../api/containers.ts";
import type { Envelope } from "../api/events.ts";
import type { Mount } from "../api/types.ts";
import type { Containerd } from "../api.ts";
import { decodeEvent } from "../events/messages.ts";
import type { Subject } from "./harness.ts";

export interface TaskSubject extends Subject {
  /** A directory for files of the tests. */
  readonly dir: string;
  readonly state: string;
  readonly runtime: Runtime;
  /** Begins the names of the containers' cgroups. */
  readonly cgroup: string;
  /** A file system with /bin/busybox. */
  readonly rootfs: readonly Mount[];
  /** Ends the daemon, not the shims, and starts it again; `between` runs while there is none. */
  restart(between?: () => Promise<void>): Promise<void>;
}

export const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

export function process_(command: string) {
  return {
    args: ["/bin/busybox", "sh", "-c", command],
    cwd: "/",
    env: ["PATH=/bin"],
    user: { uid: 0, gid: 0 },
    capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
  };
}

const OWN = ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type }));

/** An OCI spec, JSON; with namespaces of its own unless others are given. */
export function taskSpec(subject: TaskSubject, id: string, args: string[], namespaces: object[] = OWN): Uint8Array {
  return encode({
    ociVersion: "1.0.2",
    process: { ...process_(""), args },
    root: { path: "rootfs", readonly: false },
    hostname: id,
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
    ],
    linux: {
      cgroupsPath: `/${subject.cgroup}-${id}`,
      namespaces,
    },
  });
}

/** Waits until `done` answers something true. */
export async function until(what: string, done: () => unknown): Promise<void> {
  for (const end = Date.now() + 60_000; !(await done()); await sleep(20)) {
    if (Date.now() > end) throw new Error(`waited a minute for ${what}`);
  }
}

/** False for a zombie too: orphans are reaped by the machine's init in its own time. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false;
  }
}

/** An empty group by its name below each hierarchy's root. */
export function removeCgroup(name: string): void {
  const root = "/sys/fs/cgroup";
  for (const hierarchy of ["", ...readdirSync(root)]) {
    try {
      rmdirSync(join(root, hierarchy, name));
    } catch {
      // Not in this one; what is left for another reason the tests' own check for leaks finds.
    }
  }
}

/** The shim is the parent of the init process. */
export function shimOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** The sockets in the file system that a process holds. */
export function socketsOf(pid: number): string[] {
  const held = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]),
  );
  const lines = readFileSync("/proc/net/unix", "utf8").trim().split("\n").slice(1);
  const rows = lines.map((line) => line.trim().split(/\s+/));
  return [
    ...new Set(rows.filter(([, , , , , , inode]) => held.has(inode)).flatMap(([, , , , , , , path]) => path ?? [])),
  ];
}

/** Stops a process; resolves when none of its threads runs any more, which takes several a moment. */
export async function stopped(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  const threads = () => readdirSync(`/proc/${pid}/task`);
  const stands = (thread: string) => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8"));
  while (!threads().every(stands)) await sleep(5);
}

export function listen(client: Containerd, filter = "topic~=^/tasks/") {
  const got: Envelope[] = [];
  const stop = new AbortController();
  const events = client.events.subscribe([filter], { signal: stop.signal });
  const run = async () => {
    for await (const envelope of events) got.push(envelope);
  };
  // Ended by its signal, or with the subject.
  void run().catch(() => {});
  const told = async (topic: string): Promise<Envelope[]> => {
    await until(topic, () => got.some((envelope) => envelope.topic === topic));
    stop.abort();
    return got;
  };
  return { got, until: told };
}

export function pick(envelope: Envelope, ...names: string[]): unknown[] {
  const fields = decodeEvent(envelope.event) ?? {};
  return names.map((field) => fields[field]);
}
