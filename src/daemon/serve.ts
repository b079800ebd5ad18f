/** wharfd: reads its options, serves until it is told to end, and leaves running containers alone. */

import { join } from "node:path";
import { describe, hintOf, isCode } from "../common/errors.ts";
import { VERSION } from "../common/version.ts";
import type { Config } from "./config.ts";
import { startDaemon } from "./daemon.ts";
import { createLog, type Log } from "./log.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { armFailpoints } from "./store/failpoints.ts";
import { nextTurn } from "./turn.ts";
import { setLateFlags } from "./v8-flags.ts";

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (options.command === "help") return void process.stdout.write(USAGE);
  if (options.command === "config default")
    return void process.stdout.write((await import("./config-default.ts")).DEFAULT);
  if (options.command === "systemd-unit")
    return void process.stdout.write((await import("./systemd-unit.ts")).systemdUnit(options));
  if (options.command === "config check") {
    await checkConfig(options, await readConfig(options));
    return void process.stdout.write(`${options.config}: ok\n`);
  }
  if (options.command === "version") return void process.stdout.write(`wharfd ${VERSION}\n`);
  const log = createLog(options.level, (line) => process.stderr.write(line));
  // Of a log that cannot be written, on a full disk or to a pipe that nobody reads, there is nowhere to tell: told as a fault, it would be one again, for ever.
  process.stderr.on("error", () => {});
  if (options.command === "import-busybox") return await importBusybox(options, log);
  const notify = await managerOf(process.env, log);
  setLateFlags();
  armFailpoints();
  using _watch = await watchLoop(process.env.WHARF_LOOP_DELAY);
  const ending = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => ending.resolve(signal));
  // A closed terminal or log must not end the daemon.
  process.on("SIGHUP", () => {});
  process.on("uncaughtException", (error) => log("error", "a fault that nobody caught", { error }));
  process.on("unhandledRejection", (error) => log("error", "a rejection that nobody caught", { error }));
  const file = await readConfig(options);
  await checkConfig(options, file);
  if (file.oomScore !== undefined) (await import("./oom-score.ts")).setOomScore(file.oomScore);
  await using daemon = await startDaemon({ ...options, log, file });
  log("info", "ready", {
    pid: process.pid,
    root: options.root,
    state: options.state,
    ms: Math.round(performance.now()),
  });
  notify("READY=1");
  const settled = daemon.settled.then(settle);
  using _small = watchMemory(settled, log);
  log("info", "ending", { signal: await ending.promise });
  notify("STOPPING=1");
  // Whatever hangs must not keep the daemon for ever.
  setTimeout(() => process.exit(1), 10_000).unref();
}

/** Who started wharfd and wants to know how it is. */
async function managerOf(env: NodeJS.ProcessEnv, log: Log): Promise<(state: string) => void> {
  if (!env.NOTIFY_SOCKET) return () => {};
  return (await import("./notify.ts")).takeNotify(env, log);
}

/** For tests: `file` is told how long the event loop was held up. */
async function watchLoop(file: string | undefined): Promise<Disposable | undefined> {
  if (!file) return undefined;
  const { watchEventLoop } = await import("./loop-delay.ts");
  return watchEventLoop(file);
}

/** When the start is over. In steps: clients come already. */
async function settle(): Promise<void> {
  await nextTurn();
  // A daemon that is killed would never write it. There is nothing to write where the build has made the cache for whoever runs it.
  process.getBuiltinModule("node:module").flushCompileCache();
  await nextTurn();
}

/** Begins when the start is over. */
function watchMemory(settled: Promise<void>, log: Log): Disposable {
  const stack = new DisposableStack();
  void settled.then(async () => {
    const { keepSmall } = await import("./memory.ts");
    if (!stack.disposed) stack.use(keepSmall(log));
  });
  return stack;
}

/** What the configuration names has to be there. */
async function checkConfig({ shimPath }: Options, { runtimes }: Config): Promise<void> {
  if (Object.keys(runtimes).length === 0) return;
  const { checkRuntimes } = await import("./config-check.ts");
  checkRuntimes(runtimes, shimPath);
}

async function readConfig({ config, configNamed }: Options) {
  const { loadConfig } = await import("./config-file.ts");
  return await loadConfig(config, configNamed);
}

async function importBusybox(options: Options, log: Log): Promise<void> {
  const [{ Agent }, { AgentProcess }, { createCore }, { BUSYBOX, makeBusybox }] = await Promise.all([
    import("./agent/client.ts"),
    import("./agent/process.ts"),
    import("./containerd/core.ts"),
    import("./images/busybox.ts"),
  ]);
  // Like the daemon's: not started before the core has its locks.
  await using agent = new Agent(new AgentProcess(join(options.state, "agent.sock")));
  await using core = await createCore({ root: options.root, state: options.state, agent });
  const client = core.namespace(options.containerdNamespace);
  await client.images.delete(BUSYBOX).catch((error: unknown) => {
    if (!isCode(error, "NotFound")) throw error;
  });
  await makeBusybox(client);
  log("info", "made busybox:latest of the host's busybox");
}

/** Runs the command line; never throws. Exit code 2 for wrong options, 1 for what failed. */
export async function run(): Promise<void> {
  try {
    await main();
  } catch (error) {
    const hint = hintOf(error);
    process.stderr.write(`wharfd: ${describe(error)}\n${hint ? `  ${hint}\n` : ""}`);
    process.exitCode = isCode(error, "InvalidArgument") ? 2 : 1;
  }
}
