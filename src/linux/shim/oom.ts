// Tells when the kernel kills for want of memory: v1 by an eventfd on memory.oom_control, v2 by polling memory.events
// (kernfs signals a change as urgent). Not by inotify: a user has few instances of it, 128 by default, and each shim would take one.
// A signal may come after the container's end, or have come before anybody listened: at the end the kernel's count is looked at.
import { sys } from "../sys/call.ts";
import { Fd, O, open, writeFile } from "../sys/fs.ts";
import { EPOLL, loop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { cgroupsOf } from "./cgroup.ts";
import { readSmall, smallBuffer } from "./io/scratch.ts";
import { debug } from "./log.ts";

const EFD_FLAGS = 0o2004000;

/** A group that counts memory. */
export interface MemoryGroup {
  folder: string;
  version: 1 | 2;
}

export interface OomWatch extends Disposable {
  /** Looks at the count, and tells what it has been told of by nobody; answers whether anything was ever told. */
  look(): boolean;
}

const nothing: OomWatch = { look: () => false, [Symbol.dispose]: () => {} };

/** Undefined where nobody counts. */
function memoryGroupOf(pid: number): MemoryGroup | undefined {
  const { unified, controllers } = cgroupsOf(pid);
  const memory = controllers.get("memory");
  if (memory !== undefined) return { folder: memory, version: 1 };
  return unified === undefined ? undefined : { folder: unified, version: 2 };
}

/**
 * Calls `tell` for each kill (v2: each batch of them) in the cgroup of `pid`, or in `fresh`, the new group of a program that runs already: what has
 * happened there is told, too. Where nothing can be watched nothing is told.
 */
export function watchOom(pid: number, fresh: MemoryGroup | undefined, tell: () => void): OomWatch {
  try {
    const group = fresh ?? memoryGroupOf(pid);
    if (group) return new Watch(group, fresh !== undefined, tell);
  } catch (error) {
    debug(`no out-of-memory events for ${pid}: ${(error as Error).message}`);
  }
  return nothing;
}

class Watch implements OomWatch {
  /** v1: the eventfd. v2: memory.events. */
  readonly #fd: Fd;
  readonly #counter: string;
  readonly #v1: boolean;
  readonly #tell: () => void;
  readonly #watch: Disposable;
  #known: number;
  #told = false;

  constructor({ folder, version }: MemoryGroup, fresh: boolean, tell: () => void) {
    this.#v1 = version === 1;
    this.#counter = `${folder}/${this.#v1 ? "memory.oom_control" : "memory.events"}`;
    this.#tell = tell;
    const count = fresh ? 0 : this.#count();
    this.#known = count;
    this.#fd = new Fd(this.#v1 ? eventOf(folder, this.#counter) : open(this.#counter, O.RDONLY));
    this.#watch = loop().watch(this.#fd.value, this.#v1 ? EPOLL.IN : EPOLL.PRI, () => this.#signalled());
  }

  #count(): number {
    return Number(/^oom_kill (\d+)/m.exec(readSmall(this.#counter))?.[1] ?? 0);
  }

  #signalled(): void {
    // also tells the kernel that what is signalled so far has been seen
    const buffer = smallBuffer();
    native.syscall(this.#v1 ? NR.read : NR.pread64, this.#fd.value, buffer, this.#v1 ? 8 : buffer.length, 0);
    try {
      const count = this.#count();
      // v1 signals before it kills
      if (this.#v1 || count > this.#known) this.#say();
      this.#known = count;
    } catch {
      // the group is gone, which v1 signals as well
      this[Symbol.dispose]();
    }
  }

  #say(): void {
    this.#told = true;
    this.#tell();
  }

  look(): boolean {
    try {
      if (!this.#told && this.#count() > this.#known) this.#say();
    } catch {
      // the group is gone
    }
    return this.#told;
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    this.#fd[Symbol.dispose]();
  }
}

function eventOf(folder: string, counter: string): number {
  using control = new Fd(open(counter, O.RDONLY));
  using event = new Fd(sys("eventfd2", undefined, NR.eventfd2, 0, EFD_FLAGS));
  writeFile(`${folder}/cgroup.event_control`, `${event.value} ${control.value}`);
  return event.release();
}
