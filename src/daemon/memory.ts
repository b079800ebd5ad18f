/**
 * Keeps the daemon small. What only its start or a burst of work needed stays in the process otherwise: the pages of Node's program that ran
 * once, and what malloc holds on to. When the daemon is idle both are given back; what is still needed comes back from the page cache,
 * a microsecond for every 64 KiB.
 */

import { readFile } from "node:fs/promises";
import type { Log } from "./log.ts";

/** Milliseconds between looks, and from the start to the first one. */
const LOOK = 10_000;
const FIRST = 2000;
/** Idle is who ran for less than this part of the time. */
const IDLE = 0.02;
/** Bytes of growth since the last time that are worth the while: some of them are what is needed always. */
const WORTH = 16 << 20;

/** madvise(2): the pages are let go; those of a file that were never written are its content again at the next use. */
const MADV_DONTNEED = 4;

/** Bytes that are let go in one turn. */
const PIECE = 4n << 20n;

interface Memory {
  malloc_trim(keep: bigint): number;
  madvise(address: bigint, length: bigint, advice: number): number;
}

/** Gives back now and then until disposed of. Does nothing where this Node cannot call the C library. */
export function keepSmall(log: Log): Disposable {
  let cpu = process.cpuUsage();
  let at = performance.now();
  /** Resident bytes right after the last giving back. */
  let floor = 0;
  const look = (): void => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    const idle = (user + system) / 1000 < (now - at) * IDLE;
    cpu = process.cpuUsage();
    at = now;
    if (!idle || process.memoryUsage.rss() < floor + WORTH) return;
    const before = process.memoryUsage.rss();
    giveBack().then(
      (ms) => {
        floor = process.memoryUsage.rss();
        log("debug", "memory given back", { before, after: floor, ms });
      },
      (error: unknown) => {
        stop();
        log("debug", "memory is not given back", { error });
      },
    );
  };
  const first = setTimeout(look, FIRST).unref();
  const timer = setInterval(look, LOOK).unref();
  const stop = (): void => {
    clearTimeout(first);
    clearInterval(timer);
  };
  return { [Symbol.dispose]: stop };
}

let memory: Memory | undefined;
let ranges: [from: bigint, to: bigint][] | undefined;

/** A little a turn of the event loop; answers the longest turn in milliseconds. Rejects where this Node cannot call the C library. */
export async function giveBack(): Promise<number> {
  memory ??= open();
  ranges ??= programPages(await readFile("/proc/self/smaps", "latin1"), process.execPath);
  let longest = 0;
  const turn = async (work: () => void): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    const start = performance.now();
    work();
    longest = Math.max(longest, performance.now() - start);
  };
  for (const [from, to] of ranges)
    for (let at = from; at < to; at += PIECE) {
      const length = to - at < PIECE ? to - at : PIECE;
      await turn(() => memory!.madvise(at, length, MADV_DONTNEED));
    }
  await turn(() => memory!.malloc_trim(0n));
  return longest;
}

function open(): Memory {
  const { dlopen } = process.getBuiltinModule("node:ffi");
  return dlopen(null, {
    malloc_trim: { arguments: ["u64"], return: "i32" },
    madvise: { arguments: ["u64", "u64", "i32"], return: "i32" },
  }).functions;
}

/**
 * The parts of the program as it was loaded that were never written, by proc_pid_smaps(5): a page that was, by the loader's relocations for
 * one, has no other copy. Only the segments that lie in one piece from the first on, which nothing ever unmaps: V8 maps parts of
 * the file again elsewhere.
 */
export function programPages(smaps: string, program: string): [from: bigint, to: bigint][] {
  const found: [bigint, bigint][] = [];
  let end: string | undefined;
  let range: [bigint, bigint] | undefined;
  for (const line of smaps.split("\n")) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (....) \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (head) {
      const [, from, to, mode, path] = head;
      if (path !== program || (end !== undefined && from !== end)) break;
      end = to;
      range = /^r-[-x]p$/.test(mode!) ? [BigInt(`0x${from}`), BigInt(`0x${to}`)] : undefined;
    } else if (range && /^Anonymous:\s+0 kB$/.test(line)) {
      found.push(range);
      range = undefined;
    }
  }
  return found;
}
