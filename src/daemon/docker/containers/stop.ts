/** Signals to a container, and stopping it: its stop signal first, SIGKILL when it takes too long. */

import { isCode, WharfError } from "../../../common/errors.ts";
import type { Engine } from "../engine.ts";
import type { Container } from "./container.ts";
import { thaw } from "./control.ts";
import { dropRestart } from "./restart.ts";
import { parseSignal } from "./signals.ts";
import { startContainer } from "./start.ts";

const SIGKILL = 9;
const SIGTERM = "SIGTERM";
/** Seconds between the stop signal and SIGKILL. */
const PATIENCE = 10;

/** Sends a signal; SIGKILL waits for the end. FailedPrecondition when it is not running. */
export async function killContainer(engine: Engine, container: Container, signal: string | undefined): Promise<void> {
  const number = parseSignal(signal || "SIGKILL");
  await container.settled();
  if (!container.running) throw notRunning(container);
  const ended = container.next("exit");
  // A signal that is to end it must not be undone by the restart policy.
  if (number === SIGKILL || number === parseSignal(container.record.config.StopSignal ?? SIGTERM)) {
    container.record.state.stopped = true;
    await keepStopped(engine, container);
  }
  await send(engine, container, number);
  engine.emit(container, "kill", { signal: String(number) });
  if (number === SIGKILL) await ended;
}

/** True when it was stopped, false when it was not running. `seconds` of patience, -1 for endless. */
export async function stopContainer(
  engine: Engine,
  container: Container,
  options: { signal?: string | undefined; seconds?: number | undefined } = {},
): Promise<boolean> {
  let restarts = dropRestart(container);
  // A start may be under way, of the policy's or a client's; and when it ended by itself meanwhile, its policy has decided anew.
  await container.settled();
  restarts = dropRestart(container) || restarts;
  if (!container.running) {
    if (!restarts || container.removing) return false;
    container.record.state.stopped = true;
    await engine.containers.save(container);
    engine.emit(container, "stop");
    // This was its end for those who wait for one.
    container.notify("exit");
    return true;
  }
  const { config, state } = container.record;
  const seconds = options.seconds ?? config.StopTimeout ?? PATIENCE;
  const signal = parseSignal(options.signal || config.StopSignal || SIGTERM);
  const ended = container.next("exit");
  state.stopped = true;
  await keepStopped(engine, container);
  const sent = await send(engine, container, signal).then(
    () => true,
    (error: unknown) => {
      // A shim that hangs takes no signal; SIGKILL ends it, too.
      if (!isCode(error, "DeadlineExceeded")) throw error;
      return false;
    },
  );
  if (sent) engine.emit(container, "kill", { signal: String(signal) });
  if (!sent || !(await within(ended, seconds))) {
    await send(engine, container, SIGKILL);
    engine.emit(container, "kill", { signal: String(SIGKILL) });
    await ended;
  }
  engine.emit(container, "stop");
  return true;
}

export async function restartContainer(
  engine: Engine,
  container: Container,
  options: { signal?: string | undefined; seconds?: number | undefined },
): Promise<void> {
  await stopContainer(engine, container, options);
  await startContainer(engine, container);
  engine.emit(container, "restart");
}

/** Written down before the signal: a daemon that is killed with it on its way would have the policy undo the end that was asked for. */
async function keepStopped(engine: Engine, container: Container): Promise<void> {
  const { Name = "" } = container.record.hostConfig.RestartPolicy ?? {};
  if (Name === "" || Name === "no") return;
  await engine.containers.save(container).catch((error: unknown) => {
    // a store that cannot be written does not keep it from being ended
    engine.log("warn", "that it is to stay stopped could not be written down", { id: container.id, error });
  });
}

async function send(engine: Engine, container: Container, signal: number): Promise<void> {
  try {
    await engine.client.tasks.kill({ containerId: container.id, signal });
  } catch (error) {
    // It ended on its own a moment ago.
    if (!isCode(error, "NotFound", "FailedPrecondition")) throw error;
  }
  await thaw(engine, container);
}

/** Whether `promise` resolves within so many seconds; -1 waits for ever. */
async function within(promise: Promise<void>, seconds: number): Promise<boolean> {
  if (seconds < 0) return promise.then(() => true);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), seconds * 1000);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

export function notRunning(container: Container): WharfError {
  return new WharfError(
    "FailedPrecondition",
    `cannot kill container: ${container.record.name}: container ${container.id} is not running`,
    { operation: "kill container", subject: container.id },
  );
}
