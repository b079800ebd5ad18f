// events: statistics at an interval, and the kernel's kills for want of memory as they come, until the container ends.
import { type CgroupPaths, folderOf } from "../../cgroup/paths.ts";
import { table } from "../../cgroup/stats/files.ts";
import type { CgroupStats } from "../../cgroup/stats/stats.ts";
import { statsV1 } from "../../cgroup/stats/v1.ts";
import { statsV2 } from "../../cgroup/stats/v2.ts";
import { sys } from "../../sys/call.ts";
import { close, Fd, O, open, writeFile } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import { pollReadable } from "../../sys/poll.ts";
import { pidfdOpen } from "../../sys/process.ts";
import { monotonicMs } from "../../sys/time.ts";
import { type ContainerRecord, isAlive } from "../state.ts";
import { oomEvent, statsEvent } from "./json.ts";
import { rdtStats } from "./rdt.ts";

function cgroupStats(cgroup: CgroupPaths): CgroupStats {
  const unified = cgroup.paths[""];
  if (cgroup.mode === "v2" && unified !== undefined) return statsV2(unified);
  return statsV1((controller) => folderOf(cgroup, controller));
}

/** One line of JSON with all that can be told now. */
export function snapshot({ id, cgroup, intelRdt }: ContainerRecord): string {
  return statsEvent(id, cgroupStats(cgroup ?? { mode: "v2", paths: {} }), intelRdt && rdtStats(intelRdt));
}

const NONBLOCK_CLOEXEC = 0o2004000;
const IN_MODIFY = 2;

/** Readable when something may have been killed. */
class OomWatch implements Disposable {
  readonly fd: Fd;
  readonly #file: string;
  #known: bigint;

  private constructor(fd: number, file: string) {
    this.fd = new Fd(fd);
    this.#file = file;
    this.#known = this.#count();
  }

  /** Undefined without a memory controller. */
  static of(cgroup: CgroupPaths): OomWatch | undefined {
    const folder = folderOf(cgroup, "memory");
    if (folder === undefined) return undefined;
    if (cgroup.mode === "v1") return OomWatch.#v1(folder);
    const file = `${folder}/memory.events`;
    if (Object.keys(table(file)).length === 0) return undefined;
    const fd = sys("inotify_init", undefined, NR.inotify_init1, NONBLOCK_CLOEXEC);
    sys("inotify_add_watch", file, NR.inotify_add_watch, fd, file, IN_MODIFY);
    return new OomWatch(fd, file);
  }

  static #v1(folder: string): OomWatch {
    const fd = sys("eventfd", undefined, NR.eventfd2, 0, NONBLOCK_CLOEXEC);
    const file = `${folder}/memory.oom_control`;
    const control = open(file, O.RDONLY);
    try {
      writeFile(`${folder}/cgroup.event_control`, `${fd} ${control}`);
    } finally {
      close(control);
    }
    return new OomWatch(fd, file);
  }

  #count(): bigint {
    return table(this.#file)["oom_kill"] ?? 0n;
  }

  /** How many have been killed since it was asked last. */
  take(): number {
    native.syscall(NR.read, this.fd.value, new Uint8Array(4096), 4096);
    const count = this.#count();
    const more = Number(count - this.#known);
    if (more > 0) this.#known = count;
    return Math.max(0, more);
  }

  [Symbol.dispose](): void {
    this.fd[Symbol.dispose]();
  }
}

/** Tells lines of JSON until the container's first process ends. `interval` in milliseconds. */
export function stream(record: ContainerRecord, interval: number, tell: (line: string) => void): void {
  using pidfd = new Fd(pidfdOpen(record.init!.pid));
  if (!isAlive(record)) return;
  using oom = record.cgroup && OomWatch.of(record.cgroup);
  const tellKills = () => {
    for (let i = oom?.take() ?? 0; i > 0; i--) tell(oomEvent(record.id));
  };
  for (let next = monotonicMs() + interval; ; ) {
    const ready = pollReadable(oom ? [oom.fd.value, pidfd.value] : [pidfd.value], Math.max(0, next - monotonicMs()));
    if (oom) tellKills();
    if (ready === (oom ? 1 : 0)) return;
    if (monotonicMs() < next) continue;
    tell(snapshot(record));
    next = monotonicMs() + interval;
  }
}
