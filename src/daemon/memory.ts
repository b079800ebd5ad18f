/**
 * Keeps the daemon small. What only its start or a burst of work needed stays in the process otherwise: the pages of Node's program that ran
 * once, and what malloc holds on to. Both are given back when the daemon is idle, and under load, too, when many of the program's pages are there:
 * what is still needed comes back from the page cache, a microsecond or two for every 64 KiB.
 */

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Log } from "./log.ts";

/** Milliseconds between looks. */
const LOOK = 500;
/** Looks between those at whether the daemon is idle, and before the first of these. */
const IDLE_LOOKS = 20;
const FIRST_LOOKS = 4;
/** Bytes of files in memory, most of it of Node's program, that are too much: what is needed again and again is about 20 MB. */
const FILES = 24 << 20;
/** Idle is who ran for less than this part of the time. */
const IDLE = 0.02;
/** Bytes of growth since the last time that are worth the while: some of them are what is needed always. */
const WORTH = 16 << 20;

const PAGE = 4096;

/** madvise(2): the pages are let go; those of a file that were never written are its content again at the next use. */
const MADV_DONTNEED = 4;

/** Bytes that are looked at or let go in one turn. */
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
  let looks = IDLE_LOOKS - FIRST_LOOKS;
  let giving = false;
  /** Resident bytes of files that will be there whatever is given back. */
  let least = 0;
  const look = (): void => {
    if (giving) return;
    const { resident, files } = residence();
    const quiet = ++looks >= IDLE_LOOKS && idle() && resident >= floor + WORTH;
    if (!quiet && files < Math.max(FILES, least + WORTH)) return;
    giving = true;
    giveBack().then(
      (ms) => {
        giving = false;
        const after = residence();
        least = after.files;
        floor = after.resident;
        log("debug", "memory given back", { before: resident, after: after.resident, ms });
      },
      (error: unknown) => {
        stop();
        log("debug", "memory is not given back", { error });
      },
    );
  };
  const idle = (): boolean => {
    looks = 0;
    const now = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    const yes = (user + system) / 1000 < (now - at) * IDLE;
    cpu = process.cpuUsage();
    at = now;
    return yes;
  };
  const timer = setInterval(look, LOOK).unref();
  const stop = (): void => clearInterval(timer);
  return { [Symbol.dispose]: stop };
}

/** Bytes in memory, and those of them that are files' (proc_pid_statm(5)). */
function residence(): { resident: number; files: number } {
  try {
    const [, resident, files] = readFileSync("/proc/self/statm", "latin1").split(" ");
    return { resident: Number(resident) * PAGE, files: Number(files) * PAGE };
  } catch {
    // No descriptor is to be had now: nothing is given back then.
    return { resident: 0, files: 0 };
  }
}

let memory: Memory | undefined;
let ranges: Range[] | undefined;

/** A little a turn of the event loop; answers the longest turn in milliseconds. Rejects where this Node cannot call the C library. */
export async function giveBack(): Promise<number> {
  memory ??= open();
  let longest = 0;
  const turn = async (work: () => void): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    const start = performance.now();
    work();
    longest = Math.max(longest, performance.now() - start);
  };
  if (!ranges) {
    const found: Range[] = [];
    const maps = await readFile("/proc/self/maps", "latin1");
    using pages = openPagemap();
    let parts: Range[] = [];
    await turn(() => {
      parts = pieces(programPages(maps, process.execPath));
    });
    for (const part of parts) await turn(() => found.push(...pages.unwritten(part)));
    ranges = found;
  }
  for (const [from, to] of pieces(ranges)) await turn(() => memory!.madvise(from, to - from, MADV_DONTNEED));
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

/** Addresses: from the first on, up to before the second. */
type Range = [from: bigint, to: bigint];

/**
 * The parts of the program as it was loaded that cannot be written, by proc_pid_maps(5). Only the segments that lie in one piece from
 * the first on, which nothing ever unmaps: V8 maps parts of the file again elsewhere.
 */
export function programPages(maps: string, program: string): Range[] {
  const found: Range[] = [];
  let end: string | undefined;
  for (const line of maps.split("\n")) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (....) \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (!head) continue;
    const [, from, to, mode, path] = head;
    if (path !== program || (end !== undefined && from !== end)) break;
    end = to;
    if (/^r-[-x]p$/.test(mode!)) found.push([BigInt(`0x${from}`), BigInt(`0x${to}`)]);
  }
  return found;
}

interface Pagemap extends Disposable {
  /** What was never written of a part: a page that was, by the loader's relocations, has no other copy. */
  unwritten(part: Range): Range[];
}

/**
 * By https://docs.kernel.org/admin-guide/mm/pagemap.html, eight bytes a page: the highest bit says that it is in memory, the next one that it is in
 * swap, the third that it is a file's.
 */
function openPagemap(): Pagemap {
  const fd = openSync("/proc/self/pagemap", "r");
  return {
    unwritten: ([from, to]) => {
      const entries = Buffer.alloc(Number((to - from) / BigInt(PAGE)) * 8);
      const read = readSync(fd, entries, 0, entries.length, (from / BigInt(PAGE)) * 8n);
      return filePages(entries.subarray(0, read), from);
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/** The same ranges, none longer than what is looked at or let go in one turn. */
function pieces(ranges: readonly Range[]): Range[] {
  const found: Range[] = [];
  for (const [from, to] of ranges)
    for (let at = from; at < to; at += PIECE) found.push([at, to - at < PIECE ? to : at + PIECE]);
  return found;
}

/** The runs of pages that were never written, by the pagemap's entries from this address on. */
export function filePages(entries: Buffer, from: bigint): Range[] {
  const found: Range[] = [];
  for (let i = 0; i + 8 <= entries.length; i += 8) {
    const kind = entries[i + 7]! >> 5;
    // in memory and no file's, or in swap
    if ((kind & 0b101) === 0b100 || kind & 0b010) continue;
    const at = from + BigInt((i / 8) * PAGE);
    const last = found.at(-1);
    if (last?.[1] === at) last[1] += BigInt(PAGE);
    else found.push([at, at + BigInt(PAGE)]);
  }
  return found;
}
