// A daemon of the test's own, as users have it: the built programs, folders and cgroups of its own, and a look at what is left when it is gone.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ROOT } from "../../../tools/lib/native.ts";
import { textIfThere } from "../../support/files.ts";
import { mountTable } from "../../support/machine.ts";
import { runMark } from "../../support/run.ts";
import { until } from "../../support/until.ts";
import { execute, type Result, type RunOptions } from "../cli/program.ts";

export { until } from "../../support/until.ts";

/** The programs under test; WHARF_TEST_BIN names another build. */
export const BIN = process.env.WHARF_TEST_BIN ?? join(ROOT, "dist/bin");
const PEERS = join(ROOT, "tools/peers");
const HELPER = join(ROOT, "test/interop/cli/terminal.py");

/** Brings dist/ up to the sources; does nothing where nothing changed. */
export function build(): void {
  if (process.env.WHARF_TEST_BIN) return;
  execFileSync(join(ROOT, "tools/node"), [join(ROOT, "tools/build.ts")], { stdio: ["ignore", "inherit", "inherit"] });
}

export interface Typed {
  output: string;
  code: number;
  restored: boolean;
}

export interface DaemonOptions {
  env?: Record<string, string>;
  /** Text of the configuration file. */
  config?: string;
  /** Where root and state lie; a new folder by default. */
  dir?: string;
  /** Further flags. */
  args?: readonly string[];
  /** Another root than `<dir>/r`. */
  root?: string;
  /** A program with its arguments that becomes the daemon, such as nsenter. */
  within?: readonly string[];
}

let count = 0;

function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

/** wharfd in folders of its own. Disposing of it removes every container, ends it, and fails when something is left. */
export class Daemon implements AsyncDisposable {
  readonly dir: string;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly env: Record<string, string>;
  readonly cgroup = `${runMark()}-e2e-${process.pid}-${count++}`;
  readonly #args: readonly string[];
  readonly #within: readonly string[];
  /** Where something was mounted before there was a daemon: a test's own disks. */
  readonly #disks: ReadonlySet<string>;
  #child: ChildProcess | undefined;

  private constructor(options: DaemonOptions) {
    this.dir = options.dir ?? mkdtempSync(join(tmpdir(), "we-"));
    this.root = options.root ?? join(this.dir, "r");
    this.state = join(this.dir, "s");
    this.#args = options.args ?? [];
    this.#within = options.within ?? [];
    this.#disks = new Set(mountTable().map(({ point }) => point));
    this.socket = join(this.state, "docker.sock");
    mkdirSync(this.state, { recursive: true });
    const config = join(this.dir, "config.toml");
    if (options.config !== undefined)
      execFileSync("tee", [config], { input: options.config, stdio: ["pipe", "ignore", "inherit"] });
    this.env = {
      HOME: this.dir,
      WHARF_ROOT: this.root,
      WHARF_STATE: this.state,
      WHARF_CONFIG: config,
      WHARF_AUTOSTART: "0",
      WHARF_COMPLETION_TIMEOUT: "60",
      PATH: `${BIN}:${process.env.PATH}`,
      ...options.env,
    };
  }

  /** Folders alone, nothing started. */
  static prepare(options: DaemonOptions = {}): Daemon {
    return new Daemon(options);
  }

  static async start(options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = new Daemon(options);
    await daemon.start();
    return daemon;
  }

  get pid(): number {
    return Number(readFileSync(join(this.state, "wharfd.pid"), "utf8"));
  }

  get log(): string {
    return readFileSync(join(this.state, "wharfd.log"), "utf8");
  }

  /** Starts the process. Resolves when it listens, or has ended before: false then. */
  async launch(env: Record<string, string> = {}): Promise<boolean> {
    const log = openSync(join(this.state, "wharfd.log"), "a");
    const variables: NodeJS.ProcessEnv = { ...process.env, ...this.env, ...env };
    delete variables.NODE_TEST_CONTEXT;
    const args = ["--cgroup-parent", `/${this.cgroup}`, ...this.#args];
    const [program, ...rest] = [...this.#within, join(BIN, "wharfd"), ...args] as [string, ...string[]];
    const child = spawn(program, rest, { env: variables, stdio: ["ignore", log, log] });
    closeSync(log);
    this.#child = child;
    return until(
      "the daemon",
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) return "ended";
        return (await listens(this.socket)) && "listens";
      },
      120_000,
    ).then((answer) => answer === "listens");
  }

  async start(env: Record<string, string> = {}): Promise<void> {
    if (!(await this.launch(env))) throw new Error(`the daemon did not start:\n${this.log}`);
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the process has ended. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child && this.running) await new Promise((resolve) => child.once("exit", resolve));
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.running) this.#child?.kill(signal);
    await this.ended();
  }

  async restart(signal: NodeJS.Signals = "SIGKILL", env: Record<string, string> = {}): Promise<void> {
    await this.end(signal);
    await this.start(env);
  }

  /** The CLI. */
  wharf(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return execute([join(BIN, "wharf"), ...args], { ...options, env: { ...this.env, ...options.env } });
  }

  /** The CLI, expected to succeed; its standard output without the last newline. */
  async ok(...args: string[]): Promise<string> {
    const { stdout, stderr, code } = await this.wharf(args);
    if (code !== 0) throw new Error(`wharf ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return stdout.replace(/\n$/, "");
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return this.wharf(["run", "--rm", "--network", "none", ...args], options);
  }

  /** The CLI in a terminal of 24 by 80; see terminal.py for the script. */
  async typed(script: unknown[], args: readonly string[]): Promise<Typed> {
    const command = ["python3", HELPER, "24", "80", JSON.stringify(script), join(BIN, "wharf"), ...args];
    const { stdout, stderr } = await execute(command, { env: this.env });
    const result = JSON.parse(stdout || JSON.stringify({ error: stderr, output: "" })) as Typed & { error?: string };
    if (result.error !== undefined) throw new Error(`${result.error}: ${result.output}`);
    return result;
  }

  /** Today's docker command line, from the peers root. */
  docker(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    const command = [PEERS, "enter", "--bind", this.dir, "docker", "-H", `unix://${this.socket}`, ...args];
    return execute(command, options);
  }

  /** The first start makes busybox:latest in its own time. */
  async busybox(): Promise<void> {
    await until("busybox:latest", async () => (await this.wharf(["images", "-q", "busybox"])).stdout !== "");
  }

  /** What a container, an unfinished pull or a crash may have left: empty when there are no containers. */
  leftovers(): string[] {
    const found: string[] = [];
    const inside = (path: string) => path.startsWith(`${this.dir}/`) || path.startsWith(`${this.root}/`);
    for (const { point } of mountTable()) if (inside(point) && !this.#disks.has(point)) found.push(`mount ${point}`);
    for (const dir of this.#cgroups()) for (const name of names(dir)) found.push(`cgroup ${join(dir, name)}`);
    const spaces = ["tasks", "sandboxes", "podsandboxes", "runt"].flatMap((kind) =>
      names(join(this.state, kind)).map((space) => `${kind}/${space}`),
    );
    for (const path of [...spaces, "io", "s", "agent.mnt", "subpaths"])
      for (const name of names(join(this.state, path), true))
        if (name !== ".seccomp") found.push(`state ${path}/${name}`);
    for (const name of names(join(this.root, "containers"), true)) found.push(`folder containers/${name}`);
    for (const net of names(this.state).filter((name) => /^net(-|$)/.test(name))) {
      const files = names(join(this.state, net), true).filter((name) => !/^(network\.json|addresses)$/.test(name));
      const addresses = names(join(this.state, net, "addresses"), true).filter((name) => /^\d/.test(name));
      for (const name of [...files, ...addresses]) found.push(`network ${net}/${name}`);
    }
    const trees = [this.root, this.state];
    const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    const commandOf = (pid: string) => textIfThere(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
    // a shim shows as much of its command line as it has room for: whose it is, its parent tells
    const agent = processes.find((pid) => commandOf(pid) === `wharf-agent --socket ${join(this.state, "agent.sock")}`);
    for (const pid of processes) {
      const command = commandOf(pid);
      const own = () =>
        trees.some((tree) => command.includes(tree)) ||
        (agent !== undefined && textIfThere(`/proc/${pid}/stat`).split(") ").at(-1)!.split(" ")[1] === agent);
      // the agent keeps one that waits, and that goes with it
      const shim = /containerd-shim|runt/.test(command) && command !== "containerd-shim-runt-v2 spare" && own();
      if (shim || textIfThere(`/proc/${pid}/cgroup`).includes(`/${this.cgroup}/`))
        found.push(`process ${pid} ${command}`);
    }
    return found;
  }

  /** Rows of the store that should be gone when nothing is under way, and files that no row knows. */
  strays(): string[] {
    const found: string[] = [];
    const db = new DatabaseSync(join(this.root, "meta.db"), { readOnly: true, timeout: 30_000 });
    try {
      const column = (sql: string) =>
        db
          .prepare(sql)
          .all()
          .map((row) => String(Object.values(row)[0]));
      for (const table of ["ingests", "leases", "tasks", "exits", "pods", "podsandboxes", "trash"])
        for (const row of db.prepare(`SELECT * FROM ${table}`).all()) found.push(`${table} ${JSON.stringify(row)}`);
      for (const row of column("SELECT key FROM snapshots WHERE kind <> 'committed'")) found.push(`snapshot ${row}`);
      const blobs = new Set(column("SELECT DISTINCT substr(digest, 8) FROM content"));
      for (const name of names(join(this.root, "content/blobs/sha256"), true)) {
        if (!blobs.has(name)) found.push(`blob ${name}, of which the store does not know`);
        blobs.delete(name);
      }
      for (const name of blobs) found.push(`blob ${name} is missing`);
      const snapshots = new Set(column("SELECT id FROM snapshots"));
      for (const folder of ["snapshots", "native"])
        for (const name of names(join(this.root, folder), true)) {
          if (!snapshots.has(name)) found.push(`folder ${folder}/${name}, of which the store does not know`);
          snapshots.delete(name);
        }
      for (const name of snapshots) found.push(`folder of snapshot ${name} is missing`);
    } finally {
      db.close();
    }
    for (const name of names(join(this.root, "content/ingest"), true)) found.push(`ingest ${name}`);
    return found;
  }

  /** Fails unless nothing is left, and so stays, for a moment's grace: some things are taken down a little late. */
  async clean(what = "the daemon"): Promise<void> {
    let found: string[] = [];
    const look = (): boolean => {
      try {
        found = [...this.leftovers(), ...(existsSync(join(this.root, "meta.db")) ? this.strays() : [])];
      } catch (error) {
        // what goes while it is looked at is looked at again
        found = [String(error)];
      }
      return found.length === 0;
    };
    await until("clean", look).catch(() => {
      throw new Error(`${what} left behind:\n  ${found.join("\n  ")}\n${this.log.split("\n").slice(-15).join("\n")}`);
    });
  }

  #cgroups(): string[] {
    const points = mountTable().filter(({ type }) => type === "cgroup" || type === "cgroup2");
    return points.map(({ point }) => join(point, this.cgroup)).filter((dir) => existsSync(dir));
  }

  async removeAll(): Promise<void> {
    const ids = (await this.ok("ps", "-aq")).split("\n").filter(Boolean);
    if (ids.length > 0) await this.ok("rm", "-f", ...ids);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.running) await this.start();
      await this.removeAll();
      await this.clean();
    } finally {
      await this.end("SIGTERM");
      for (const dir of this.#cgroups()) removeEmpty(dir);
      if (!mountTable().some(({ point }) => point.startsWith(`${this.dir}/`)))
        rmSync(this.dir, { recursive: true, force: true });
    }
  }
}

/** Entries of a folder; of a cgroup only the groups in it. */
function names(dir: string, all = false): string[] {
  try {
    const entries = readdirSync(dir, { withFileTypes: true });
    return entries.filter((entry) => all || entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // something is still in it, which the leak check will tell
  }
}
