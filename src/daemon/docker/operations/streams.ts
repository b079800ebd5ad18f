/** Containers' streams: attach, logs, export. */

import { WharfError } from "../../../common/errors.ts";
import { readOnlyView } from "../../agent/user-files.ts";
import { acceptWebSocket } from "../../http/hijack.ts";
import { type Operation, operation } from "../../http/operation.ts";
import { flag, type Query, text } from "../../http/query.ts";
import { acceptKey } from "../../http/websocket.ts";
import { taken } from "../../peer.ts";
import type { Container } from "../containers/container.ts";
import { joinRunning } from "../containers/start.ts";
import type { Engine } from "../engine.ts";
import { Attachment, type AttachmentOptions, type ClientStream } from "../io/attach.ts";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../io/detach-keys.ts";
import { replayLog } from "../io/replay.ts";
import { streamLogs } from "../logs/stream.ts";

/** From API 1.42 on the type says whether the stream has frames. */
export function streamType(version: number, terminal: boolean): string {
  return version >= 42 && !terminal ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream";
}

const ATTACH_QUERY = {
  detachKeys: text(),
  logs: flag("what was written before comes first"),
  stream: flag("what is written from now on"),
  stdin: flag(),
  stdout: flag(),
  stderr: flag(),
};

/** Joins the connection that `accept` gives; `frames` false where the client wants none. */
async function attach(
  engine: Engine,
  container: Container,
  query: Query<typeof ATTACH_QUERY>,
  accept: () => ClientStream,
  frames?: boolean,
): Promise<void> {
  const keys = parseDetachKeys(query.detachKeys || DEFAULT_DETACH_KEYS);
  checkAttachable(container);
  const { Tty, OpenStdin } = container.record.config;
  const socket = accept();
  const options: AttachmentOptions = {
    stdin: query.stdin && query.stream && OpenStdin,
    stdout: query.stdout,
    stderr: query.stderr && !Tty,
    ...(frames === undefined ? {} : { frames }),
    ...(Tty ? { detachKeys: keys, onDetach: () => engine.emit(container, "detach") } : {}),
  };
  const client = new Attachment(socket, options);
  engine.emit(container, "attach");
  if (query.logs) {
    await taken(socket);
    const { stdout, stderr } = options;
    const follow = query.stream && container.running;
    const replayed = replayLog(engine, container, socket, { stdout, stderr, follow, frames: frames ?? !Tty });
    // Input alone is joined beside it.
    const input = { ...options, stdout: false, stderr: false, recorded: replayed };
    if (follow && options.stdin) await join(engine, container, new Attachment(socket, input));
    await replayed;
    if (follow || !query.stream) return client.end();
  }
  if (query.stream) await join(engine, container, client);
  else client.end();
}

export function streamOperations(engine: Engine): Operation[] {
  const find = (id: string) => engine.containers.get(id);
  return [
    operation({
      id: "ContainerAttach",
      method: "POST",
      path: "/containers/{id}/attach",
      summary: "joins the connection to the container's streams",
      query: ATTACH_QUERY,
      hijack: true,
      handler: async (x) => {
        const container = find(x.param("id"));
        const { Tty } = container.record.config;
        await attach(engine, container, x.query, () => x.hijack().accept(streamType(x.version, Tty)));
      },
    }),
    operation({
      id: "ContainerAttachWebsocket",
      method: "GET",
      path: "/containers/{id}/attach/ws",
      summary: "the same over a WebSocket; both streams as they come, without frames",
      query: ATTACH_QUERY,
      hijack: true,
      handler: async (x) => {
        acceptKey(x.request);
        const accept = () => acceptWebSocket(x.hijack(), x.request);
        await attach(engine, find(x.param("id")), x.query, accept, false);
      },
    }),
    operation({
      id: "ContainerLogs",
      method: "GET",
      path: "/containers/{id}/logs",
      summary: "what the container has written",
      query: {
        follow: flag(),
        stdout: flag(),
        stderr: flag(),
        since: text("time"),
        until: text("time"),
        timestamps: flag(),
        tail: text("number of lines, or all"),
        details: flag(),
        joined: flag("a frame may hold several lines; Docker has one for each"),
      },
      handler: async (x) => await streamLogs(engine, find(x.param("id")), x),
    }),
    operation({
      id: "ContainerExport",
      method: "GET",
      path: "/containers/{id}/export",
      summary: "its root file system as a tar",
      handler: async (x) => {
        const container = find(x.param("id"));
        const mounts = readOnlyView(await engine.client.snapshots().mounts(container.id));
        const out = x.stream(200, "application/x-tar");
        await engine.agent.export({ mounts }, (data) => out.write(data), x.signal);
        out.end();
        engine.emit(container, "export");
      },
    }),
  ];
}

function checkAttachable(container: Container): void {
  const name = container.record.name;
  if (container.paused)
    throw new WharfError("FailedPrecondition", `container ${name} is paused, unpause the container before attach`);
  if (container.restarting)
    throw new WharfError("FailedPrecondition", `container ${name} is restarting, wait until the container is running`);
  if (container.removing) throw new WharfError("FailedPrecondition", `container ${name} is being removed`);
}

/** At once when it runs, otherwise with its next start. */
async function join(engine: Engine, container: Container, client: Attachment): Promise<void> {
  if (container.running) return await joinRunning(engine, container, client);
  container.pending.add(client);
  void client.closed.then(() => container.pending.delete(client));
}
