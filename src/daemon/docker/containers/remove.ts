/** Removing a container with all that belongs to it. */

import { rmSync } from "node:fs";
import { isCode, WharfError } from "../../../common/errors.ts";
import { warned } from "../../expected.ts";
import { messageOf } from "../../http/errors.ts";
import type { Engine } from "../engine.ts";
import { tellPeers } from "../network/peers.ts";
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
    // A start that is under way is ended as any other: no further one begins.
    await container.settled();
    if (container.running) await end(engine, container);
    await container.exclusive(async () => {
      container.record.state = { ...container.record.state, phase: "exited", pid: 0 };
      await erase(engine, container);
    });
  } catch (error) {
    container.removing = false;
    container.removalError = messageOf(error);
    await engine.containers
      .save(container)
      .catch(warned(engine.log, "that a removal failed is not written down", { id: container.id }));
    container.notify("removed");
    throw error;
  }
  container.removalError = undefined;
  engine.containers.forget(container);
  letGo(engine, container);
  if (options.volumes) await engine.volumes.removeAnonymousOf(container.record);
  engine.emit(container, "destroy");
  container.notify("removed");
}

/**
 * True for one that removes itself and of whose removal nobody can see the rest: volumes of its own would be seen, and so would ports and
 * addresses that are not free yet.
 */
export function leavesUnseen({ record, removing }: Container): boolean {
  const { hostConfig, mounts, networks } = record;
  const ports = hostConfig.PublishAllPorts || Object.keys(hostConfig.PortBindings ?? {}).length > 0;
  const addresses = Object.values(networks).some(({ IPAMConfig }) => IPAMConfig);
  return hostConfig.AutoRemove && !removing && !ports && !addresses && !mounts.some(({ Type }) => Type === "volume");
}

/**
 * Removes a container that has ended and that nobody is to see again. Those who wait are told at once, which saves them a third of a short
 * container's time. A killed daemon goes on with it when it starts: until it is gone, the store has it as one that runs and
 * removes itself.
 */
export async function leave(engine: Engine, container: Container, tell: () => void): Promise<void> {
  const { record } = container;
  container.removing = true;
  const work = (async () => {
    // What follows is for others to wait for, not for those who are told.
    await engine.turns.next();
    await engine.networks.release(record);
    await tellPeers(engine, record);
    await erase(engine, container);
  })();
  engine.containers.leave(container, work);
  letGo(engine, container);
  tell();
  container.notify("removed");
  try {
    await work;
    engine.emit(container, "destroy");
  } catch (error) {
    container.removing = false;
    engine.log("error", "auto-remove failed", { id: container.id, error });
    await engine.containers
      .save(container)
      .catch(warned(engine.log, "that a removal failed is not written down", { id: container.id }));
  }
}

function letGo(engine: Engine, container: Container): void {
  for (const id of container.execs.keys()) engine.execs.delete(id);
  for (const client of container.pending) client.end();
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

async function eraseAll(engine: Engine, { id, record }: Container): Promise<void> {
  const { client } = engine;
  // After a power cut one that removes itself is removed again.
  const flush = record.hostConfig.AutoRemove ? false : undefined;
  await engine.turns.next();
  await client.tasks.delete(id).catch(ignoreNotFound);
  await engine.turns.next();
  await client.containers.delete(id, { flush }).catch(ignoreNotFound);
  await client.snapshots().remove(id).catch(ignoreNotFound);
  engine.leftovers.remove(engine.folder(id));
  rmSync(engine.attachSocket(id), { force: true });
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
