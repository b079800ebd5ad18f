// The leak check: what a run of tests has left on the machine, and how it is cleared away afterwards.
import { spawnSync } from "node:child_process";
import { existsSync, rmdirSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { mountTable, survey, type Thing } from "./machine.ts";

export interface Watched {
  /** The run's mark; what carries it is the run's own. */
  mark: string;
  /**
   * Nothing else happens on this machine (a build machine): then a new thing is a leak whatever its name, unless living
   * processes that are not ours hold it. Otherwise other people's doings must not fail our tests, so only marked things count.
   */
  alone: boolean;
  /** A folder whose files are nobody's leak. */
  except?: string;
}

export interface Snapshot {
  has: (thing: Thing) => boolean;
  /** True when there was already something of this name. */
  hasName: (name: string) => boolean;
  /** Takes in what has been reported, so that it is not reported again. */
  add: (things: readonly Thing[]) => void;
}

export function snapshot(): Snapshot {
  const id = ({ kind, key }: Thing) => `${kind}\0${key}`;
  const things = survey();
  const ids = new Set(things.map(id));
  const names = new Set(things.map(({ name }) => name));
  return {
    has: (thing) => ids.has(id(thing)),
    hasName: (name) => names.has(name),
    add: (more) => {
      for (const thing of more) ids.add(id(thing));
    },
  };
}

/** Kinds that a machine by itself makes no new ones of; new processes and namespaces of others are nobody's business. */
const OURS_IF_ALONE = new Set(["mount", "cgroup", "network device", "file", "FIFO", "socket", "nftables table"]);

function isLeak(thing: Thing, before: Snapshot, watched: Watched, marked: ReadonlySet<number>): boolean {
  const { mark, alone, except } = watched;
  if (before.has(thing)) return false;
  if (thing.kind === "file" && except !== undefined && thing.name.startsWith(`${except}/`)) return false;
  if (thing.pids?.includes(process.pid)) return false;
  if (thing.traces.includes(mark)) return true;
  const pids = thing.pids ?? [];
  if (pids.some((pid) => marked.has(pid))) return true;
  // what others do in a folder of their own that was there already is theirs
  if (thing.below !== undefined && before.hasName(thing.below)) return false;
  const named = thing.kind === "network namespace" && pids.length === 0;
  return alone && pids.length === 0 && (named || OURS_IF_ALONE.has(thing.kind));
}

function leaksNow(before: Snapshot, watched: Watched): Thing[] {
  const all = survey();
  const marked = new Set(
    all
      .filter(({ kind, traces }) => kind === "process" && traces.includes(watched.mark))
      .flatMap(({ pids }) => pids ?? [])
      .filter((pid) => pid !== process.pid),
  );
  return all.filter((thing) => isLeak(thing, before, watched, marked));
}

/**
 * What is there now and was not in `before`. The kernel takes down some things late (a namespace, a killed process), so a
 * finding is believed only when it is still there after `graceMs`.
 */
export async function leaksSince(before: Snapshot, watched: Watched, graceMs = 15_000): Promise<Thing[]> {
  const deadline = Date.now() + graceMs;
  for (;;) {
    const leaks = leaksNow(before, watched);
    if (leaks.length === 0 || Date.now() >= deadline) return leaks;
    await sleep(100);
  }
}

/** "mount /tmp/x (overlay)", files of one folder in one line. */
export function describeLeaks(leaks: readonly Thing[]): string[] {
  const lines: string[] = [];
  const tops: string[] = [];
  for (const { kind, name } of leaks) {
    if (kind === "file" && tops.some((top) => name.startsWith(`${top}/`))) continue;
    if (kind === "file") tops.push(name);
    lines.push(`${kind} ${name}`);
  }
  return lines;
}

function attempt(run: () => void): void {
  try {
    run();
  } catch {
    // it was reported already, and clearing up is a courtesy to the next file
  }
}

/** Removes `dir` with all that is in it, but never reaches through a mount into something else. */
export function removeFolder(dir: string): void {
  const below = () => mountTable().filter(({ point }) => point === dir || point.startsWith(`${dir}/`));
  for (const { point } of below().reverse()) spawnSync("umount", ["-l", point]);
  if (below().length === 0 && existsSync(dir)) rmSync(dir, { recursive: true, force: true });
}

/** Clears away what was found, as far as it carries the mark: nothing of others is touched. */
export function clearAway(leaks: readonly Thing[], mark: string): void {
  const own = leaks.filter(({ traces }) => traces.includes(mark));
  const of = (kind: Thing["kind"]) => own.filter((thing) => thing.kind === kind).reverse();
  for (const { pids } of of("process")) for (const pid of pids ?? []) attempt(() => process.kill(pid, "SIGKILL"));
  for (const { key } of of("mount")) spawnSync("umount", ["-l", key.slice(key.indexOf(" ") + 1)]);
  for (const { name, pids } of of("network namespace"))
    if (!pids) spawnSync("ip", ["netns", "delete", name.slice(name.lastIndexOf("/") + 1)]);
  for (const { name } of of("network device")) spawnSync("ip", ["link", "delete", name]);
  for (const { name } of of("nftables table"))
    if (name.includes(mark)) spawnSync("nft", ["delete", "table", ...name.split(" ")]);
  for (const { name } of of("cgroup")) attempt(() => rmdirSync(name));
  for (const { name } of [...of("file"), ...of("FIFO"), ...of("socket")])
    if (existsSync(name)) attempt(() => removeFolder(name));
}
