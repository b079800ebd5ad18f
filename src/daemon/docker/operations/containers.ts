/** Containers: create, list, inspect, start, stop, kill, restart, resize, wait, delete. */

import {
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerSummary,
  ContainerWaitResponse,
} from "../../../common/docker/container.ts";
import { array } from "../../../common/docker/schema.ts";
import { WharfError } from "../../../common/errors.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { filters, flag, int, text } from "../../http/query.ts";
import { createContainer } from "../containers/create.ts";
import { listContainers } from "../containers/list.ts";
import { removeContainer } from "../containers/remove.ts";
import { forgetRestarts } from "../containers/restart.ts";
import { startContainer } from "../containers/start.ts";
import { killContainer, restartContainer, stopContainer } from "../containers/stop.ts";
import { inspectContainer } from "../containers/view.ts";
import { parseCondition, waitFor } from "../containers/wait.ts";
import type { Engine } from "../engine.ts";
import { removeLink } from "../network/links.ts";

export function containerOperations(engine: Engine): Operation[] {
  const find = (id: string) => engine.containers.get(id);
  return [
    operation({
      id: "ContainerList",
      method: "GET",
      path: "/containers/json",
      summary: "the containers, running ones only unless told otherwise",
      query: { all: flag(), limit: int(), size: flag(), filters: filters() },
      answer: array(ContainerSummary),
      handler: async (x) => await x.list(200, await listContainers(engine, x.query)),
    }),
    operation({
      id: "ContainerCreate",
      method: "POST",
      path: "/containers/create",
      summary: "makes a container",
      query: { name: text(), platform: text("os[/arch[/variant]]") },
      body: ContainerCreateRequest,
      answer: ContainerCreateResponse,
      handler: async (x) => {
        const { container, warnings } = await createContainer(engine, {
          request: x.body,
          version: x.version,
          ...x.query,
        });
        x.json(201, { Id: container.id, Warnings: warnings });
      },
    }),
    operation({
      id: "ContainerInspect",
      method: "GET",
      path: "/containers/{id}/json",
      summary: "all about one container",
      query: { size: flag() },
      answer: ContainerInspect,
      handler: async (x) => x.json(200, await inspectContainer(engine, find(x.param("id")), x.query.size)),
    }),
    operation({
      id: "ContainerStart",
      method: "POST",
      path: "/containers/{id}/start",
      summary: "starts it; 304 when it runs already",
      query: { detachKeys: text() },
      handler: async (x) => {
        const container = find(x.param("id"));
        if (!container.running) forgetRestarts(container);
        x.empty((await startContainer(engine, container)) ? 204 : 304);
      },
    }),
    operation({
      id: "ContainerStop",
      method: "POST",
      path: "/containers/{id}/stop",
      summary: "asks it to end and kills it when it does not; 304 when it does not run",
      query: { t: int("seconds"), signal: text() },
      handler: async (x) => {
        const { t: seconds, signal } = x.query;
        x.empty((await stopContainer(engine, find(x.param("id")), { seconds, signal })) ? 204 : 304);
      },
    }),
    operation({
      id: "ContainerRestart",
      method: "POST",
      path: "/containers/{id}/restart",
      summary: "stops and starts it",
      query: { t: int("seconds"), signal: text() },
      handler: async (x) => {
        await restartContainer(engine, find(x.param("id")), { seconds: x.query.t, signal: x.query.signal });
        x.empty(204);
      },
    }),
    operation({
      id: "ContainerKill",
      method: "POST",
      path: "/containers/{id}/kill",
      summary: "sends it a signal",
      query: { signal: text("KILL by default") },
      handler: async (x) => {
        await killContainer(engine, find(x.param("id")), x.query.signal);
        x.empty(204);
      },
    }),
    operation({
      id: "ContainerResize",
      method: "POST",
      path: "/containers/{id}/resize",
      summary: "sets the size of its terminal",
      query: { h: int("rows"), w: int("columns") },
      handler: async (x) => {
        const container = find(x.param("id"));
        await container.settled();
        if (!container.running) throw new WharfError("FailedPrecondition", `container ${container.id} is not running`);
        await engine.client.tasks.resizePty({
          containerId: container.id,
          height: x.query.h ?? 0,
          width: x.query.w ?? 0,
        });
        x.empty(200);
      },
    }),
    operation({
      id: "ContainerWait",
      method: "POST",
      path: "/containers/{id}/wait",
      summary: "answers when it has ended or is removed",
      query: { condition: text("not-running, next-exit or removed") },
      answer: ContainerWaitResponse,
      handler: async (x) => {
        const container = find(x.param("id"));
        const waiting = waitFor(container, parseCondition(x.query.condition), x.signal);
        // The header goes at once: a client that has it knows that it will not miss the end.
        const out = x.stream(200, "application/json");
        const { code, error } = await waiting;
        if (x.signal.aborted) return;
        await out.write(`${JSON.stringify({ StatusCode: code, ...(error ? { Error: { Message: error } } : {}) })}\n`);
        out.end();
      },
    }),
    operation({
      id: "ContainerDelete",
      method: "DELETE",
      path: "/containers/{id*}",
      summary: "removes it; with link, what is linked to it by that name stays and the link goes",
      query: {
        force: flag("kills it first"),
        v: flag("its anonymous volumes, too"),
        link: flag("the name is that of a link"),
      },
      handler: async (x) => {
        if (x.query.link) {
          await removeLink(engine, x.param("id"));
          return x.empty(204);
        }
        await removeContainer(engine, find(x.param("id")), { force: x.query.force, volumes: x.query.v });
        x.empty(204);
      },
    }),
  ];
}
