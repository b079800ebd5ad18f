/** Checkpoints of tasks: criu's images as content, and back into a folder that a task is restored from. */

import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isCode, WharfError } from "../../../common/errors.ts";
import { CheckpointOptions, Options } from "../../../common/gen/containerd/runc/options.ts";
import { Any as AnyMessage } from "../../../common/gen/google/protobuf/any.ts";
import { isAny, unpackAny } from "../../../common/protobuf/any.ts";
import { encode } from "../../../common/protobuf/codec.ts";
import type { ContentStore, ContentWriter } from "../api/content.ts";
import type { CreateTaskRequest } from "../api/tasks.ts";
import type { Any, Descriptor, Digest, Mount } from "../api/types.ts";
import { LocalContent } from "../content/store.ts";
import type { Scope } from "../core/scope.ts";
import type { Task } from "./task.ts";

/** containerd's media types (core/images). */
const IMAGES = "application/vnd.containerd.container.criu.checkpoint.criu.tar";
const CONFIG = "application/vnd.containerd.container.checkpoint.config.v1+proto";
const TAR = "application/vnd.oci.image.layer.v1.tar";
/** Names the folder of a checkpoint that is unpacked already (containerd's CRI). */
const FROM_PATH = "RestoreFromPath";

const bind = (source: string, mode: string): Mount[] => [
  { type: "bind", source, target: "", options: ["rbind", mode] },
];

/** Where the images are while they are made; a start removes what a crash has left. */
export function checkpointsFolder(root: string): string {
  return join(root, "checkpoints");
}

/** Where a bundle has the images that its task is restored from. */
export function restoreFolder(bundle: string): string {
  return join(bundle, "checkpoint");
}

/** Checkpoints a task; without a folder for the images in its options they and the container's spec become content. */
export async function checkpointTask(scope: Scope, task: Task, spec: Any, options?: Any): Promise<Descriptor[]> {
  if (options && options.value.length > 0 && !isAny(options, CheckpointOptions)) {
    throw new WharfError("InvalidArgument", `checkpoint options of type ${JSON.stringify(options.typeUrl)}`, {
      hint: `they are ${CheckpointOptions.typeName}`,
    });
  }
  const { id, bundle } = task.record;
  // where runc's shim has criu work
  await mkdir(join(bundle, "work"), { recursive: true, mode: 0o711 });
  const dump = (path: string) =>
    task.call((client, call) => client.checkpoint({ id, path, options }, call), { timeoutMs: undefined });
  const given = options && options.value.length > 0 ? unpackAny(CheckpointOptions, options).imagePath : "";
  if (given !== "") {
    await dump(given);
    return [];
  }
  const content = new LocalContent(scope);
  const folder = join(checkpointsFolder(scope.shared.paths.root), randomBytes(12).toString("hex"));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await dump(folder);
    const images = await put(content, IMAGES, async (writer) => {
      const write = (data: Uint8Array) => writer.write(data);
      await scope.shared.agent.diff({ lower: [], upper: bind(folder, "ro"), mediaType: TAR, write });
    });
    const config = await put(content, CONFIG, (writer) => writer.write(encode(AnyMessage, spec)));
    return [images, config];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function put(content: ContentStore, mediaType: string, fill: (writer: ContentWriter) => Promise<void>) {
  const ref = `checkpoint-${randomBytes(12).toString("hex")}`;
  await using writer = await content.writer({ ref, mediaType });
  try {
    await fill(writer);
    const size = writer.status().offset;
    return { mediaType, digest: await commit(writer), size };
  } catch (error) {
    await writer.close();
    await content.abort(ref).catch(() => {});
    throw error;
  }
}

async function commit(writer: ContentWriter): Promise<Digest> {
  try {
    return await writer.commit();
  } catch (error) {
    // an equal one is there: as good
    if (!(error instanceof WharfError) || !isCode(error, "AlreadyExists") || !error.subject) throw error;
    return error.subject as Digest;
  }
}

/** The folder that a new task is restored from; "" when it begins anew. What is content is unpacked into the bundle. */
export async function unpackCheckpoint(scope: Scope, bundle: string, request: CreateTaskRequest): Promise<string> {
  const { checkpoint, options, signal } = request;
  const given = options && isAny(options, Options) ? unpackAny(Options, options).criuImagePath : "";
  const path = checkpoint?.annotations?.[FROM_PATH] ?? given;
  if (path !== "" || checkpoint) await mkdir(join(bundle, "work"), { recursive: true, mode: 0o711 });
  if (path !== "" || !checkpoint) return path;
  const { mediaType, digest } = checkpoint;
  if (mediaType !== IMAGES) {
    throw new WharfError("InvalidArgument", `a checkpoint of type ${JSON.stringify(mediaType)}`, {
      subject: digest,
      hint: `it has to be ${IMAGES}`,
    });
  }
  await new LocalContent(scope).info(digest);
  const folder = restoreFolder(bundle);
  await mkdir(folder, { mode: 0o700 });
  const { agent, blobs } = scope.shared;
  await agent.unpack({ mounts: bind(folder, "rw"), mediaType: TAR, source: blobs.blob(digest), signal });
  return folder;
}
