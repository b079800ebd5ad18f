// The daemons that are compared, each with folders and sockets of its own.
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type Context, type Daemon, daemon, which } from "./context.ts";

export const REGISTRY = "localhost:5000";

/** True when somebody listens there. */
function listens(where: { path: string } | { port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", ...where });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

export interface Served extends Daemon {
  /** What its clients connect to. */
  socket: string;
}

interface Start {
  argv: string[];
  socket: string;
}

/** Starts a program and waits until it listens on its socket. */
export async function listening(context: Context, name: string, { argv, socket }: Start): Promise<Served> {
  if (!existsSync(argv[0]!)) throw new Error(`there is no ${argv[0]}`);
  const log = openSync(join(context.settings.work, `${name}.log`), "a");
  try {
    const started = await daemon(argv, log, () => listens({ path: socket }));
    return { ...started, socket };
  } finally {
    closeSync(log);
  }
}

/** @param data where its images lie; the state is in memory. `name` tells several of one kind apart. */
export function containerd(context: Context, data: string, name = "containerd"): Promise<Served> {
  const state = join(context.settings.run, name);
  const socket = join(state, "containerd.sock");
  mkdirSync(state, { recursive: true });
  return listening(context, name, {
    argv: [which("containerd"), "--root", data, "--state", state, "--address", socket],
    socket,
  });
}

export function dockerd(context: Context, data: string, extra: string[] = [], name = "docker"): Promise<Served> {
  const state = join(context.settings.run, name);
  const socket = join(state, "docker.sock");
  mkdirSync(state, { recursive: true });
  const network = ["--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-masq=false"];
  const places = ["--data-root", data, "--exec-root", join(state, "exec"), "--pidfile", join(state, "pid")];
  const argv = [which("dockerd"), ...places, "-H", `unix://${socket}`, ...network, ...extra];
  return listening(context, `${name}d`, { argv, socket });
}

export function wharfd(context: Context, data: string, name = "wharfd"): Promise<Served> {
  const { mark, run } = context.settings;
  const state = join(run, name);
  const socket = join(state, "docker.sock");
  // both name control groups, which go by the mark at the end: by the Docker API, and by ctr
  const groups = ["--cgroup-parent", `/${mark}`, "--containerd-namespace", mark];
  const argv = [context.ours("wharfd"), "--root", data, "--state", state, ...groups];
  return listening(context, name, { argv, socket });
}

/** An empty registry on loopback, its images below `data`. */
export async function startRegistry(context: Context, port: number, data: string): Promise<Daemon> {
  const { work } = context.settings;
  mkdirSync(data);
  const config = join(work, `registry-${port}.yml`);
  const storage = `storage:\n  filesystem:\n    rootdirectory: ${data}\n  cache:\n    blobdescriptor: inmemory\n`;
  writeFileSync(config, `version: 0.1\nlog:\n  level: error\n${storage}http:\n  addr: 127.0.0.1:${port}\n`);
  process.env.OTEL_TRACES_EXPORTER = "none";
  const log = openSync(join(work, `registry-${port}.log`), "a");
  try {
    return await daemon([which("docker-registry"), "serve", config], log, () => listens({ port }));
  } finally {
    closeSync(log);
  }
}

/** The registry that holds what the benchmarks pull; started at the first use. */
export function registry(context: Context): Promise<Daemon> {
  const make = () => startRegistry(context, 5000, join(context.settings.work, "registry"));
  return context.once("registry", make, ({ stop }) => stop());
}
