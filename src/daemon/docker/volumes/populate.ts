/** A volume's first use: what the image has at its place is copied into it, owner and mode of the directory included. */

import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { PassThrough } from "node:stream";
import type { Tree } from "../../../common/agent/protocol.ts";
import type { MountPoint } from "../../../common/docker/container.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { normalize } from "../../../common/path.ts";
import { readOnlyView } from "../../agent/user-files.ts";
import type { Mount } from "../../containerd/api/types.ts";
import { writeTar } from "../../images/tar.ts";
import type { ContainerRecord } from "../containers/record.ts";
import type { Engine } from "../engine.ts";

const FOLDER = 0o040000;
const KIND = 0o170000;
/** Bytes of a path in one tar header. */
const NAME = 90;

/** `nocopy` are the places whose volumes stay as they are. InvalidArgument where the image has a file at a volume's place. */
export async function populateVolumes(
  engine: Engine,
  record: ContainerRecord,
  nocopy: ReadonlySet<string>,
): Promise<void> {
  const points = record.mounts.filter(({ Type }) => Type === "volume");
  if (points.length === 0) return;
  const mounts = await engine.client.snapshots().mounts(record.id);
  const image = { mounts: readOnlyView(mounts) };
  for (const point of points) {
    const subpath = record.subpaths?.[point.Destination];
    // Where a file of the volume will be shown there must be no folder.
    if (subpath !== undefined && !(await isFolder(engine, point.Source, subpath))) continue;
    const place = await placeOf(engine, image, point);
    if (place === undefined) await makeFolder(engine, mounts, point.Destination);
    else if (!nocopy.has(point.Destination)) await copyInto(engine, image, place, point.Name!, record);
  }
}

/** Where in the image the volume will lie, links followed; undefined when there is nothing. */
async function placeOf(
  engine: Engine,
  image: Tree,
  { Destination }: Pick<MountPoint, "Destination">,
): Promise<string | undefined> {
  try {
    const stat = await engine.agent.archiveStat(image, Destination);
    const place = stat.linkTarget || normalize(Destination);
    const mode = stat.linkTarget ? (await engine.agent.archiveStat(image, place)).mode : stat.mode;
    if ((mode & KIND) === FOLDER) return place;
  } catch (error) {
    if (isCode(error, "NotFound") || (error instanceof WharfError && error.errno === "ENOENT")) return undefined;
    throw error;
  }
  throw new WharfError("InvalidArgument", `cannot mount volume over existing file, file exists ${Destination}`, {
    operation: "create container",
    subject: Destination,
  });
}

async function isFolder(engine: Engine, root: string, path: string): Promise<boolean> {
  try {
    return (await placeOf(engine, { root }, { Destination: `/${path}` })) !== undefined;
  } catch (error) {
    if (isCode(error, "InvalidArgument")) return false;
    throw error;
  }
}

/** So that `docker cp` finds the place before the first start, too. */
async function makeFolder(engine: Engine, mounts: readonly Mount[], path: string): Promise<void> {
  const parts = path.split("/").filter(Boolean);
  let base = "/";
  while (parts.length > 0) {
    let name = parts.shift()!;
    while (parts.length > 0 && Buffer.byteLength(`${name}/${parts[0]}`) <= NAME) name += `/${parts.shift()}`;
    // A longer one is left to the runtime.
    if (Buffer.byteLength(name) > NAME) return;
    const tar = writeTar([{ name, type: "directory", mode: 0o755 }], Math.floor(Date.now() / 1000));
    await engine.agent.archivePut({ mounts }, base, one(tar));
    base = normalize(`${base}/${name}`);
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function copyInto(
  engine: Engine,
  image: Tree & { mounts: readonly Mount[] },
  place: string,
  name: string,
  record: ContainerRecord,
) {
  const { volumes } = engine;
  const { options } = volumes.store.get(name);
  const user = { id: `fill-${record.id}`, mounts: record.mounts.filter((point) => point.Name === name) };
  // A volume that is a mount is there only while somebody uses it.
  await volumes.use(user);
  try {
    await volumes.store.exclusive(name, async () => {
      const path = volumes.store.path(name);
      if ((await readdir(path)).length > 0) return;
      const copy = () => copyTree(engine, image, place, path);
      await (options ? copy() : volumes.store.fill(name, copy));
    });
  } finally {
    await volumes.disuse(user);
  }
}

/** The tar of `place` is unpacked over the same tree in which the volume is shown there: names fit, and nothing else is writable. */
async function copyTree(
  engine: Engine,
  image: { mounts: readonly Mount[] },
  place: string,
  into: string,
): Promise<void> {
  const abort = new AbortController();
  const pipe = new PassThrough({ highWaterMark: 1 << 20 });
  pipe.on("error", () => {});
  const target = { ...image, binds: [{ source: into, target: place }] };
  const write = async (bytes: Uint8Array) => {
    // The agent's client uses its buffer again.
    if (!pipe.write(Buffer.from(bytes))) await once(pipe, "drain", { signal: abort.signal });
  };
  const reading = engine.agent.archiveGet(image, `${place}/.`, write, abort.signal).then(
    () => void pipe.end(),
    (error: unknown) => {
      pipe.destroy(error as Error);
      throw error;
    },
  );
  const writing = engine.agent.archivePut(target, place, pipe, { signal: abort.signal });
  try {
    await Promise.all([reading, writing]);
  } finally {
    abort.abort();
    pipe.destroy();
    await Promise.allSettled([reading, writing]);
  }
}
