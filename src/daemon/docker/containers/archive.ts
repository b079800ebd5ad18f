/** `docker cp`: a path of a container as a tar, what kind of file it is, and a tar into one of its directories. */

import type { Owner, PathStat } from "../../../common/agent/protocol.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { formatTimestamp } from "../../../common/timestamp.ts";
import type { BodyWriter } from "../../http/exchange.ts";
import type { Engine } from "../engine.ts";
import type { Container } from "./container.ts";
import { withReadableTree, withWritableTree } from "./tree.ts";

/** Value of the header X-Docker-Container-Path-Stat. */
export function encodeStat(stat: PathStat): string {
  const { name, size, mode, mtime, mtimeNs, linkTarget } = stat;
  const time = formatTimestamp({ seconds: mtime, nanos: mtimeNs });
  return Buffer.from(JSON.stringify({ name, size, mode: goMode(mode), mtime: time, linkTarget })).toString("base64");
}

/** st_mode's kinds and Go's: directory, link, block device, FIFO, socket, character device. */
const KINDS = new Map([
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
  [0o020000, 2 ** 26 + 2 ** 21],
]);

/** st_mode as Go's os.FileMode: the permission bits, and what else there is from the top. */
export function goMode(mode: number): number {
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (KINDS.get(mode & 0o170000) ?? 0) + special + (mode & 0o777);
}

/** NotFound. */
export async function statPath(
  engine: Engine,
  container: Container,
  path: string,
  signal: AbortSignal,
): Promise<PathStat> {
  checkPath(path);
  return await withReadableTree(engine, container, path, (tree) =>
    engine.agent.archiveStat(tree, path, signal).catch((error: unknown) => {
      throw notThere(error, container, path);
    }),
  );
}

/** Sends the tar; `begin` is told the stat before, and says where to. NotFound. */
export async function sendArchive(
  engine: Engine,
  container: Container,
  path: string,
  begin: (stat: PathStat) => BodyWriter,
  signal: AbortSignal,
): Promise<void> {
  checkPath(path);
  await withReadableTree(engine, container, path, async (tree) => {
    const stat = await engine.agent.archiveStat(tree, path, signal).catch((error: unknown) => {
      throw notThere(error, container, path);
    });
    const out = begin(stat);
    await engine.agent.archiveGet(tree, path, (data) => out.write(data), signal);
    out.end();
  });
  engine.emit(container, "archive-path");
}

export interface PutOptions {
  path: string;
  noOverwriteDirNonDir: boolean;
  /** Everything is to belong to the container's user. */
  copyUIDGID: boolean;
  signal: AbortSignal;
}

/** NotFound, InvalidArgument when the path is no directory. */
export async function receiveArchive(
  engine: Engine,
  container: Container,
  source: AsyncIterable<Uint8Array>,
  { path, noOverwriteDirNonDir, copyUIDGID, signal }: PutOptions,
): Promise<void> {
  checkPath(path);
  const owner = copyUIDGID ? await ownerOf(engine, container) : undefined;
  await withWritableTree(engine, container, async (tree) => {
    try {
      const options = { noOverwriteDirNonDir, signal, ...(owner ? { owner } : {}) };
      await engine.agent.archivePut(tree, path, source, options);
    } catch (error) {
      if (isCode(error, "FailedPrecondition") && /is not a directory/.test(String(error))) {
        throw new WharfError("InvalidArgument", "extraction point is not a directory", { subject: path, cause: error });
      }
      if (error instanceof WharfError && error.errno === "EROFS") {
        throw new WharfError("FailedPrecondition", `the place is mounted read-only: ${path}`, { cause: error });
      }
      throw notThere(error, container, path);
    }
  });
  engine.emit(container, "extract-to-dir");
}

async function ownerOf(engine: Engine, { record }: Container): Promise<Owner | undefined> {
  if (record.config.User === "") return undefined;
  const mounts = await engine.client.snapshots().mounts(record.id);
  const { uid, gid } = await engine.users.resolve(record, mounts, record.config.User);
  return { uid, gid };
}

function checkPath(path: string): void {
  if (path === "") throw new WharfError("InvalidArgument", "the parameter path is missing", { operation: "copy" });
  if (path.includes("\0"))
    throw new WharfError("InvalidArgument", "the parameter path has a NUL byte", { operation: "copy" });
}

function notThere(error: unknown, { record }: Container, path: string): unknown {
  const missing =
    isCode(error, "NotFound") ||
    (error instanceof WharfError && ["ENOENT", "ENOTDIR", "ELOOP"].includes(error.errno ?? ""));
  if (!missing) return error;
  return new WharfError("NotFound", `Could not find the file ${path} in container ${record.name}`, {
    operation: "copy",
    subject: path,
  });
}
