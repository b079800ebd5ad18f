/** POST /images/create: a pull, told of line by line. */

import type { ProgressLine } from "../../../common/docker/image.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { parsePlatform } from "../../../common/oci/platform.ts";
import {
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../../common/reference.ts";
import { decodeRegistryAuth } from "../../registry/credentials.ts";
import { withSpan } from "../../trace/trace.ts";
import { hostPlatform } from "../../transfer/platform.ts";
import type { PulledImage } from "../../transfer/pull.ts";
import type { Engine } from "../engine.ts";
import { DANGLING } from "./names.ts";
import { pullLines } from "./progress.ts";
import { PULLED } from "./store.ts";

export interface PullRequest {
  image: string;
  tag?: string | undefined;
  platform?: string | undefined;
  /** The header X-Registry-Auth. */
  auth?: string | undefined;
}

export type Tell = (line: ProgressLine) => void;

/** What the request means. InvalidArgument. */
export function pullReference(request: PullRequest): Reference {
  const { image, tag } = request;
  if (image === "") throw new WharfError("InvalidArgument", "no image to pull", { hint: "give fromImage" });
  const base = parseReference(image);
  if (tag === undefined || tag === "") return withDefaultTag(base);
  const text = tag.startsWith("sha256:") ? `@${tag}` : `:${tag}`;
  return parseReference(
    `${image.replace(/@.*$/, "").replace(/:[^/:]*$/, (end) => (base.tag === undefined ? end : ""))}${text}`,
  );
}

export async function pullImage(
  engine: Engine,
  request: PullRequest,
  reference: Reference,
  tell: Tell,
  signal: AbortSignal,
): Promise<PulledImage> {
  const name = formatReference(reference);
  const from = { repository: reference.path, shown: reference.tag ?? reference.digest ?? "" };
  const before = await engine.client.images.get(name).catch((error: unknown) => {
    if (isCode(error, "NotFound")) return undefined;
    throw error;
  });
  const { puller } = await engine.registries();
  const shown = familiarReference(reference);
  const pulled = await withSpan("pull image", (span) => {
    span.set("image", name);
    const pulling = puller.pull(name, {
      client: engine.client,
      platform: request.platform ? parsePlatform(request.platform, hostPlatform()) : undefined,
      credentials: request.auth ? decodeRegistryAuth(request.auth) : undefined,
      labels: { [PULLED]: "1" },
      progress: (event) => {
        for (const line of pullLines(event, from)) tell(line);
      },
      signal,
    });
    // a registry's answer alone would not say what it was asked for
    return pulling.catch(async (cause: unknown) => {
      const { code } = WharfError.from(cause);
      const { BUSYBOX } = await import("../../images/busybox.ts");
      throw new WharfError(code, `pull image ${JSON.stringify(shown)}`, {
        operation: "pull image",
        subject: name,
        hint:
          name === BUSYBOX ? "it can be made of the host's: wharf daemon stop, then wharfd import-busybox" : undefined,
        cause,
      });
    });
  });
  if (before && pulled.changed) await keepUnnamed(engine, before.target);
  tell({ status: `Digest: ${pulled.target.digest}` });
  tell({
    status: pulled.changed ? `Status: Downloaded newer image for ${shown}` : `Status: Image is up to date for ${shown}`,
  });
  const { id } = await engine.images.load(pulled.target);
  engine.events.emit("image", "pull", shown, { name: reference.path, ...(id ? {} : {}) });
  return pulled;
}

/** What a tag pointed at stays until it is removed, unless another name has it. */
export async function keepUnnamed(engine: Engine, target: PulledImage["target"]): Promise<void> {
  const { images } = engine.client;
  const others = await images.list([`target.digest=="${target.digest}"`]);
  if (others.length > 0) return;
  await images.create({ name: `${DANGLING}${target.digest}`, target }).catch((error: unknown) => {
    // Collected already, or kept already.
    if (!isCode(error, "AlreadyExists", "NotFound")) throw error;
  });
}
