/** The socket of containerd's API. What serves it is loaded with the first connection: most daemons of a Docker user never have one. */

import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { MessageLimits } from "../../common/grpc/message.ts";
import type { ContainerdCore } from "../containerd/api.ts";
import type { Log } from "../log.ts";
import { listen } from "../sockets.ts";
import { nextTurn } from "../turn.ts";
import type { GrpcServer } from "./http2.ts";

export interface ServeOptions {
  /** All of the API, or our snapshotter for another containerd. */
  what?: "all" | "snapshotter";
  /** May use it: root's alone by default, as containerd's is. */
  group?: string | undefined;
  limits?: MessageLimits | undefined;
}

/** Listens on `path` until it is disposed of, which cuts all connections off. */
export async function serveContainerd(
  path: string,
  core: ContainerdCore,
  log: Log,
  { what = "all", group = "root", limits }: ServeOptions = {},
): Promise<AsyncDisposable> {
  let loading: Promise<GrpcServer> | undefined;
  const load = async () => {
    // One after the other, so that loading does not hold up others: all that one import needs is loaded in one turn.
    const { GrpcServer: Server } = await import("./http2.ts");
    await nextTurn();
    await import("../../common/gen/containerd/services/tasks.ts");
    await nextTurn();
    const { containerdRouter, snapshotterRouter } = await import("./services.ts");
    await nextTurn();
    return new Server(what === "all" ? await containerdRouter(core) : snapshotterRouter(core), limits);
  };
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    loading ??= load();
    loading.then(
      (grpc) => grpc.accept(socket),
      (error: unknown) => {
        log("error", "the containerd API cannot be loaded", { error });
        socket.destroy();
      },
    );
  });
  await listen(server, path, group);
  log("info", "listening", { socket: path });
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      rmSync(path, { force: true });
      await (await loading?.catch(() => undefined))?.[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
