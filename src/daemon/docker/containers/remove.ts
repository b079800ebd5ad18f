/** Removing a container with all that belongs to it. */

import { rm } from "node:fs/promises";
import { isCode, WharfError } from "../../../common/errors.ts";
import { messageOf } from "../../http/errors.ts";
import type { Engine } from "../engine.ts";
import { type Container, statusOf } from "./container.ts";
import { thaw } from "./control.ts";

/**
 * FailedPrecondition while it runs, without `force`. What has begun is gone on with by whoever asks again; after a crash, by
 * garbage collection.
 */
export async function removeContainer(
  engine: Engine,
  container: Container,
  options: { force: boolean; volumes?: boolean },
): Promise<void> {
  if (container.removing) {
    throw new WharfError("FailedPrecondition", `removal of container ${container.id} is already in progress`, {
      operation: "remove container",
      subject: container.id,
    });
  }
  if ((container.running || container.restarting) && !options.force) throw running(container);
  container.restarting?.abort();
  container.removing = true;
  try {
    if (container.running) await end(engine, container);
    await container.exclusive(async () => {
      // A restart that was under way may have come in between.
      if (container.running)
        await engine.client.tasks.kill({ containerId: container.id, signal: 9, all: true }).catch(ignoreNotFound);
      if (container.running) await engine.client.tasks.wait({ containerId: container.id }).catch(ignoreNotFound);
      container.record.state = { ...container.record.state, phase: "exited", pid: 0 };
      await erase(engine, container);
    });
  } catch (error) {
    container.removing = false;
    container.removalError = messageOf(error);
    container.notify("removed");
    throw error;
  }
  container.removalError = undefined;
  engine.containers.forget(container);
  for (const id of container.execs.keys()) engine.execs.delete(id);
  for (const client of container.pending) client.end();
  if (options.volumes) await engine.volumes.removeAnonymousOf(container.record);
  engine.emit(container, "destroy");
  container.notify("removed");
}

async function end(engine: Engine, container: Container): Promise<void> {
  const ended = container.next("exit");
  container.record.state.stopped = true;
  try {
    await engine.client.tasks.kill({ containerId: container.id, signal: 9, all: true });
    engine.emit(container, "kill", { signal: "9" });
  } catch (error) {
    if (!isCode(error, "NotFound", "FailedPrecondition")) throw error;
  }
  await thaw(engine, container);
  if (container.running) await ended;
}

async function erase(engine: Engine, container: Container): Promise<void> {
  try {
    await eraseAll(engine, container);
  } catch (error) {
    if (!isCode(error, "ResourceExhausted")) throw error;
    // Its files may be what fills the disk: they can go before anything is written down.
    await engine.client.snapshots().remove(container.id).catch(ignoreNotFound);
    await eraseAll(engine, container);
  }
}

async function eraseAll(engine: Engine, { id }: Container): Promise<void> {
  const { client } = engine;
  await engine.turns.next();
  await client.tasks.delete(id).catch(ignoreNotFound);
  await engine.turns.next();
  await client.containers.delete(id).catch(ignoreNotFound);
  await client.snapshots().remove(id).catch(ignoreNotFound);
  await rm(engine.folder(id), { recursive: true, force: true });
  await rm(engine.attachSocket(id), { force: true });
}

function running(container: Container): WharfError {
  const status = statusOf(container);
  return new WharfError(
    "FailedPrecondition",
    `cannot remove container "${container.record.name}": container is ${status === "paused" ? "paused and must be unpaused first" : `${status}: stop the container before removing or force remove`}`,
    { operation: "remove container", subject: container.id },
  );
}

function ignoreNotFound(error: unknown): void {
  if (!isCode(error, "NotFound")) throw error;
}
