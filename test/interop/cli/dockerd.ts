// A real dockerd from the peers root, with folders of its own, and the real docker CLI on any socket.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../../../tools/lib/native.ts";
import { removeCgroups } from "../../support/cgroups.ts";
import { runMark } from "../../support/run.ts";
import { execute, type Result, type RunOptions, type Scratch } from "./program.ts";

const PEERS = join(ROOT, "tools/peers");

/** Runs a program of the peers root with the scratch folder visible. */
export function peer(scratch: Scratch, command: readonly string[], options: RunOptions = {}): Promise<Result> {
  return execute([PEERS, "enter", "--bind", scratch.dir, ...command], options);
}

/** What the CLI is tested against. */
export interface Engine extends AsyncDisposable {
  readonly socket: string;
  docker(args: readonly string[], options?: RunOptions): Promise<Result>;
}

/** Below this cgroup the containers live, so that nothing of theirs stays anywhere else. */
function cgroupName(): string {
  return `${runMark()}-dockerd-${process.pid}`;
}

async function stop(child: ChildProcess, pidFile: string): Promise<void> {
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) : child.pid!;
  const ended = new Promise((resolve) => child.once("close", resolve));
  process.kill(pid, "SIGTERM");
  const late = setTimeout(() => process.kill(pid, "SIGKILL"), 60_000);
  if (child.exitCode === null && child.signalCode === null) await ended;
  clearTimeout(late);
}

export interface DockerdOptions {
  /** More flags of dockerd's. */
  flags?: readonly string[];
  /** More folders that it sees. */
  binds?: readonly string[];
  /** Shell commands that prepare its own view of the peers root. */
  prepare?: string;
}

export async function startDockerd(scratch: Scratch, options: DockerdOptions = {}): Promise<Engine> {
  const dir = scratch.path("dockerd");
  mkdirSync(dir);
  const socket = join(dir, "docker.sock");
  const pidFile = join(dir, "dockerd.pid");
  const flags = [
    ...["--iptables=false", "--ip6tables=false", "--bridge=none", "--log-level=error", "--storage-driver=vfs"],
    ...[
      "--data-root",
      join(dir, "data"),
      "--exec-root",
      join(dir, "exec"),
      "--pidfile",
      pidFile,
      "-H",
      `unix://${socket}`,
    ],
    ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", `/${cgroupName()}`],
  ];
  const binds = [scratch.dir, ...(options.binds ?? [])].flatMap((folder) => ["--bind", folder]);
  const program = [
    "sh",
    "-ec",
    `${options.prepare ?? ""}\nexec "$@"`,
    "sh",
    "dockerd",
    ...flags,
    ...(options.flags ?? []),
  ];
  const child = spawn(PEERS, ["enter", ...binds, ...program], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (data) => {
    log += data;
  });
  const docker = (args: readonly string[], options?: RunOptions) =>
    peer(scratch, ["docker", "-H", `unix://${socket}`, ...args], options);
  for (const end = Date.now() + 120_000; ; await sleep(100)) {
    if (existsSync(socket) && (await docker(["version"])).code === 0) break;
    if (child.exitCode !== null || Date.now() > end) throw new Error(`dockerd did not start:\n${log}`);
  }
  return {
    socket,
    docker,
    [Symbol.asyncDispose]: async () => {
      const { stdout } = await docker(["ps", "-aq"]);
      const ids = stdout.split("\n").filter(Boolean);
      if (ids.length > 0) await docker(["rm", "-fv", ...ids]);
      await stop(child, pidFile);
      removeCgroups(cgroupName());
    },
  };
}

/** busybox:latest made of the peers root's static busybox. */
export async function importBusybox(engine: Engine, scratch: Scratch): Promise<void> {
  const root = scratch.path("busybox");
  const make = [
    `mkdir -p ${root}/bin ${root}/etc ${root}/tmp && cp /usr/bin/busybox ${root}/bin/ && cd ${root}`,
    `for name in $(bin/busybox --list); do ln -s busybox bin/$name 2>/dev/null; done`,
    `echo root:x:0:0:root:/:/bin/sh > etc/passwd; echo root:x:0: > etc/group`,
    `tar -cf ${root}.tar .`,
  ].join("; ");
  const made = await peer(scratch, ["sh", "-c", make]);
  if (made.code !== 0) throw new Error(`no busybox image: ${made.stderr}`);
  const imported = await engine.docker(["import", "-c", 'CMD ["sh"]', `${root}.tar`, "busybox:latest"]);
  if (imported.code !== 0) throw new Error(`no busybox image: ${imported.stderr}`);
}
