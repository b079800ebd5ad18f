/**
 * Attach with `logs`: what was written so far comes from the log, and what follows, too, so that nothing is missing or
 * doubled where they meet. Input goes its usual way.
 */

import { once } from "node:events";
import type { Container } from "../containers/container.ts";
import type { Engine } from "../engine.ts";
import { LineEncoder } from "../logs/encode.ts";
import { readLog } from "../logs/reader.ts";
import type { ClientStream } from "./attach.ts";

export interface ReplayOptions {
  stdout: boolean;
  stderr: boolean;
  /** Goes on with what the running process writes. */
  follow: boolean;
  /** Output in Docker's multiplexed form. */
  frames: boolean;
}

/** Resolves when all has been passed on, or the client is gone. The socket stays open. */
export async function replayLog(
  engine: Engine,
  container: Container,
  socket: ClientStream,
  options: ReplayOptions,
): Promise<void> {
  // one that has gone already does not tell it again
  if (socket.destroyed) return;
  const controller = new AbortController();
  const gone = () => controller.abort();
  socket.on("close", gone);
  const { signal } = controller;
  const { frames: multiplexed } = options;
  const terminal = container.record.config.Tty;
  const until = options.follow && container.running ? container.next("exit", signal) : undefined;
  try {
    const encoder = new LineEncoder({ stdout: options.stdout, stderr: options.stderr || terminal, multiplexed });
    for await (const lines of readLog(engine.logPath(container.id), { until, signal })) {
      const data = encoder.encode(lines);
      if (data.length === 0 || socket.destroyed) continue;
      if (!socket.write(Buffer.from(data)))
        await Promise.race([once(socket, "drain", { signal }), once(socket, "close")]).catch(() => {});
    }
  } finally {
    socket.off("close", gone);
  }
}
