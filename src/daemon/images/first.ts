/** The image that a new root begins with: made once. Whoever removes it does not get it back. */

import type { Containerd } from "../containerd/api.ts";

/** On the namespace: the image was made. */
const MADE = "wharf.busybox-made";

/** Makes `busybox:latest` unless that was done before, or there is one of that name. True when it was made now. */
export async function ensureFirstImage(client: Containerd): Promise<boolean> {
  const namespace = await client.namespaces.get(client.namespace);
  if (namespace.labels[MADE] !== undefined) return false;
  const { BUSYBOX, makeBusybox } = await import("./busybox.ts");
  const known = await client.images.list([`name=="${BUSYBOX}"`]);
  if (known.length === 0) await makeBusybox(client);
  await client.namespaces.update({ name: client.namespace, labels: { [MADE]: "1" } }, [`labels.${MADE}`]);
  return known.length === 0;
}
