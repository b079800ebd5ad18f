/** Making, starting and watching execs. */

import { rmSync } from "node:fs";
import type { ExecCreateRequest } from "../../../common/docker/exec.ts";
import type { Infer } from "../../../common/docker/schema.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import type { Process, Spec, User } from "../../../common/oci/runtime.ts";
import { PROCESS_TYPE_URL } from "../../containerd/api/containers.ts";
import { warned } from "../../expected.ts";
import { withSpan } from "../../trace/trace.ts";
import type { Container } from "../containers/container.ts";
import { execError, exitCodeOf } from "../containers/failures.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../ids.ts";
import type { Attachment } from "../io/attach.ts";
import { execStreams } from "../io/streams.ts";
import { linkEnvironment } from "../network/links.ts";
import { ALL_CAPABILITIES } from "../spec/capabilities.ts";
import { environmentOf, mergeEnvironment } from "../spec/spec.ts";
import type { Exec } from "./exec.ts";

/** What there is nothing left of, or no shim to ask. */
const GONE = ["NotFound", "Unavailable", "FailedPrecondition"] as const;

/** FailedPrecondition unless the container runs, InvalidArgument without command and for an unknown user. */
export async function createExec(
  engine: Engine,
  container: Container,
  request: Infer<typeof ExecCreateRequest>,
): Promise<Exec> {
  await container.settled();
  checkRunning(container);
  if (!request.Cmd?.length)
    throw new WharfError("InvalidArgument", "No exec command specified", { operation: "create exec" });
  const exec: Exec = {
    id: newId(),
    container,
    config: {
      user: request.User ?? "",
      privileged: request.Privileged ?? false,
      tty: request.Tty ?? false,
      stdin: request.AttachStdin ?? false,
      stdout: request.AttachStdout ?? false,
      stderr: request.AttachStderr ?? false,
      detachKeys: request.DetachKeys ?? "",
      env: request.Env ?? [],
      workingDir: request.WorkingDir ?? "",
      command: request.Cmd,
      size: sizeOf(request.ConsoleSize),
    },
    phase: "created",
    pid: 0,
    exitCode: null,
    recorded: Promise.withResolvers(),
  };
  if (exec.config.workingDir !== "" && !exec.config.workingDir.startsWith("/")) {
    throw new WharfError(
      "InvalidArgument",
      `the working directory '${exec.config.workingDir}' is invalid, it needs to be an absolute path`,
    );
  }
  if (exec.config.user !== "") exec.user = await userOf(engine, exec, exec.config.user);
  container.execs.set(exec.id, exec);
  engine.execs.set(exec.id, exec);
  engine.emit(container, `exec_create: ${exec.config.command.join(" ")}`, { execID: exec.id });
  return exec;
}

/** NotFound. */
export function findExec(engine: Engine, id: string): Exec {
  const exec = engine.execs.get(id) ?? uniquePrefix(engine, id);
  if (exec) return exec;
  throw new WharfError("NotFound", `No such exec instance: ${id}`, { operation: "find exec", subject: id });
}

/**
 * Starts it with the client joined to it, if there is one. The exit code is kept, also of a failed start (126, 127), whose error
 * is thrown.
 */
export async function startExec(engine: Engine, exec: Exec, client: Attachment | undefined): Promise<void> {
  const { container } = exec;
  checkRunning(container);
  if (exec.phase !== "created") {
    throw new WharfError("FailedPrecondition", `exec command ${exec.id} has already run`, { operation: "start exec" });
  }
  exec.phase = "running";
  const { tasks } = engine.client;
  const ref = { containerId: container.id, execId: exec.id };
  try {
    const process = await processOf(engine, exec);
    const spec = { typeUrl: PROCESS_TYPE_URL, value: Buffer.from(JSON.stringify(process)) };
    await withSpan("create exec", () => tasks.exec({ ...ref, spec, ...execStreams(engine, exec) }));
    await client?.join(engine.attachSocket(exec.id));
    const { pid } = await withSpan("start exec", () => tasks.start(ref));
    exec.pid = pid;
  } catch (error) {
    exec.phase = "exited";
    exec.exitCode = exitCodeOf(error);
    await tasks
      .deleteProcess(ref)
      .catch(warned(engine.log, "an exec that did not start is left", { id: exec.id }, ...GONE));
    // A shim that was killed leaves it.
    rmSync(engine.attachSocket(exec.id), { force: true });
    throw execError(error);
  }
  engine.emit(container, `exec_start: ${exec.config.command.join(" ")}`, { execID: exec.id });
  void watch(engine, exec);
}

async function watch(engine: Engine, exec: Exec): Promise<void> {
  const { container } = exec;
  const ref = { containerId: container.id, execId: exec.id };
  const { signal } = engine.closing;
  try {
    const { exitStatus } = await engine.client.tasks.wait({ ...ref, signal });
    exec.exitCode = exitStatus;
  } catch (error) {
    if (signal.aborted) return;
    if (!isCode(error, "NotFound")) engine.log("error", "lost sight of an exec", { id: exec.id, error });
    exec.exitCode ??= 137;
  }
  exec.phase = "exited";
  exec.pid = 0;
  exec.recorded.resolve();
  await engine.client.tasks
    .deleteProcess(ref)
    .catch(warned(engine.log, "an ended exec is left", { id: exec.id }, ...GONE));
  rmSync(engine.attachSocket(exec.id), { force: true });
  engine.emit(container, "exec_die", { execID: exec.id, exitCode: String(exec.exitCode) });
  forgetOld(engine, container);
}

/** Ended execs that are kept for inspect, a container. */
const KEPT = 64;

function forgetOld(engine: Engine, container: Container): void {
  const over = [...container.execs.values()].filter((exec) => exec.phase === "exited");
  for (const exec of over.slice(0, Math.max(0, over.length - KEPT))) {
    container.execs.delete(exec.id);
    engine.execs.delete(exec.id);
  }
}

/** The container's own process with what the exec asks for instead. */
async function processOf(engine: Engine, exec: Exec): Promise<Process> {
  const { container, config } = exec;
  const base = JSON.parse((container.process ??= await storedProcess(engine, container))) as Process;
  const { record } = container;
  const { User } = record.config;
  const user = exec.user ?? (User === "" ? base.user : await userOf(engine, exec, User));
  const process: Process = {
    ...base,
    terminal: config.tty,
    user,
    args: config.command,
    env: mergeEnvironment(
      environmentOf(
        { Env: record.config.Env, Tty: config.tty },
        record.config.Hostname,
        linkEnvironment(engine, record),
      ),
      config.env,
    ),
    cwd: config.workingDir || base.cwd,
  };
  delete process.consoleSize;
  if (config.tty && config.size) process.consoleSize = config.size;
  if (config.privileged) {
    const all = [...ALL_CAPABILITIES];
    process.capabilities = { bounding: all, effective: all, permitted: all };
  }
  return process;
}

async function storedProcess({ client }: Engine, { id }: Container): Promise<string> {
  const { spec } = await client.containers.get(id);
  return JSON.stringify((JSON.parse(Buffer.from(spec!.value).toString("utf8")) as Spec).process);
}

async function userOf(engine: Engine, { container }: Exec, wanted: string): Promise<User> {
  return await engine.users.resolve(container.record, await engine.client.snapshots().mounts(container.id), wanted);
}

export function checkRunning(container: Container): void {
  if (!container.running) {
    throw new WharfError("FailedPrecondition", `container ${container.id} is not running`, { subject: container.id });
  }
  if (container.paused) {
    throw new WharfError(
      "FailedPrecondition",
      `container ${container.record.name} is paused, unpause the container before exec`,
    );
  }
}

function sizeOf(size: readonly number[] | undefined): { height: number; width: number } | undefined {
  const [height, width] = size ?? [];
  return height && width ? { height, width } : undefined;
}

function uniquePrefix(engine: Engine, id: string): Exec | undefined {
  if (!/^[0-9a-f]{1,64}$/.test(id)) return undefined;
  const found = [...engine.execs.values()].filter((exec) => exec.id.startsWith(id));
  return found.length === 1 ? found[0] : undefined;
}
