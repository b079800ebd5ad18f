/** GET /containers/{id}/stats: what a container uses, once or every second. */

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isCode, WharfError } from "../../../common/errors.ts";
import type { Exchange } from "../../http/exchange.ts";
import { now } from "../clock.ts";
import type { Engine } from "../engine.ts";
import { hostFacts } from "../host.ts";
import type { Container } from "./container.ts";
import { NEVER } from "./record.ts";
import { type CpuStats, emptyCpu, emptyTask, type TaskStats, taskStats } from "./stats-shape.ts";

/** Milliseconds between two samples. */
const PACE = 1000;
/** Clock ticks a second in /proc/stat, as the kernel shows them on every machine of ours. */
const TICKS = 100;

interface NetworkStats {
  rx_bytes: number;
  rx_packets: number;
  rx_errors: number;
  rx_dropped: number;
  tx_bytes: number;
  tx_packets: number;
  tx_errors: number;
  tx_dropped: number;
}

export interface Stats extends TaskStats {
  name: string;
  id: string;
  read: string;
  preread: string;
  num_procs: number;
  storage_stats: Record<string, never>;
  precpu_stats: CpuStats;
  networks?: Record<string, NetworkStats>;
}

/** Of a container that does not run: nothing but its name. */
function idle({ record }: Container): Stats {
  return shape(record, { read: NEVER, preread: NEVER, task: emptyTask(), before: emptyCpu() });
}

interface Sample {
  read: string;
  preread: string;
  task: TaskStats;
  before: CpuStats;
  networks?: Record<string, NetworkStats> | undefined;
}

function shape(record: Container["record"], { read, preread, task, before, networks }: Sample): Stats {
  return {
    name: `/${record.name}`,
    id: record.id,
    read,
    preread,
    pids_stats: task.pids_stats,
    blkio_stats: task.blkio_stats,
    num_procs: 0,
    storage_stats: {},
    cpu_stats: task.cpu_stats,
    precpu_stats: before,
    memory_stats: task.memory_stats,
    ...(networks ? { networks } : {}),
  };
}

/** One sample; `last` is the one before it. */
async function sampleStats(engine: Engine, container: Container, last: Stats | undefined): Promise<Stats> {
  if (!container.running) return idle(container);
  const { id, state, hostConfig } = container.record;
  const [metrics, system, networks] = await Promise.all([
    engine.client.tasks.metrics([`id==${id}`]).catch((error: unknown) => {
      if (isCode(error, "NotFound")) return [];
      throw error;
    }),
    readFile("/proc/stat", "utf8").then(parseSystem),
    hostConfig.NetworkMode === "host" || hostConfig.NetworkMode.startsWith("container:")
      ? undefined
      : readFile(`/proc/${state.pid}/net/dev`, "utf8").then(parseNetworks, () => undefined),
  ]);
  const data = metrics[0]?.data;
  if (!data) return idle(container);
  const task = taskStats(data, hostFacts().memory);
  task.cpu_stats = { ...task.cpu_stats, system_cpu_usage: system.usage, online_cpus: system.cpus };
  const known = last && last.read !== NEVER ? last : undefined;
  return shape(container.record, {
    read: now(),
    preread: known?.read ?? NEVER,
    task,
    before: known?.cpu_stats ?? emptyCpu(),
    networks,
  });
}

/** A stream until the client goes or the container is removed; otherwise one answer, after a second unless `oneShot`. */
export async function answerStats(
  engine: Engine,
  container: Container,
  x: Exchange,
  options: { stream: boolean; oneShot: boolean },
): Promise<void> {
  if (options.stream && options.oneShot) {
    throw new WharfError("InvalidArgument", "cannot have stream=true and one-shot=true", { operation: "read stats" });
  }
  if (!options.stream) {
    let stats = await sampleStats(engine, container, undefined);
    if (!options.oneShot && container.running) {
      if (!(await pause(x.signal))) return;
      stats = await sampleStats(engine, container, stats);
    }
    return x.json(200, stats);
  }
  const gone = new AbortController();
  void container.next("removed", AbortSignal.any([gone.signal, x.signal])).then(() => gone.abort());
  const signal = AbortSignal.any([x.signal, gone.signal, engine.closing.signal]);
  try {
    const first = await sampleStats(engine, container, undefined);
    const out = x.stream(200, "application/json");
    let last = first;
    // The client has something to show at once; what it costs shows with the second.
    await out.write(`${JSON.stringify(first)}\n`);
    while (await pause(signal)) {
      last = await sampleStats(engine, container, last);
      await out.write(`${JSON.stringify(last)}\n`);
    }
    if (!x.signal.aborted) out.end();
  } finally {
    gone.abort();
  }
}

/** False when the signal ended it. */
async function pause(signal: AbortSignal): Promise<boolean> {
  return await sleep(PACE, true, { signal }).catch(() => false);
}

/** The CPU time of the whole host in nanoseconds, and how many CPUs share it. */
export function parseSystem(text: string): { usage: number; cpus: number } {
  const lines = text.split("\n");
  const [, ...fields] = (lines[0] ?? "").split(/\s+/);
  // user, nice, system, idle, iowait, irq, softirq
  const ticks = fields.slice(0, 7).reduce((sum, field) => sum + Number(field), 0);
  return { usage: ticks * (1e9 / TICKS), cpus: lines.filter((line) => /^cpu\d/.test(line)).length };
}

/** /proc/<pid>/net/dev without the loopback. */
export function parseNetworks(text: string): Record<string, NetworkStats> | undefined {
  const result: Record<string, NetworkStats> = {};
  for (const line of text.split("\n").slice(2)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim();
    if (colon < 0 || name === "lo") continue;
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const at = (index: number) => fields[index] ?? 0;
    result[name] = {
      ...{ rx_bytes: at(0), rx_packets: at(1), rx_errors: at(2), rx_dropped: at(3) },
      ...{ tx_bytes: at(8), tx_packets: at(9), tx_errors: at(10), tx_dropped: at(11) },
    };
  }
  return Object.keys(result).length > 0 ? result : undefined;
}
