/** Pausing a container, letting it go on, and giving it another name. */

import { isCode, WharfError } from "../../../common/errors.ts";
import type { Engine } from "../engine.ts";
import type { Container } from "./container.ts";

/** FailedPrecondition when it does not run or is paused already. */
export async function pauseContainer(engine: Engine, container: Container): Promise<void> {
  await container.exclusive(async () => {
    if (!container.running) throw refused("pause container", container, "is not running");
    if (container.restarting) throw refused("pause container", container, "is restarting, wait until it is running");
    if (container.paused) throw refused("pause container", container, "is already paused");
    await engine.client.tasks.pause(container.id);
    container.paused = true;
  });
  engine.emit(container, "pause");
}

/** FailedPrecondition when it is not paused. */
export async function unpauseContainer(engine: Engine, container: Container): Promise<void> {
  await container.exclusive(async () => {
    if (!container.running || !container.paused) throw refused("unpause container", container, "is not paused");
    await engine.client.tasks.resume(container.id);
    container.paused = false;
  });
  engine.emit(container, "unpause");
}

/** A frozen process takes no signal, not even KILL under cgroup version 1: one that was sent one goes on. */
export async function thaw(engine: Engine, container: Container): Promise<void> {
  if (!container.paused) return;
  try {
    await engine.client.tasks.resume(container.id);
  } catch (error) {
    // Under cgroup version 2 a kill ends it as it is.
    if (!isCode(error, "NotFound", "FailedPrecondition")) throw error;
  }
  if (!container.paused) return;
  container.paused = false;
  engine.emit(container, "unpause");
}

/** InvalidArgument for a bad name or the one it has, AlreadyExists for one that is taken. */
export async function renameContainer(engine: Engine, container: Container, wanted: string): Promise<void> {
  const invalid = (why: string) => new WharfError("InvalidArgument", why, { operation: "rename container" });
  if (wanted === "" || wanted === "/") throw invalid("Neither old nor new names may be empty");
  const before = container.record.name;
  if (wanted.replace(/^\//, "") === before)
    throw invalid("Renaming a container with the same name as its current name");
  await container.exclusive(async () => {
    if (container.removing) throw refused("rename container", container, "is being removed");
    await engine.containers.left(wanted);
    using reserved = engine.containers.reserve(wanted, container.id);
    const { name } = container.record;
    container.record.name = reserved.name;
    try {
      await engine.containers.save(container);
    } catch (error) {
      container.record.name = name;
      throw error;
    }
    reserved.keep();
    engine.containers.release(name, container.id);
  });
  engine.emit(container, "rename", { oldName: `/${before}` });
}

function refused(operation: string, { id }: Container, why: string): WharfError {
  return new WharfError("FailedPrecondition", `Container ${id} ${why}`, { operation, subject: id });
}
