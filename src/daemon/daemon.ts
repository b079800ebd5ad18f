/** The daemon put together: agent, containerd core, Docker layer, sockets. */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent } from "./agent/client.ts";
import { AgentProcess } from "./agent/process.ts";
import type { Config } from "./config.ts";
import { createDockerServer } from "./docker/api.ts";
import { watchOom } from "./docker/containers/oom.ts";
import { reconcile } from "./docker/containers/reconcile.ts";
import { Engine, type Registries } from "./docker/engine.ts";
import { BridgeDriver } from "./docker/network/bridge.ts";
import { Runtimes } from "./docker/runtimes.ts";
import { serveContainerd } from "./grpc/serve.ts";
import { ensureFirstImage } from "./images/first.ts";
import { type ListenAddress, readTls } from "./listen-address.ts";
import type { Log } from "./log.ts";
import { openCore } from "./open-core.ts";
import type { Options } from "./options.ts";
import { logPeer, logTlsPeer } from "./peer.ts";
import { listen, listenTcp } from "./sockets.ts";
import { sweepTraces } from "./trace/files.ts";
import { ensureUnpacked } from "./transfer/stored.ts";
import { nextTurn } from "./turn.ts";

export interface DaemonOptions
  extends Pick<Options, "root" | "state" | "hosts" | "tls" | "group" | "shimPath" | "cgroupParent">,
    Partial<Pick<Options, "containerd" | "containerdNamespace" | "level">> {
  log: Log;
  /** What the configuration file says. */
  file?: Config | undefined;
}

/** A daemon that serves. Disposing of it ends the service; containers go on. */
export interface Daemon extends AsyncDisposable {
  readonly engine: Engine;
  /** Resolves when what need not be done before the first request is done, too. */
  readonly settled: Promise<void>;
}

/** Milliseconds that the end waits for removals under way; the next start goes on with them. */
const LEAVING = 5000;

export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { root, state, log } = options;
  await using stack = new AsyncDisposableStack();
  // Started by its first operation, which comes after the lock is taken: a second daemon must not disturb the first one's.
  const agent = stack.use(new Agent(new AgentProcess(join(state, "agent.sock"))));
  const { core, runtime } = await openCore(options, agent, stack);
  void agent.call("ping", {}).catch((error: unknown) => log("error", "wharf-agent does not start", { error }));
  const pidFile = join(state, "wharfd.pid");
  writeFileSync(pidFile, `${process.pid}\n`);
  stack.defer(() => rmSync(pidFile, { force: true }));
  let pulling: Promise<Disposable & Registries> | undefined;
  const loadPulling = async () => {
    // In parts, each in a turn of its own.
    await import("./registry/client.ts");
    await nextTurn();
    await import("./transfer/pull.ts");
    await nextTurn();
    const { createRegistries } = await import("./pulling.ts");
    await nextTurn();
    return createRegistries(options.file, log, agent);
  };
  stack.defer(async () => (await pulling?.catch(() => undefined))?.[Symbol.dispose]());
  core.addTransferer((...transfer) => {
    if (![transfer[1].type, transfer[2].type].includes("registry")) {
      return import("./archives/transferer.ts").then(({ archiveTransferer }) => archiveTransferer(...transfer));
    }
    return (async () => {
      const { puller, pusher } = await (pulling ??= loadPulling());
      const { registryTransferer } = await import("./transfer/transferer.ts");
      await registryTransferer(puller, pusher, log)(...transfer);
    })();
  });
  const engine = new Engine({
    core,
    agent,
    registries: () => (pulling ??= loadPulling()),
    root,
    state,
    log,
    cgroupParent: options.cgroupParent,
    namespace: options.containerdNamespace,
    logs: options.file?.logs,
    runtimes: new Runtimes(runtime, options.file?.runtimes, options.file?.defaultRuntime),
  });
  stack.use(engine.leftovers);
  stack.defer(() => engine.closing.abort());
  const bridge = new BridgeDriver(agent, state, log, undefined, () =>
    engine.networks.users().map(({ subnet }) => subnet),
  );
  await bridge.restore();
  engine.networks.add("bridge", bridge);
  await engine.userNetworks.load();
  stack.defer(() => engine.userNetworks.close());
  stack.defer(() => bridge.close().catch((error: unknown) => log("warn", "the bridge is left", { error })));
  // Before the bridge is looked at: one that is on its way out is still on it.
  stack.defer(() => Promise.race([engine.containers.left(), sleep(LEAVING, undefined, { ref: false })]));
  await engine.prepareFolders();
  mkdirSync(join(state, "trace"), { recursive: true, mode: 0o700 });
  await reconcile(engine);
  watchOom(engine);
  engine.settling = firstImage(engine);
  // It writes until it is done: the store and the agent stay as long.
  stack.defer(() => engine.settling);
  // The sockets of the containerd API first: who waits for docker.sock finds all of them.
  if (options.containerd === undefined) {
    const { containerdGroup: group, messageLimits: limits } = options.file ?? {};
    stack.use(await serveContainerd(join(state, "containerd.sock"), core, log, { group, limits }));
  }
  const snapshotterSocket = options.file?.snapshotterSocket;
  if (snapshotterSocket && options.containerd === undefined)
    stack.use(await serveContainerd(snapshotterSocket, core, log, { what: "snapshotter" }));
  const addresses: ListenAddress[] = [{ kind: "unix", path: join(state, "docker.sock") }, ...options.hosts];
  for (const address of addresses) await serveDocker(engine, stack, address, options);
  const settled = Promise.all([engine.settling, sweepTraces(state)]).then(() => {});
  const owned = stack.move();
  return { engine, settled, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Serves the Docker API on one more address until `stack` is disposed of. */
async function serveDocker(
  engine: Engine,
  stack: AsyncDisposableStack,
  address: ListenAddress,
  { log, tls, group }: DaemonOptions,
): Promise<void> {
  const unix = address.kind === "unix";
  const server = createDockerServer(engine, unix || !tls ? undefined : readTls(tls));
  // Node's server forgets those that were hijacked, and yet waits for them.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  stack.defer(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    if (unix) rmSync(address.path, { force: true });
    engine.closing.abort();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  if (unix) {
    server.on("connection", (socket) => logPeer(log, address.path, socket));
    await listen(server, address.path, group);
    return log("info", "listening", { socket: address.path });
  }
  await listenTcp(server, address.host, address.port);
  const { port } = server.address() as AddressInfo;
  const where = `tcp://${address.host}:${port}`;
  server.on("secureConnection", (socket) => logTlsPeer(log, where, socket));
  server.on("tlsClientError", (error, socket) => {
    log("warn", "a TLS connection was refused", { socket: where, from: socket.remoteAddress, error: error.message });
  });
  log("info", "listening", { socket: where });
}

async function firstImage(engine: Engine): Promise<void> {
  try {
    if (!(await ensureFirstImage(engine.client))) return;
    for (const { target } of await engine.client.images.list()) {
      await ensureUnpacked(engine.client, await engine.images.load(target));
    }
    engine.log("info", "made busybox:latest of the host's busybox");
  } catch (error) {
    engine.log("warn", "busybox:latest could not be made", { error });
  }
}
