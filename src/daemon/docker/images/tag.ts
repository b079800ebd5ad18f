/** Names for images that are in the store already. */

import { isCode, WharfError } from "../../../common/errors.ts";
import type { Descriptor } from "../../../common/oci/image.ts";
import {
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../../common/reference.ts";
import type { Containerd } from "../../containerd/api.ts";
import type { Engine } from "../engine.ts";
import { DANGLING } from "./names.ts";
import { keepUnnamed } from "./pull.ts";

/** The name that `repo` and `tag` make. InvalidArgument for a digest or a broken name. */
export function nameToGive(repo: string, tag: string | undefined): Reference {
  if (repo === "") throw new WharfError("InvalidArgument", "no name to give", { hint: "give repo" });
  const base = parseReference(repo);
  if (base.digest !== undefined || tag?.startsWith("sha256:")) {
    throw new WharfError("InvalidArgument", "refusing to create a tag with a digest reference", { subject: repo });
  }
  if (!tag) return withDefaultTag(base);
  return parseReference(`${base.tag === undefined ? repo : repo.slice(0, -base.tag.length - 1)}:${tag}`);
}

/** Gives `target` the name; what had it before stays as an image without a name. `client` may hold a lease. */
export async function nameImage(
  engine: Engine,
  reference: Reference,
  target: Descriptor,
  client: Containerd = engine.client,
): Promise<void> {
  const { images } = client;
  const name = formatReference(reference);
  const before = await images.get(name).catch(ignoreNotFound);
  if (!before) await images.create({ name, target });
  else if (before.target.digest !== target.digest) {
    await images.update({ name, target, labels: {} }, ["target", "labels"]);
    await keepUnnamed(engine, before.target);
  }
  // It has a name now.
  await images.delete(`${DANGLING}${target.digest}`).catch(ignoreNotFound);
}

/** Keeps an image that has no name, unless it has one already. */
export async function keepImage(client: Containerd, target: Descriptor): Promise<void> {
  if ((await client.images.list([`target.digest=="${target.digest}"`])).length > 0) return;
  await client.images.create({ name: `${DANGLING}${target.digest}`, target }).catch((error: unknown) => {
    if (!isCode(error, "AlreadyExists")) throw error;
  });
}

export async function tagImage(engine: Engine, text: string, repo: string, tag: string | undefined): Promise<void> {
  const reference = nameToGive(repo, tag);
  const image = await engine.images.resolve(text);
  await nameImage(engine, reference, image.target);
  engine.events.emit("image", "tag", image.id, { name: familiarReference(reference) });
}

function ignoreNotFound(error: unknown): undefined {
  if (isCode(error, "NotFound")) return undefined;
  throw error;
}
