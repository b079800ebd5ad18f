/** POST /commit: what a container has changed becomes a layer on its image. */

import { randomBytes } from "node:crypto";
import type { Digest } from "../../../common/digest.ts";
import type { ContainerConfig } from "../../../common/docker/container.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import type { Descriptor, ImageExecution } from "../../../common/oci/image.ts";
import { OCI } from "../../../common/oci/media-types.ts";
import { familiarReference, type Reference } from "../../../common/reference.ts";
import type { Containerd } from "../../containerd/api.ts";
import { UNCOMPRESSED } from "../../transfer/labels.ts";
import { SharedLease } from "../../transfer/lease.ts";
import { now } from "../clock.ts";
import type { Container } from "../containers/container.ts";
import type { Engine } from "../engine.ts";
import { applyChanges } from "./changes.ts";
import { finishImage } from "./make.ts";

export interface CommitRequest {
  reference: Reference | undefined;
  author: string;
  comment: string;
  /** The container stands still meanwhile. */
  pause: boolean;
  changes: readonly string[];
  /** What replaces the container's own configuration, field by field. */
  config: Partial<ContainerConfig>;
}

/** The id of the new image. FailedPrecondition for a container that is being removed. */
export async function commitContainer(engine: Engine, container: Container, request: CommitRequest): Promise<Digest> {
  const { record } = container;
  if (container.removing) {
    throw new WharfError("FailedPrecondition", `container ${record.name} is being removed`, {
      operation: "commit container",
      subject: record.id,
    });
  }
  const image = await engine.images.resolve(record.imageId);
  const execution = applyChanges(executionOf({ ...record.config, ...request.config }), request.changes);
  return await SharedLease.during(engine.client, async (lease) => {
    const layer = await packChanges(engine, lease.client, container, request.pause);
    const { labels } = await lease.client.content.info(layer.digest);
    const diffId = labels[UNCOMPRESSED] as Digest;
    const created = now();
    const { config: base } = image;
    const made = await finishImage(
      engine,
      lease.client,
      {
        ...base,
        created,
        ...(request.author ? { author: request.author } : {}),
        config: execution,
        rootfs: { type: "layers", diff_ids: [...base.rootfs.diff_ids, diffId] },
        history: [
          ...(base.history ?? []),
          {
            created,
            created_by: [record.path, ...record.args].join(" "),
            ...(request.author ? { author: request.author } : {}),
            ...(request.comment ? { comment: request.comment } : {}),
          },
        ],
      },
      [...image.manifest.layers, layer],
      request.reference,
      image.id,
    );
    const named = request.reference ? familiarReference(request.reference) : "";
    engine.emit(container, "commit", { comment: request.comment, imageID: made.id, imageRef: named });
    return made.id;
  });
}

async function packChanges(
  engine: Engine,
  client: Containerd,
  container: Container,
  pause: boolean,
): Promise<Descriptor> {
  const { id, record } = container;
  const snapshots = client.snapshots();
  const upper = await snapshots.mounts(id);
  const key = `commit-${randomBytes(6).toString("hex")}`;
  const lower = record.imageSnapshot === "" ? [] : await snapshots.view(key, record.imageSnapshot);
  // Not while it is started or ended; one that is paused already stays so.
  const still = pause && container.running && !container.paused;
  try {
    const paused = still && (await unlessEnded(engine.client.tasks.pause(id)));
    try {
      return await client.diff.diff(lower, upper, { mediaType: OCI.layerGzip });
    } finally {
      if (paused) await unlessEnded(engine.client.tasks.resume(id));
    }
  } finally {
    if (record.imageSnapshot !== "") await snapshots.remove(key);
  }
}

/** False when the process has ended at this moment: then it stands still, too. */
async function unlessEnded(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (isCode(error, "FailedPrecondition", "NotFound", "Unavailable")) return false;
    throw error;
  }
}

/** What of a container's configuration belongs to an image: what names this one container does not. */
function executionOf(config: ContainerConfig): ImageExecution {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal, OnBuild, Shell } = config;
  const { Healthcheck } = config;
  return {
    ...(User ? { User } : {}),
    ...(ExposedPorts ? { ExposedPorts } : {}),
    Env: Env ?? [],
    Entrypoint: Entrypoint ?? null,
    Cmd: Cmd ?? null,
    ...(Volumes ? { Volumes } : {}),
    WorkingDir: WorkingDir || "/",
    Labels: Labels ?? {},
    ...(StopSignal ? { StopSignal } : {}),
    ...(OnBuild ? { OnBuild } : {}),
    ...(Shell ? { Shell } : {}),
    ...(Healthcheck ? { Healthcheck: Healthcheck as NonNullable<ImageExecution["Healthcheck"]> } : {}),
  };
}
