/** The image that holds pods where the configuration names one (`sandbox-image`), as containerd's CRI plugin has its pause image. */

import { isCode, WharfError } from "../../../common/errors.ts";
import type { PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import type { ImageExecution } from "../../../common/oci/image.ts";
import type { User } from "../../../common/oci/runtime.ts";
import { resolveUser } from "../../../common/oci/user.ts";
import { formatReference, parseReference, withDefaultTag } from "../../../common/reference.ts";
import { readUserFiles } from "../../agent/user-files.ts";
import { hostPlatform } from "../../transfer/platform.ts";
import { ensureUnpacked, readStored } from "../../transfer/stored.ts";
import type { AgentClient } from "../agent.ts";
import type { StoredImage } from "../api/transfer.ts";
import type { Labels, Mount } from "../api/types.ts";
import { type Containerd, DEFAULT_SNAPSHOTTER } from "../api.ts";
import { checkLabels } from "../core/labels.ts";
import { type PodMappings, remapLabels } from "./podsandbox-userns.ts";

/** What becomes a pod's root file system. */
export interface PodRoot {
  /** Name in the store. */
  image: string;
  snapshotter: string;
  snapshotKey: string;
  execution: ImageExecution;
  /** Whom the image has it run as, or the pod. */
  user: User;
}

export interface PodRootInput {
  id: string;
  /** Of the configuration. */
  reference: string;
  config: PodSandboxConfig;
  mappings: PodMappings | undefined;
  agent: AgentClient;
  signal: AbortSignal | undefined;
}

/**
 * Makes a snapshot of the image, which is pulled when the namespace does not have it, for `use`; `client` holds the lease that keeps all that.
 * InvalidArgument for an image that runs nothing, NotFound, Unavailable … for one that cannot be had.
 */
export async function preparePodRoot(
  client: Containerd,
  input: PodRootInput,
  use: (root: PodRoot) => Promise<unknown>,
): Promise<void> {
  const { id, config, mappings, agent, signal } = input;
  const image = formatReference(withDefaultTag(parseReference(input.reference)));
  const stored = await ensureImage(client, image, signal);
  const execution = stored.config.config ?? {};
  if (!execution.Entrypoint?.length && !execution.Cmd?.length) {
    throw new WharfError("InvalidArgument", `the sandbox image ${JSON.stringify(image)} names no program to run`, {
      subject: image,
      hint: "it needs an entrypoint or a command, as pause images have",
    });
  }
  await ensureUnpacked(client, stored);
  const labels = { ...inherited(config.annotations), ...remapLabels(mappings) };
  const snapshots = client.snapshots(DEFAULT_SNAPSHOTTER);
  const mounts = await snapshots.prepare(id, stored.chainId, { labels });
  try {
    const user = await userOf(agent, mounts, config, execution);
    await use({ image, snapshotter: DEFAULT_SNAPSHOTTER, snapshotKey: id, execution, user });
  } catch (error) {
    // The collector would take it; the pod may be asked for again before that.
    await snapshots.remove(id).catch(() => {});
    throw error;
  }
}

async function ensureImage(client: Containerd, image: string, signal: AbortSignal | undefined) {
  const read = async () => await readStored(client, (await client.images.get(image)).target, hostPlatform());
  try {
    return await read();
  } catch (error) {
    if (!isCode(error, "NotFound")) throw error;
  }
  const store: StoredImage = { type: "image-store", name: image, unpacks: [{ snapshotter: DEFAULT_SNAPSHOTTER }] };
  try {
    await client.transfer.transfer({ type: "registry", reference: image }, store, { signal });
    return await read();
  } catch (cause) {
    const { code } = WharfError.from(cause);
    throw new WharfError(code, `cannot pull the sandbox image ${JSON.stringify(image)}`, {
      ...{ operation: "create sandbox", subject: image, cause },
      hint: "put it into the pod's namespace, or name another as sandbox-image in the configuration",
    });
  }
}

/** Of a pod's annotations those that are for its snapshot. */
function inherited(annotations: Labels): Labels {
  const own = ([name]: [string, string]) => name.startsWith("containerd.io/snapshot/");
  return Object.fromEntries(Object.entries(annotations).filter(own));
}

/** The pod's, or the image's; names are looked up in the image. */
async function userOf(
  agent: AgentClient,
  mounts: readonly Mount[],
  { linux }: PodSandboxConfig,
  { User: own = "" }: ImageExecution,
): Promise<User> {
  const { runAsUser, runAsGroup, supplementalGroups = [] } = linux?.securityContext ?? {};
  const asked = runAsUser && [runAsUser.value, ...(runAsGroup ? [runAsGroup.value] : [])].join(":");
  const wanted = asked ?? own;
  const files = /^\d+:\d+$/.test(wanted) ? { passwd: "", group: "" } : await readUserFiles(agent, mounts);
  return resolveUser(wanted, files, supplementalGroups.map(String));
}

/** An image's labels become its container's, but for those that mean something to containerd, and what is no label. */
export function imageLabels({ Labels: labels }: ImageExecution): Labels {
  const plain = ([name, value]: [string, string]) => {
    if (name.startsWith("containerd.io/") || name.startsWith("io.cri-containerd")) return false;
    try {
      checkLabels({ [name]: value });
      return true;
    } catch {
      return false;
    }
  };
  return Object.fromEntries(Object.entries(labels ?? {}).filter(plain));
}
