// Tells when the kernel kills for want of memory: v1 by an eventfd on memory.oom_control, v2 by the events in memory.events.
import { close, O, open, writeFile } from "../sys/fs.ts";
import { EPOLL, loop } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { cgroupsOf } from "./cgroup.ts";
import { readSmall } from "./io/scratch.ts";
import { debug } from "./log.ts";

const EFD_FLAGS = 0o2004000;
const IN_FLAGS = 0o2004000;
const IN_MODIFY = 2;

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

function watching(fd: number, run: () => void): Disposable {
  const watch = loop().watch(fd, EPOLL.IN, run);
  return {
    [Symbol.dispose]: () => {
      watch[Symbol.dispose]();
      close(fd);
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
  const watch = watching(event, () => {
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

function kills(file: string): number {
  return Number(/^oom_kill (\d+)/m.exec(readSmall(file))?.[1] ?? 0);
}

function watchV2(folder: string, tell: () => void): Disposable {
  const file = `${folder}/memory.events`;
  let known = kills(file);
  const fd = native.syscall(NR.inotify_init1, IN_FLAGS);
  native.syscall(NR.inotify_add_watch, fd, file, IN_MODIFY);
  return watching(fd, () => {
    native.syscall(NR.read, fd, new Uint8Array(256), 256);
    try {
      const count = kills(file);
      if (count > known) tell();
      known = count;
    } catch {
      // the group is gone
    }
  });
}
