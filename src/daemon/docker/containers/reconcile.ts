/** After a start of the daemon: what is recorded is brought together with what really runs. */

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Process } from "../../containerd/api/tasks.ts";
import { warned } from "../../expected.ts";
import { sweepSockets } from "../../shim/sockets.ts";
import { now } from "../clock.ts";
import type { Engine } from "../engine.ts";
import type { Container } from "./container.ts";
import { ended, releaseVolumes, watchExit } from "./exit.ts";
import { removeContainer } from "./remove.ts";
import { wantsRestart } from "./restart.ts";
import { startContainer, startedState } from "./start.ts";

/** The code of a container that ended when nobody looked, and of which no shim knows. */
const UNKNOWN = 255;

export async function reconcile(engine: Engine): Promise<void> {
  await engine.volumes.store.load((message, error) => engine.log("error", message, { error }));
  await engine.containers.load((message, error) => engine.log("error", message, { error }));
  // Of processes whose daemon is gone as well as their shim; before any container is started again, for a socket that is being made looks the same.
  await sweepSockets(join(engine.state, "io"));
  // Asked of all at once, and no longer than a moment: a shim that hangs must not hold up the start.
  const tasks = new Map((await engine.client.tasks.list()).map((task) => [task.containerId, task]));
  const all = engine.containers.all();
  const results = await Promise.allSettled(all.map((container) => adopt(engine, container, tasks.get(container.id))));
  for (const result of results) {
    if (result.status === "rejected")
      engine.log("error", "a container could not be taken over", { error: result.reason });
  }
  await engine.networks
    .releaseGone((id) => engine.containers.find(id) !== undefined)
    .catch((error: unknown) => engine.log("error", "the network of a container that is gone is left", { error }));
  await sweepFolders(engine);
}

async function adopt(engine: Engine, container: Container, task: Process | undefined): Promise<void> {
  const { record } = container;
  // Of a shim that does not answer what is written down is taken to be so.
  if (task?.status === "unknown" && !container.running) return;
  if (task && ["running", "paused", "unknown"].includes(task.status)) {
    container.paused = task.status === "paused";
    // The daemon may have died between the start and its being recorded.
    if (!container.running) record.state = startedState(record.state, task.pid, now());
    record.state.pid = task.pid;
    await engine.volumes.use(record);
    watchExit(engine, container, startContainer);
    return;
  }
  // Its start may have been answered, and it has ended since.
  if (task?.status === "stopped" && record.state.starting) {
    record.state = startedState(record.state, task.pid, task.exitedAt ?? now());
  }
  if (container.running) {
    const exit = task
      ? { exitStatus: task.exitStatus, exitedAt: task.exitedAt ?? now() }
      : { exitStatus: UNKNOWN, exitedAt: now() };
    // Its policy and its removal follow from the end, as they would have.
    void ended(engine, container, exit, startContainer);
    return;
  }
  const { id } = container;
  if (task) await engine.client.tasks.delete(id).catch(warned(engine.log, "an ended task is left", { id }, "NotFound"));
  // A start that the daemon was killed in has what it was given.
  await engine.networks.release(record).catch((error: unknown) => {
    engine.log("error", "the network of a container that does not run is left", { id: record.id, error });
  });
  await releaseVolumes(engine, record);
  if (record.hostConfig.AutoRemove && record.state.phase === "exited") {
    await removeContainer(engine, container, { force: true, volumes: true });
  } else if (record.hostConfig.RestartPolicy.Name === "always" || wantsRestart(container)) {
    if (record.state.phase === "exited")
      void startContainer(engine, container).catch(warned(engine.log, "a restart failed", { id }));
  }
}

/** Folders of containers that are gone: a crash came between the two. */
async function sweepFolders(engine: Engine): Promise<void> {
  const directory = join(engine.root, "containers");
  for (const name of await readdir(directory)) {
    if (/^[0-9a-f]{64}$/.test(name) && !engine.containers.find(name)) {
      await rm(join(directory, name), { recursive: true, force: true });
    }
  }
}
