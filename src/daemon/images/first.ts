/** The image that a new root begins with: made once. Whoever removes it does not get it back. */

import { isCode } from "../../common/errors.ts";
import type { Containerd } from "../containerd/api.ts";

/** On the namespace: the image was made. */
const MADE = "wharf.busybox-made";

/** Makes `busybox:latest` unless that was done before, or there is one of that name. True when it was made now. */
export async function ensureFirstImage(client: Containerd): Promise<boolean> {
  const namespace = await client.namespaces.get(client.namespace).catch((error: unknown) => {
    if (isCode(error, "NotFound")) return undefined;
    throw error;
  });
  if (namespace?.labels[MADE] !== undefined) return false;
  const { BUSYBOX, makeBusybox } = await import("./busybox.ts");
  const known = await client.images.list([`name=="${BUSYBOX}"`]);
  if (known.length === 0) await makeBusybox(client);
  const labels = { [MADE]: "1" };
  if (namespace || known.length === 0) {
    await client.namespaces.update({ name: client.namespace, labels }, [`labels.${MADE}`]);
  } else await client.namespaces.create({ name: client.namespace, labels });
  return known.length === 0;
}
