/** ttrpc over unix sockets: the connections that common/ttrpc, which knows no transport, is run on. */

import { chmodSync, rmSync } from "node:fs";
import { createServer, connect as netConnect, type Server, type Socket } from "node:net";
import { WharfError } from "../../common/errors.ts";
import { ClientConnection } from "../../common/ttrpc/client.ts";
import { type Router, ServerConnection } from "../../common/ttrpc/server.ts";

/** A connection to a ttrpc server. */
export interface TtrpcClient extends Disposable {
  readonly connection: ClientConnection;
  /** Resolves when the connection has ended, by whichever side. */
  readonly closed: Promise<void>;
}

/**
 * Connects to `unix:///path`, a bare path, or an abstract socket (`unix://@name`, `\0name`). Unavailable when nobody
 * listens there.
 */
export async function connectTtrpc(address: string, timeoutMs = 5000): Promise<TtrpcClient> {
  const path = socketPath(address);
  const socket = await open(path, address, timeoutMs);
  const connection = new ClientConnection({
    send: (bytes) => void socket.write(bytes),
    timer: (ms, run) => {
      const timer = setTimeout(run, ms);
      return { [Symbol.dispose]: () => clearTimeout(timer) };
    },
  });
  let failure: unknown;
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => {
      connection.close(failure);
      resolve();
    });
  });
  socket.on("error", (error) => {
    failure = error;
  });
  socket.on("data", (chunk: Buffer) => {
    try {
      connection.receive(chunk);
    } catch (error) {
      socket.destroy(WharfError.from(error));
    }
  });
  return { connection, closed, [Symbol.dispose]: () => void socket.destroy() };
}

function open(path: string, address: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = netConnect({ path });
    const fail = (cause: unknown) => {
      socket.destroy();
      reject(
        new WharfError("Unavailable", `cannot connect to ${JSON.stringify(address)}`, {
          operation: "connect",
          subject: address,
          cause,
        }),
      );
    };
    const timer = setTimeout(fail, timeoutMs, new Error(`no answer within ${timeoutMs} ms`));
    socket.once("error", fail);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      resolve(socket);
    });
    socket.once("close", () => clearTimeout(timer));
  });
}

/** The path libuv is given: abstract names begin with a NUL. */
function socketPath(address: string): string {
  const path = address.replace(/^unix:\/\//, "").replace(/^unix:/, "");
  return path.startsWith("@") ? `\0${path.slice(1)}` : path;
}

/** Serves `router` on a socket, replacing a file left over there; reachable by the owner alone. */
export async function serveTtrpc(path: string, router: Router): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    const connection = new ServerConnection(router, (bytes) => {
      // who does not take its answers is not listened to until it does
      if (!socket.write(bytes)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
    socket.on("data", (chunk: Buffer) => {
      try {
        connection.receive(chunk);
      } catch {
        // Not ttrpc: there is nothing to say to it.
        socket.destroy();
      }
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      connection.close();
      sockets.delete(socket);
    });
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(
        new WharfError("Unavailable", `cannot listen on ${JSON.stringify(path)}`, {
          operation: "listen",
          subject: path,
          cause,
        }),
      );
    });
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
