/** Sockets of shims that are gone: who is killed leaves its own behind, and of some nobody knew yet. */

import { readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { ifMissing } from "../expected.ts";

/** Removes those in the folder on which nobody listens. No shim may be about to begin. */
export async function sweepSockets(folder: string): Promise<void> {
  const names = await readdir(folder).catch(ifMissing<string[]>([]));
  await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      if (await refuses(path)) await rm(path, { force: true });
    }),
  );
}

function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (refused: boolean) => {
      socket.destroy();
      resolve(refused);
    };
    socket.on("connect", () => end(false));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED"));
  });
}
