/** Exec: create, start, resize, inspect. */

import { ExecCreateRequest, ExecInspect, ExecStartRequest, IdResponse } from "../../../common/docker/exec.ts";
import { WharfError } from "../../../common/errors.ts";
import { messageOf } from "../../http/errors.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { int } from "../../http/query.ts";
import { taken } from "../../peer.ts";
import type { Engine } from "../engine.ts";
import type { Exec } from "../exec/exec.ts";
import { checkRunning, createExec, findExec, startExec } from "../exec/run.ts";
import { Attachment, frame } from "../io/attach.ts";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../io/detach-keys.ts";
import { streamType } from "./streams.ts";

export function execOperations(engine: Engine): Operation[] {
  return [
    operation({
      id: "ContainerExec",
      method: "POST",
      path: "/containers/{id}/exec",
      summary: "makes a further process of a running container; it waits for its start",
      body: ExecCreateRequest,
      answer: IdResponse,
      handler: async (x) => {
        const exec = await createExec(engine, engine.containers.get(x.param("id")), x.body);
        x.json(201, { Id: exec.id });
      },
    }),
    operation({
      id: "ExecStart",
      method: "POST",
      path: "/exec/{id}/start",
      summary: "starts it, and joins the connection to its streams unless it is detached",
      body: ExecStartRequest,
      bodyOptional: true,
      hijack: true,
      handler: async (x) => {
        const exec = findExec(engine, x.param("id"));
        checkRunning(exec.container);
        const { body } = x;
        const [height, width] = body?.ConsoleSize ?? [];
        if (height && width) exec.config.size = { height, width };
        if (body?.Detach) {
          await startExec(engine, exec, undefined);
          return x.empty(200);
        }
        if (exec.phase !== "created") {
          throw new WharfError("FailedPrecondition", `exec command ${exec.id} has already run`, {
            operation: "start exec",
          });
        }
        const { tty, stdin, stdout, stderr, detachKeys } = exec.config;
        const keys = parseDetachKeys(detachKeys || DEFAULT_DETACH_KEYS);
        // As dockerd has it, the start says what form the client reads, whatever the process has.
        const raw = body?.Tty ?? false;
        const socket = x.hijack().accept(streamType(x.version, raw));
        const client = new Attachment(socket, {
          stdin,
          stdout,
          stderr: stderr && !tty,
          recorded: exec.recorded.promise,
          ...(raw === tty ? {} : { frames: !raw }),
          ...(tty
            ? { detachKeys: keys, onDetach: () => engine.emit(exec.container, "exec_detach", { execID: exec.id }) }
            : {}),
        });
        try {
          await startExec(engine, exec, client);
        } catch (error) {
          // The connection is a stream already: the reason is told in it, the code by inspect.
          await taken(socket);
          exec.recorded.resolve();
          const text = Buffer.from(`${messageOf(error)}\r\n`);
          client.end(raw ? text : frame(2, text));
        }
      },
    }),
    operation({
      id: "ExecResize",
      method: "POST",
      path: "/exec/{id}/resize",
      summary: "sets the size of its terminal",
      query: { h: int("rows"), w: int("columns") },
      handler: async (x) => {
        const exec = findExec(engine, x.param("id"));
        if (exec.phase !== "running" || exec.pid === 0) {
          throw new WharfError("FailedPrecondition", `exec ${exec.id} is not running`, {
            operation: "resize terminal",
          });
        }
        await engine.client.tasks.resizePty({
          containerId: exec.container.id,
          execId: exec.id,
          height: x.query.h ?? 0,
          width: x.query.w ?? 0,
        });
        x.empty(200);
      },
    }),
    operation({
      id: "ExecInspect",
      method: "GET",
      path: "/exec/{id}/json",
      summary: "what became of it",
      answer: ExecInspect,
      handler: (x) => x.json(200, inspect(findExec(engine, x.param("id")))),
    }),
  ];
}

function inspect(exec: Exec) {
  const { config } = exec;
  const [entrypoint = "", ...args] = config.command;
  return {
    ID: exec.id,
    Running: exec.phase === "running",
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: config.tty,
      entrypoint,
      arguments: args,
      privileged: config.privileged,
      ...(config.user === "" ? {} : { user: config.user }),
    },
    OpenStdin: config.stdin,
    OpenStderr: config.stderr,
    OpenStdout: config.stdout,
    CanRemove: exec.phase === "exited",
    ContainerID: exec.container.id,
    DetachKeys: config.detachKeys,
    Pid: exec.pid,
  };
}
