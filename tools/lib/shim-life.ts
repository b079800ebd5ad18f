// Containers as wharfd and a real containerd have them made by our shim, for the images of agent and shim to be laid out by (train-shim.ts):
// shim-life.ts (live | clear) (agent | shim) DIR COMMAND…; COMMAND starts the applet, `clear` takes away what was left of containers.
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { formatTaskIO } from "../../src/common/docker/task-io.ts";
import { EventsService } from "../../src/common/gen/containerd/events/ttrpc.ts";
import { Router } from "../../src/common/ttrpc/server.ts";
import { startAgent } from "../../src/daemon/agent/client.ts";
import type { AgentClient, SpawnShimRequest } from "../../src/daemon/containerd/agent.ts";
import { callOptions, ShimClient } from "../../src/daemon/shim/client.ts";
import { deleteShim, type ShimCommand, startShim } from "../../src/daemon/shim/launch.ts";
import { serveTtrpc } from "../../src/daemon/shim/ttrpc.ts";

const NAMESPACE = "moby";
const SHIM = "containerd-shim-runt-v2";
const [what = "", kind = "", dir = "", ...command] = process.argv.slice(2);
const tasks = join(dir, "tasks");

/** The shim by its own command line, as containerd starts it. */
async function spawnShim({ args, env, cwd, stdin }: SpawnShimRequest) {
  const environment = Object.fromEntries(env.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
  const child = spawn(command[0]!, [...command.slice(1), ...args], { env: environment, cwd });
  child.stdin.end(stdin);
  const ended = new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, exitCode };
}

/** wharf-agent, whose shims are forks of itself. */
function agentOf(state: string) {
  const binary = join(state, "agent.sh");
  const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  writeFileSync(binary, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
  return startAgent({ state, binary });
}

function commandFor(agent: AgentClient, id: string): ShimCommand {
  const [address, ttrpcAddress] = [join(dir, "containerd.sock"), join(dir, "events.sock")];
  const binary = join(dir, SHIM);
  return { agent, binary, namespace: NAMESPACE, id, bundle: join(tasks, id), address, ttrpcAddress };
}

/** Log and attach socket, as the Docker layer asks for them. */
function stdio(bundle: string, name: string) {
  const io = {
    driver: "json-file",
    path: `${bundle}/${name}.log`,
    attach: `${bundle}/${name}`,
    stdin: "none",
  } as const;
  const stdout = formatTaskIO(io);
  return { stdin: "", stdout, stderr: stdout, terminal: false };
}

/** One container: made, started, looked at, a program run in it, ended, taken away. */
async function live(agent: AgentClient, id: string): Promise<void> {
  const shim = commandFor(agent, id);
  const { bundle } = shim;
  for (const name of ["rootfs", "upper", "work"]) mkdirSync(join(bundle, name), { recursive: true });
  copyFileSync(join(dir, "config.json"), join(bundle, "config.json"));
  const layers = [`lowerdir=${dir}/rootfs`, `upperdir=${bundle}/upper`, `workdir=${bundle}/work`];
  const rootfs = { type: "overlay", source: "overlay", target: "", options: layers };
  const address = await startShim(shim, undefined);
  using client = await ShimClient.connect(address);
  const options = callOptions(NAMESPACE);
  const { task } = client;
  await task.create({ id, bundle, rootfs: [rootfs], ...stdio(bundle, "init") }, options);
  const ended = task.wait({ id }, options);
  ended.catch(() => {});
  await task.start({ id }, options);
  await task.connect({ id }, options);
  await task.state({ id }, options);
  await task.stats({ id }, options);
  await task.pids({ id }, options);
  const value = Buffer.from(JSON.stringify({ args: ["true"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } }));
  const execId = "exec";
  await task.exec({ id, execId, spec: { typeUrl: "process", value }, ...stdio(bundle, execId) }, options);
  const over = task.wait({ id, execId }, options);
  await task.start({ id, execId }, options);
  await over;
  await task.delete({ id, execId }, options);
  await task.kill({ id, signal: 9, all: true }, options);
  await ended;
  await task.delete({ id }, options);
  await task.shutdown({ id }, options);
  await client.closed;
}

/** Whoever was told the pid may be gone, and another have it. */
function endShim(bundle: string): void {
  try {
    const pid = Number(readFileSync(join(bundle, "shim.pid"), "utf8"));
    if (realpathSync(`/proc/${pid}/exe`) === realpathSync(join(dir, SHIM))) process.kill(pid, "SIGKILL");
  } catch {
    // there is none
  }
}

/** Takes away what is left of containers that did not come to their end. */
async function clear(agent: AgentClient): Promise<void> {
  for (const id of existsSync(tasks) ? readdirSync(tasks) : []) {
    endShim(join(tasks, id));
    await deleteShim(commandFor(agent, id)).catch(() => {});
    rmSync(join(tasks, id), { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const router = new Router().add(EventsService, { forward: () => ({}) });
  await using _events = await serveTtrpc(join(dir, "events.sock"), router);
  const own = kind === "agent" ? await agentOf(dir) : undefined;
  const agent = own ?? ({ spawnShim } as unknown as AgentClient);
  try {
    if (what === "live") for (const id of ["one", "two"]) await live(agent, id);
  } finally {
    await clear(agent);
    await own?.[Symbol.asyncDispose]();
  }
}

await main();
