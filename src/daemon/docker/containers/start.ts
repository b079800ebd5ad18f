/** Starting a container: network, user and OCI configuration, then a task, to which waiting clients are joined before it runs. */

import { WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import { SPEC_TYPE_URL } from "../../containerd/api/containers.ts";
import { warned } from "../../expected.ts";
import { messageOf } from "../../http/errors.ts";
import { withSpan } from "../../trace/trace.ts";
import { FirstTime, nextTurn } from "../../turn.ts";
import { now } from "../clock.ts";
import type { Engine } from "../engine.ts";
import type { Attachment } from "../io/attach.ts";
import { containerStreams } from "../io/streams.ts";
import { wantsGateway, writeNetworkFiles } from "../network/files.ts";
import { linkEnvironment, linkHosts, tellLinking } from "../network/links.ts";
import { peerHosts, tellPeers } from "../network/peers.ts";
import { ALL_CAPABILITIES } from "../spec/capabilities.ts";
import { buildSpec } from "../spec/spec.ts";
import { mountSubpaths } from "../volumes/subpaths.ts";
import type { Container } from "./container.ts";
import { releaseVolumes, saveLater, watchExit } from "./exit.ts";
import { exitCodeOf, startError } from "./failures.ts";
import { tellJoined, tellLeft } from "./joins.ts";
import { prepareSources } from "./mount-points.ts";
import { EXTENSION, encodeRecord } from "./record.ts";
import { removeContainer } from "./remove.ts";

/**
 * True when it was started, false when it was running. InvalidArgument when its command cannot be run. With `plan` it is the restart policy that
 * starts it, otherwise a client, which comes before the policy.
 */
export async function startContainer(engine: Engine, container: Container, plan?: AbortController): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const work = container.exclusive(async () => {
    if (container.removing) throw gone(container, "is marked for removal and cannot be started");
    if (container.running) {
      if (container.paused) throw gone(container, "is paused, try unpause instead of start");
      return false;
    }
    // A client gave the plan up before its turn came.
    if (plan?.signal.aborted) return false;
    if (container.restarting !== plan) container.restarting?.abort();
    try {
      await launch(engine, container, () => resolve(true));
    } catch (error) {
      await failed(engine, container, error);
      throw startError(error, container.record.name);
    }
    return true;
  });
  work.then(resolve, reject);
  return promise;
}

const FIRST = new FirstTime();

/** `answer` is called as soon as it runs and who asked need not wait for the rest. */
async function launch(engine: Engine, container: Container, answer: () => void): Promise<void> {
  const { client } = engine;
  const { record } = container;
  const { id } = record;
  const driver = engine.networks.get(record.hostConfig.NetworkMode);
  prepareSources(record.mounts, record.hostConfig);
  const mounts = await client.snapshots().mounts(id);
  await engine.volumes.use(record);
  const sources = await mountSubpaths(engine, record);
  const attachment = await withSpan("attach network", () => driver.attach(record));
  tellJoined(engine, container);
  const linked = linkEnvironment(engine, record);
  attachment.hosts.push(...linkHosts(engine, record), ...peerHosts(engine, record));
  engine.makeFolder(id);
  const gateway = wantsGateway(record) ? await engine.networks.hostAddress() : undefined;
  const [ownFiles, user] = await Promise.all([
    writeNetworkFiles(engine.folder(id), record, attachment, gateway),
    withSpan("resolve user", () => engine.users.resolve(record, mounts, record.config.User)),
  ]);
  await FIRST.step();
  const spec = buildSpec(record, {
    user,
    network: attachment.namespace,
    ownFiles,
    sources,
    linkEnvironment: linked,
    pidOf: (other) => pidOf(engine, other),
    capabilities: ALL_CAPABILITIES,
    cgroupParent: engine.cgroupParent,
    systemdCgroup: record.systemdCgroup ?? engine.runtimes.systemdCgroup(record.hostConfig.Runtime),
  });
  await FIRST.step();
  container.process = JSON.stringify(spec.process);
  // How it ended before is known until it has started: a daemon that is killed meanwhile must not lose it. Until its start is written down `starting` says that
  // there may be one.
  record.state = { ...record.state, stopped: false, starting: true };
  // No task outlives a power cut, so what it is made from need not either.
  await client.containers.update(
    {
      id,
      spec: { typeUrl: SPEC_TYPE_URL, value: Buffer.from(JSON.stringify(spec)) },
      extensions: { [EXTENSION]: encodeRecord(record) },
    },
    ["spec", `extensions.${EXTENSION}`],
    { flush: false },
  );
  await FIRST.step();
  // Nobody is to be joined to it before it runs.
  const startFollows = container.pending.size === 0;
  container.oomKilled = false;
  // Before the start, so that it cannot lie after the end.
  let startedAt = now();
  await withSpan("create task", () =>
    client.tasks.create({ containerId: id, rootfs: mounts, ...containerStreams(engine, record), startFollows }),
  );
  try {
    if (!startFollows) {
      const socket = engine.attachSocket(id);
      await Promise.all([...container.pending].map((client) => client.join(socket)));
      container.pending.clear();
      startedAt = now();
    }
    const { pid } = await withSpan("start task", () => client.tasks.start({ containerId: id }));
    record.state = { ...startedState(record.state, pid, startedAt), oomKilled: container.oomKilled };
    container.restarting = undefined;
  } catch (error) {
    const left = (what: string) => warned(engine.log, what, { id }, "NotFound", "FailedPrecondition");
    await client.tasks
      .kill({ containerId: id, signal: 9, all: true })
      .catch(left("a task whose start failed cannot be killed"));
    await client.tasks.delete(id).catch(left("a task whose start failed is left"));
    throw error;
  }
  // Those that came while it was being started.
  await Promise.all([...container.pending].map((client) => joinRunning(engine, container, client)));
  container.pending.clear();
  FIRST.done();
  engine.emit(container, "start");
  try {
    if (engine.containers.linking.size > 0) tellLinking(engine, id);
    await tellPeers(engine, record);
  } catch (cause) {
    engine.log("error", "not all containers know the name of one that was started", { id, error: cause });
  }
  // After a power cut only a restart policy asks whether it was running.
  const lasting = record.hostConfig.RestartPolicy.Name !== "no";
  if (!lasting) {
    // After a crash `starting` says that it may run: who asked need not wait until it is written down that it does.
    answer();
    await nextTurn();
    failpoint("container.answered");
  }
  watchExit(engine, container, startContainer);
  // It runs, whether there is room to say so or not.
  await engine.containers
    .save(container, { flush: lasting ? undefined : false })
    .catch((error: unknown) => saveLater(engine, container, error));
}

/** Joins a client to a container that was started. One that has ended by now has nothing more to say, which is no fault. */
export async function joinRunning(engine: Engine, container: Container, client: Attachment): Promise<void> {
  try {
    await client.join(engine.attachSocket(container.id));
  } catch (error) {
    client.end();
    engine.log("debug", "attach", { id: container.id, error });
  }
}

/** Of how it ended before nothing counts any more. */
export function startedState(
  state: Container["record"]["state"],
  pid: number,
  startedAt: string,
): Container["record"]["state"] {
  return { ...state, error: "", oomKilled: false, exitCode: 0, starting: undefined, phase: "running", pid, startedAt };
}

/** Records why it could not be started, and lets those know who wait. */
async function failed(engine: Engine, container: Container, error: unknown): Promise<void> {
  const { record } = container;
  const code = exitCodeOf(error);
  try {
    await engine.networks.release(record);
    // Who started meanwhile has its name.
    await tellPeers(engine, record);
  } catch (cause) {
    engine.log("error", "the network of a container that failed to start is left", { id: record.id, error: cause });
  }
  await releaseVolumes(engine, record);
  record.state = {
    ...record.state,
    starting: undefined,
    phase: record.state.startedAt.startsWith("0001") ? "created" : "exited",
    pid: 0,
    exitCode: code,
    oomKilled: false,
    error: messageOf(error),
  };
  await engine.containers
    .save(container)
    .catch(warned(engine.log, "that a container failed to start is not written down", { id: container.id }));
  for (const client of container.pending) client.end();
  container.pending.clear();
  tellLeft(engine, container);
  engine.emit(container, "die", { exitCode: String(code), execDuration: "0" });
  container.notify("exit");
  // Not awaited: it waits for this work on the container to be over.
  if (record.hostConfig.AutoRemove)
    void removeContainer(engine, container, { force: true, volumes: true }).catch(
      warned(engine.log, "auto-remove failed", { id: container.id }, "NotFound"),
    );
}

function pidOf(engine: Engine, text: string): number {
  const other = engine.containers.get(text);
  if (other.running) return other.record.state.pid;
  throw new WharfError("FailedPrecondition", `cannot join namespace of a non running container: ${other.record.name}`, {
    subject: text,
    hint: `start it first: wharf start ${other.record.name}`,
  });
}

function gone(container: Container, what: string): WharfError {
  return new WharfError("FailedPrecondition", `container ${container.record.name} ${what}`, {
    operation: "start container",
    subject: container.id,
  });
}
