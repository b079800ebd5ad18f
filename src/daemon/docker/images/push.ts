/** POST /images/{name}/push: told of line by line, as docker's clients draw it. */

import { shortDigest } from "../../../common/digest.ts";
import type { ProgressLine } from "../../../common/docker/image.ts";
import { WharfError } from "../../../common/errors.ts";
import type { Platform } from "../../../common/oci/platform.ts";
import { familiarReference, formatReference, parseReference, repositoryName } from "../../../common/reference.ts";
import type { Image } from "../../containerd/api/images.ts";
import { decodeRegistryAuth } from "../../registry/credentials.ts";
import type { LayerEvent, TransferEvent } from "../../transfer/progress.ts";
import type { Engine } from "../engine.ts";
import { size } from "./progress.ts";
import { PULLED } from "./store.ts";

export interface PushRequest {
  name: string;
  /** All tags of the repository without one. */
  tag: string | undefined;
  platform: Platform | undefined;
  /** The header X-Registry-Auth. */
  auth: string | undefined;
}

/** The images meant. NotFound, InvalidArgument. */
export async function imagesToPush(engine: Engine, { name, tag }: PushRequest): Promise<Image[]> {
  const base = parseReference(name);
  if (base.digest !== undefined) throw new WharfError("InvalidArgument", "cannot push a digest reference");
  const wanted = tag || base.tag;
  const repository = repositoryName(base);
  const images = (await engine.client.images.list()).filter((image) =>
    wanted === undefined ? image.name.startsWith(`${repository}:`) : image.name === `${repository}:${wanted}`,
  );
  if (images.length > 0) return images;
  const text = wanted === undefined ? repository : `${repository}:${wanted}`;
  throw new WharfError(
    "NotFound",
    wanted === undefined
      ? `An image does not exist locally with the tag: ${text}`
      : `tag does not exist: ${familiarReference(parseReference(text))}`,
    { operation: "push image", subject: text },
  );
}

export async function pushImages(
  engine: Engine,
  images: readonly Image[],
  request: PushRequest,
  tell: (line: ProgressLine) => void,
  signal: AbortSignal,
): Promise<void> {
  tell({ status: `The push refers to repository [${repositoryName(parseReference(request.name))}]` });
  const { pusher } = await engine.registries();
  for (const { name, labels } of images) {
    const reference = parseReference(name);
    const { descriptor } = await pusher.push(name, {
      client: engine.client,
      platform: request.platform,
      noteSource: true,
      credentials: request.auth ? decodeRegistryAuth(request.auth) : undefined,
      progress: (event) => {
        for (const line of pushLines(event)) tell(line);
      },
      signal,
    });
    const { digest, size: Size } = descriptor;
    const tag = reference.tag ?? "latest";
    tell({ status: `${tag}: digest: ${digest} size: ${Size}` });
    tell({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size } });
    // A registry knows its digest from now on.
    const image = await engine.client.images.get(name);
    await engine.client.images.update({ name, target: image.target, labels: { ...labels, [PULLED]: "1" } }, [
      `labels.${PULLED}`,
    ]);
    engine.events.emit("image", "push", familiarReference(reference), { name: formatReference(reference) });
  }
}

const STATUS: Readonly<Partial<Record<LayerEvent["status"], string>>> = {
  waiting: "Waiting",
  exists: "Layer already exists",
  pushing: "Pushing",
  pushed: "Pushed",
  mounted: "Mounted from another repository",
};

/** Lines for an event. */
function pushLines(event: TransferEvent): ProgressLine[] {
  if (event.kind === "layers")
    return event.layers.map(({ digest }) => ({ status: "Preparing", progressDetail: {}, id: shortDigest(digest) }));
  if (event.kind !== "layer") return [];
  const id = shortDigest(event.id);
  if (event.status === "retrying")
    return [{ status: `Retrying in ${Math.ceil((event.retryIn ?? 0) / 1000)} seconds`, progressDetail: {}, id }];
  const status = STATUS[event.status];
  if (status === undefined) return [];
  const { current, total } = event;
  if (event.status !== "pushing" || current === undefined) return [{ status, progressDetail: {}, id }];
  const progress = total ? `${size(current)}/${size(total)}` : size(current);
  return [{ status, progressDetail: { current, ...(total ? { total } : {}) }, progress, id }];
}
