// Tells when the kernel kills for want of memory: v1 by an eventfd on memory.oom_control, v2 by polling memory.events
// (kernfs signals a change as urgent). Not by inotify: a user has few instances of it, 128 by default, and each shim would take one.
import { sys } from "../sys/call.ts";
import { close, Fd, O, open, writeFile } from "../sys/fs.ts";
import { EPOLL, loop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { cgroupsOf } from "./cgroup.ts";
import { readSmall, smallBuffer } from "./io/scratch.ts";
import { debug } from "./log.ts";

const EFD_FLAGS = 0o2004000;

const nothing: Disposable = { [Symbol.dispose]: () => {} };

/** Calls `tell` for each kill (v2: each batch of them) in the cgroup of `pid`. Where nothing can be watched nothing is told. */
export function watchOom(pid: number, tell: () => void): Disposable {
  try {
    const { unified, controllers } = cgroupsOf(pid);
    const memory = controllers.get("memory");
    if (memory !== undefined) return watchV1(memory, tell);
    if (unified !== undefined) return watchV2(unified, tell);
  } catch (error) {
    debug(`no out-of-memory events for ${pid}: ${(error as Error).message}`);
  }
  return nothing;
}

function watching(fd: number, events: number, run: () => void): Disposable {
  const file = new Fd(fd);
  const watch = loop().watch(fd, events, run);
  return {
    [Symbol.dispose]: () => {
      watch[Symbol.dispose]();
      file[Symbol.dispose]();
    },
  };
}

function watchV1(folder: string, tell: () => void): Disposable {
  const event = native.syscall(NR.eventfd2, 0, EFD_FLAGS);
  const control = open(`${folder}/memory.oom_control`, O.RDONLY);
  try {
    writeFile(`${folder}/cgroup.event_control`, `${event} ${control}`);
  } catch (error) {
    close(event);
    throw error;
  } finally {
    close(control);
  }
  const watch = watching(event, EPOLL.IN, () => {
    native.syscall(NR.read, event, new Uint8Array(8), 8);
    try {
      // the group's removal is signalled as well
      readSmall(`${folder}/memory.oom_control`);
    } catch {
      watch[Symbol.dispose]();
      return;
    }
    tell();
  });
  return watch;
}

/** Also tells the kernel that what is signalled so far has been seen. */
function kills(fd: number): number {
  const buffer = smallBuffer();
  const n = sys("read", "memory.events", NR.pread64, fd, buffer, buffer.length, 0);
  return Number(/^oom_kill (\d+)/m.exec(native.utf8(buffer, 0, n))?.[1] ?? 0);
}

function watchV2(folder: string, tell: () => void): Disposable {
  const fd = open(`${folder}/memory.events`, O.RDONLY);
  let known = kills(fd);
  const watch = watching(fd, EPOLL.PRI, () => {
    try {
      const count = kills(fd);
      if (count > known) tell();
      known = count;
    } catch {
      // the group is gone
      watch[Symbol.dispose]();
    }
  });
  return watch;
}
