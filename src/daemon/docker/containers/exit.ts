/** What follows when a container's process has ended: its exit code is kept, its task goes, and its policy decides. */

import { isCode } from "../../../common/errors.ts";
import { timestampToMillis } from "../../../common/timestamp.ts";
import type { ExitStatus } from "../../containerd/api/tasks.ts";
import { now } from "../clock.ts";
import type { Engine } from "../engine.ts";
import { tellPeers } from "../network/peers.ts";
import { unmountSubpaths } from "../volumes/subpaths.ts";
import type { Container } from "./container.ts";
import { tellLeft } from "./joins.ts";
import { leave, leavesUnseen, removeContainer } from "./remove.ts";
import { planRestart, restartLater, type Start } from "./restart.ts";

/** Waits for the end of a running container, and deals with it. Does not itself wait. */
export function watchExit(engine: Engine, container: Container, start: Start): void {
  // Also one that a daemon before this one has started.
  container.joined = true;
  const { signal } = engine.closing;
  engine.client.tasks.wait({ containerId: container.id, signal }).then(
    (exit) => ended(engine, container, exit, start),
    async (error: unknown) => {
      if (signal.aborted) return;
      // The task is gone without a word: what it ended with nobody knows.
      if (!isCode(error, "NotFound")) engine.log("error", "lost sight of a container", { id: container.id, error });
      await ended(engine, container, { exitStatus: 255, exitedAt: now() }, start);
    },
  );
}

/** Takes down the mounts that the container's volumes stand for, unless others run with them. */
export async function releaseVolumes(engine: Engine, record: Container["record"]): Promise<void> {
  await unmountSubpaths(engine, record).catch((error: unknown) => {
    engine.log("error", "a path of a volume is left mounted", { id: record.id, error });
  });
  await engine.volumes.disuse(record).catch((error: unknown) => {
    engine.log("error", "a volume of a container that has ended is left mounted", { id: record.id, error });
  });
}

/** Milliseconds between attempts. */
const SAVE_AGAIN = 2000;

/** A full disk does not make a container's start or end undone: it is written down as soon as there is room. */
export function saveLater(engine: Engine, container: Container, error: unknown): void {
  engine.log("error", "the start or end of a container is not written down yet", { id: container.id, error });
  const again = setTimeout(async () => {
    if (engine.closing.signal.aborted || container.removing) return;
    await engine.containers.save(container).catch((cause: unknown) => {
      if (!isCode(cause, "NotFound")) saveLater(engine, container, cause);
    });
  }, SAVE_AGAIN);
  again.unref();
}

/** Records the end `exit` of a container, and does what follows from it. */
export async function ended(engine: Engine, container: Container, exit: ExitStatus, start: Start): Promise<void> {
  const { record } = container;
  let gone = false;
  let plan: AbortController | undefined;
  let seconds: number | undefined;
  try {
    await container.exclusive(async () => {
      if (!container.running) return;
      noteEnd(container, exit);
      if (leavesUnseen(container)) {
        gone = true;
        await leave(engine, container, () => tell(engine, container));
        return;
      }
      if (!record.hostConfig.AutoRemove) plan = planRestart(engine, container);
      await engine.networks.release(record);
      await tellPeers(engine, record);
      await releaseVolumes(engine, record);
      // The task goes after that: until the code is written down here, it is what remembers it.
      // One that is being removed needs none of it: when that fails, it is written down there.
      if (!container.removing)
        await engine.containers.save(container).catch((error: unknown) => saveLater(engine, container, error));
      // Who waits for the end need not wait for what is left of the task; who starts or removes the container does.
      if (!plan && !record.hostConfig.AutoRemove) seconds = tell(engine, container);
      await engine.client.tasks.delete(container.id).catch((error: unknown) => {
        if (!isCode(error, "NotFound")) engine.log("error", "a task could not be deleted", { id: container.id, error });
      });
    });
  } catch (error) {
    engine.log("error", "the end of a container could not be recorded", { id: container.id, error });
  }
  if (gone) return;
  seconds ??= tell(engine, container);
  if (record.hostConfig.AutoRemove && !container.removing) {
    await removeContainer(engine, container, { force: false, volumes: true }).catch((error: unknown) => {
      if (!isCode(error, "NotFound")) engine.log("error", "auto-remove failed", { id: container.id, error });
    });
  } else if (plan) restartLater(engine, container, plan, seconds, start);
}

function noteEnd(container: Container, exit: ExitStatus): void {
  const { record } = container;
  record.state = {
    ...record.state,
    starting: undefined,
    phase: "exited",
    pid: 0,
    exitCode: exit.exitStatus,
    finishedAt: exit.exitedAt,
  };
  container.paused = false;
  for (const exec of container.execs.values()) {
    // With the container's pid namespace its other processes are gone, too.
    if (exec.phase === "running") Object.assign(exec, { phase: "exited", exitCode: exec.exitCode ?? 137, pid: 0 });
  }
}

/** Tells of the end; answers how many seconds it ran. */
function tell(engine: Engine, container: Container): number {
  const { startedAt, finishedAt, exitCode } = container.record.state;
  const seconds = Math.max(0, Math.floor((timestampToMillis(finishedAt) - timestampToMillis(startedAt)) / 1000));
  tellLeft(engine, container);
  engine.emit(container, "die", { exitCode: String(exitCode), execDuration: String(seconds) });
  container.notify("exit");
  return seconds;
}
