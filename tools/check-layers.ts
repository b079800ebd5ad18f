// The layer check: who may import whom. Worlds by folder, parts of a world by one table each, and no circles.
import { type Import, importsOf } from "./lib/imports.ts";

export interface Problem {
  file: string;
  line: number;
  text: string;
}

/** By path relative to the root: the file's text. */
export type Sources = ReadonlyMap<string, string>;

type World = "common" | "linux" | "daemon" | "web" | "tools";

const WORLDS: Record<World, { imports: World[]; node: boolean }> = {
  common: { imports: ["common"], node: false },
  linux: { imports: ["linux", "common"], node: false },
  daemon: { imports: ["daemon", "common"], node: true },
  web: { imports: ["web", "common"], node: false },
  // tools, tests and benchmarks: they look at everything that runs on Node
  tools: { imports: ["tools", "daemon", "common"], node: true },
};

/** The parts of the linux world and what each builds on. `sys` is the bottom; an applet imports another only as told here. */
const LINUX: Record<string, readonly string[]> = {
  sys: [],
  net: ["sys"],
  layer: ["sys"],
  dbus: ["sys"],
  systemd: ["sys", "dbus"],
  cgroup: ["sys", "dbus", "systemd"],
  seccomp: ["sys"],
  runt: ["sys", "net", "cgroup", "seccomp"],
  // the shim carries out the OCI runtime's verbs in its own forks
  shim: ["sys", "runt", "cgroup"],
  cni: ["sys", "net"],
  // the agent mounts as the shim does, and starts shims by forking
  agent: ["sys", "layer", "shim", "net"],
  // cp packs and unpacks tars; a daemon may be systemd's to start
  cli: ["sys", "layer", "systemd"],
  // containerd's API over its socket
  grpc: ["sys"],
  // terminals are the CLI's; mounts are made as the shim makes them; run --cni
  ctr: ["sys", "grpc", "cli", "shim", "layer", "cni"],
  reaper: ["sys"],
  init: ["sys"],
  bench: ["sys"],
};

/** Below src/daemon: parts that must not know of others. The Docker layer and CRI stand on the containerd interface alone. */
const DAEMON_FORBIDDEN: Record<string, readonly string[]> = {
  store: ["containerd", "docker", "cri", "registry", "transfer", "agent"],
  registry: ["containerd", "docker", "cri"],
  // the agent's client implements what containerd/agent.ts asks for
  agent: ["docker", "cri", "registry", "transfer"],
  containerd: ["docker", "cri", "dockershim", "console"],
  transfer: ["docker", "cri", "dockershim", "console"],
  // they may ask the agent: looking up a user or copying files is about a root file system, which no containerd service reads
  docker: ["cri", "dockershim", "console", "store"],
  cri: ["docker", "dockershim", "console", "store"],
};

/** All that docker/ and cri/ may see of containerd/. */
const CONTAINERD_INTERFACE = /^src\/daemon\/containerd\/(api\.ts|api\/.*)$/;

function worldOf(file: string): World {
  const name = /^src\/(common|linux|daemon|web)\//.exec(file)?.[1];
  return (name as World | undefined) ?? "tools";
}

/** The folder below the world, or "" for a file that lies in the world's own folder. */
function partOf(file: string): string {
  return /^src\/\w+\/([^/]+)\//.exec(file)?.[1] ?? "";
}

const isTest = (file: string) => file.endsWith(".test.ts");

function outside(file: string, { specifier }: Import, packages: ReadonlySet<string>): string | undefined {
  const world = worldOf(file);
  const node = specifier.startsWith("node:");
  if (node && (WORLDS[world].node || (isTest(file) && world !== "linux"))) return undefined;
  if (node) return `the ${world} world has no Node.js, but this imports ${specifier}`;
  if (world === "tools" || packages.has(specifier.split("/")[0]!)) return undefined;
  return `the ${world} world uses no packages, but this imports "${specifier}"`;
}

function withinLinux(file: string, target: string): string | undefined {
  const [from, to] = [partOf(file), partOf(target)];
  if (isTest(file) && target === "src/linux/testing.ts") return undefined;
  if (from === to) return undefined;
  if (from === "" && (to === "sys" || isTest(file))) return undefined;
  const allowed = LINUX[from];
  if (!allowed) return `src/linux/${from} is not in the table of tools/check-layers.ts: say there what it builds on`;
  if (allowed.includes(to)) return undefined;
  return `linux/${from} builds on ${allowed.join(", ") || "nothing"}, not on linux/${to || target.slice(10)}`;
}

function withinDaemon(file: string, target: string): string | undefined {
  const [from, to] = [partOf(file), partOf(target)];
  if (from === to || isTest(file)) return undefined;
  if (DAEMON_FORBIDDEN[from]?.includes(to)) return `daemon/${from} must not know of daemon/${to}`;
  if ((from === "docker" || from === "cri") && to === "containerd" && !CONTAINERD_INTERFACE.test(target))
    return `daemon/${from} is written against the containerd interface (containerd/api.ts) alone, not against ${target}`;
  return undefined;
}

function judge(file: string, entry: Import, sources: Sources, packages: ReadonlySet<string>): string | undefined {
  if (entry.file === undefined) return outside(file, entry, packages);
  const [from, to] = [worldOf(file), worldOf(entry.file)];
  if (!WORLDS[from].imports.includes(to)) return `the ${from} world must not import the ${to} world (${entry.file})`;
  if (!isTest(file) && isTest(entry.file)) return `a test is imported: ${entry.file}`;
  if (from === "linux" && to === "linux") return withinLinux(file, entry.file);
  if (from === "daemon" && to === "daemon") return withinDaemon(file, entry.file);
  if (!sources.has(entry.file) && !entry.file.includes("/gen/")) return `there is no file ${entry.file}`;
  return undefined;
}

/** Circles, types included: what two files must know of each other belongs into a third. */
function circles(graph: ReadonlyMap<string, readonly Import[]>): Problem[] {
  const problems: Problem[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    path.push(file);
    for (const entry of graph.get(file) ?? []) {
      if (entry.file === undefined || !graph.has(entry.file)) continue;
      const at = path.indexOf(entry.file);
      if (at >= 0) {
        const circle = [...path.slice(at), entry.file].join(" → ");
        problems.push({ file, line: entry.line, text: `imports go in a circle: ${circle}` });
      } else if (!done.has(entry.file)) visit(entry.file);
    }
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) if (!done.has(file)) visit(file);
  return problems;
}

/** @param packages the npm packages that the daemon may use: `dependencies` of package.json */
export function checkLayers(sources: Sources, packages: ReadonlySet<string>): Problem[] {
  const problems: Problem[] = [];
  const graph = new Map<string, Import[]>();
  for (const [file, source] of sources) {
    const imports = importsOf(file, source);
    graph.set(file, imports);
    const own = worldOf(file) === "daemon" ? packages : new Set<string>();
    for (const entry of imports) {
      const text = judge(file, entry, sources, own);
      if (text) problems.push({ file, line: entry.line, text });
    }
  }
  return [...problems, ...circles(graph)];
}
