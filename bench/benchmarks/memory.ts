// What a running container costs in memory beside its own processes: its monitor, and the daemon.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Benchmark, Cell, Context, Row } from "../context.ts";
import { command, which } from "../context.ts";
import { pushedImages } from "../images.ts";
import { ready } from "./run.ts";

/** Living processes of this run (its network namespace is its own) whose command line begins with the program. */
function processes(program: string): number[] {
  const ours = readlinkSync("/proc/self/ns/net");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [first = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return first.slice(first.lastIndexOf("/") + 1) === program && readlinkSync(`/proc/${pid}/ns/net`) === ours;
      } catch {
        return false; // it has just ended
      }
    })
    .map(Number);
}

/** Proportional set size in MB: what is shared counts in parts. */
function pss(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+)/m.exec(text)![1]) / 1024;
}

function rss(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

/** Four at a time. */
export async function atOnce<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

interface Figures {
  monitor: number;
  daemon?: number;
}

interface Engine {
  name: string;
  monitor: string;
  measure: (context: Context) => Promise<Figures>;
}

/** Starts the containers, lets `look` see them, and removes them whatever happens. */
async function withContainers<T>(
  context: Context,
  run: (id: string) => string[],
  remove: (id: string) => string[],
  look: () => T,
): Promise<T> {
  const ids = Array.from({ length: context.settings.containers }, (_, i) => `${context.settings.mark}-m${i}`);
  const call = ([program, ...args]: string[]) => command(program!, ...args);
  try {
    await atOnce(ids, (id) => call(run(id)));
    return look();
  } finally {
    await atOnce(ids, (id) => call(remove(id)).catch(() => undefined));
  }
}

function monitors(program: string, expected: number): number {
  const pids = processes(program);
  if (pids.length === 0) throw new Error(`no process ${program} with ${expected} containers running`);
  return pids.reduce((sum, pid) => sum + pss(pid), 0) / expected;
}

async function served(context: Context, name: string, monitor: string): Promise<Figures> {
  const made = await ready(context, name);
  if ("error" in made) throw new Error(made.error);
  const image = (await pushedImages(context)).busybox;
  const { argv, pid } = made;
  const run = (id: string) =>
    name === "ctr"
      ? [...argv, "run", "-d", image, id, "sleep", "1000"]
      : [...argv, "run", "-d", "--name", id, "--network", "none", image, "sleep", "1000"];
  const remove = (id: string) => (name === "ctr" ? [...argv, "tasks", "rm", "-f", id] : [...argv, "rm", "-f", id]);
  const figures = await withContainers(context, run, remove, () => ({
    monitor: monitors(monitor, context.settings.containers),
    daemon: rss(pid),
  }));
  if (name === "ctr")
    await command(argv[0]!, ...argv.slice(1), "containers", "rm", ...(await listed(argv))).catch(() => undefined);
  return figures;
}

async function listed(argv: readonly string[]): Promise<string[]> {
  const text = await command(argv[0]!, ...argv.slice(1), "containers", "ls", "-q");
  return text.split("\n").filter(Boolean);
}

async function podman(context: Context): Promise<Figures> {
  const { work, run, containers } = context.settings;
  const places = [
    "--root",
    join(work, "podman"),
    "--runroot",
    join(run, "podman-memory"),
    "--cgroup-manager",
    "cgroupfs",
  ];
  const argv = [which("podman"), ...places, "--storage-driver", "overlay"];
  const image = (await pushedImages(context)).busybox;
  await command(argv[0]!, ...argv.slice(1), "pull", "-q", "--tls-verify=false", image);
  const flags = ["--network", "none", "--cgroup-parent", `/${context.settings.mark}`];
  return withContainers(
    context,
    (id) => [...argv, "run", "-d", "--name", id, ...flags, image, "sleep", "1000"],
    (id) => [...argv, "rm", "-f", "-t", "0", id],
    () => ({ monitor: monitors("conmon", containers) }),
  );
}

const ENGINES: Engine[] = [
  {
    name: "wharf",
    monitor: "containerd-shim-runt-v2",
    measure: (context) => served(context, "wharf", "containerd-shim-runt-v2"),
  },
  {
    name: "containerd",
    monitor: "containerd-shim-runc-v2",
    measure: (context) => served(context, "ctr", "containerd-shim-runc-v2"),
  },
  { name: "podman", monitor: "conmon", measure: podman },
];

async function memory(context: Context): Promise<Row[]> {
  const [monitor, daemon, all]: Record<string, Cell>[] = [{}, {}, {}];
  const count = context.settings.containers;
  for (const { name, measure } of ENGINES) {
    try {
      const figures = await measure(context);
      monitor![name] = { value: figures.monitor };
      if (figures.daemon === undefined) continue;
      daemon![name] = { value: figures.daemon };
      all![name] = { value: figures.daemon + figures.monitor * count };
    } catch (error) {
      monitor![name] = { value: Number.NaN, error: error instanceof Error ? error.message : String(error) };
    }
  }
  return [
    {
      name: `monitor per container, PSS at ${count}`,
      unit: "MB",
      cells: monitor!,
      ours: "wharf",
      against: "containerd",
      goal: [0.05],
    },
    { name: `daemon, RSS at ${count} containers`, unit: "MB", cells: daemon!, ours: "wharf", against: "containerd" },
    {
      name: `daemon with the monitors of ${count} containers`,
      unit: "MB",
      cells: all!,
      ours: "wharf",
      against: "containerd",
      goal: [0.2],
    },
  ];
}

export const MEMORY: Benchmark[] = [
  { name: "memory", about: "monitors and daemons with many containers", run: memory },
];
