/**
 * Mounts of a path inside a volume. What lies in a volume is the containers' to change, so such a path is looked up by the agent, inside
 * the volume, and kept by a mount of its own for as long as the container runs: no link put in its place later leads elsewhere.
 */

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { WharfError } from "../../../common/errors.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { Engine } from "../engine.ts";

type Mounted = Pick<ContainerRecord, "id" | "mounts" | "subpaths">;

/** InvalidArgument for one that is absolute or leads out by its text alone. */
export function checkSubpath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  let depth = 0;
  for (const part of parts) {
    depth += part === ".." ? -1 : 1;
    if (depth < 0) break;
  }
  if (path.startsWith("/") || depth < 0) {
    throw new WharfError("InvalidArgument", "subpath must be a relative path within the volume", {
      operation: "create container",
      subject: path,
    });
  }
  return parts.join("/");
}

function folderOf(engine: Engine, id: string): string {
  return join(engine.state, "subpaths", id);
}

/** By destination: where the path of the volume is mounted. FailedPrecondition when there is no such path. */
export async function mountSubpaths(engine: Engine, record: Mounted): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  const entries = Object.entries(record.subpaths ?? {});
  if (entries.length === 0) return places;
  const table = await readFile("/proc/self/mountinfo", "utf8");
  for (const [at, [destination, path]] of entries.entries()) {
    const point = record.mounts.find((mount) => mount.Destination === destination);
    if (!point) continue;
    const target = join(folderOf(engine, record.id), String(at));
    places.set(destination, target);
    // A daemon before this one has mounted it.
    if (table.includes(` ${target} `)) continue;
    try {
      await engine.agent.call("mountBelow", { root: point.Source, path, target });
    } catch (cause) {
      throw new WharfError("InvalidArgument", `cannot access path ${path} of volume ${point.Name}`, {
        operation: "start container",
        subject: path,
        cause,
      });
    }
  }
  return places;
}

/** When the container has ended. */
export async function unmountSubpaths(engine: Engine, { id, subpaths }: Mounted): Promise<void> {
  if (!subpaths || Object.keys(subpaths).length === 0) return;
  const folder = folderOf(engine, id);
  await engine.agent.call("unmount", { target: folder, recursive: true, detach: true });
  await rm(folder, { recursive: true, force: true });
}
