/**
 * Attach with `logs`: what was written so far comes from the log, and what follows, too, so that nothing is missing or
 * doubled where they meet. Input goes its usual way.
 */

import { once } from "node:events";
import type { Container } from "../containers/container.ts";
import type { Engine } from "../engine.ts";
import { encodeEntries } from "../logs/encode.ts";
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
  const controller = new AbortController();
  const gone = () => controller.abort();
  socket.on("close", gone);
  const { signal } = controller;
  const { frames: multiplexed } = options;
  const terminal = container.record.config.Tty;
  const until = options.follow && container.running ? container.next("exit", signal) : undefined;
  try {
    for await (const batch of readLog(engine.logPath(container.id), { until, signal })) {
      const wanted = batch.filter(({ stream }) => (stream === "stdout" ? options.stdout : options.stderr || terminal));
      if (wanted.length === 0 || socket.destroyed) continue;
      const data = encodeEntries(wanted, { timestamps: false, details: false, multiplexed });
      if (!socket.write(data))
        await Promise.race([once(socket, "drain", { signal }), once(socket, "close")]).catch(() => {});
    }
  } finally {
    socket.off("close", gone);
  }
}
