/** Makes what a pod of `podsandbox` consists of: its files, its root file system, the container that holds it. */

import { WharfError } from "../../../common/errors.ts";
import { failpoint } from "../../../common/failpoint.ts";
import { PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import { unpackAny } from "../../../common/protobuf/any.ts";
import { decode } from "../../../common/protobuf/codec.ts";
import type { Database } from "../../store/database.ts";
import { SharedLease } from "../../transfer/lease.ts";
import { type ContainerInput, SPEC_TYPE_URL } from "../api/containers.ts";
import type { CreateSandboxRequest, SandboxInput } from "../api/sandboxes.ts";
import type { Containerd } from "../api.ts";
import { readAny } from "../core/any-rows.ts";
import type { Shared } from "../core/scope.ts";
import { leastOomScore, makePodFiles, podFolder, removePodFiles, shmOf, usernsOf } from "./podsandbox-files.ts";
import {
  CONTAINER_EXTENSION,
  METADATA_EXTENSION,
  metadataOf,
  type PodMetadata,
  processLabelOf,
  readMetadata,
  writeMetadata,
} from "./podsandbox-metadata.ts";
import { type PodSpecInput, podSpec } from "./podsandbox-spec.ts";
import { podMappings } from "./podsandbox-userns.ts";
import { KIND_LABEL, SANDBOX_KIND } from "./podsandboxes.ts";
import { checkSelinux, levelOf, type SelinuxLabels, selinuxContexts, selinuxLabels } from "./selinux.ts";

export interface PodPlan {
  id: string;
  runtime: SandboxInput["runtime"];
  folder: string;
  metadata: PodMetadata;
  spec: PodSpecInput;
}

/** Looks at all that can be seen of a request before anything is made. InvalidArgument. */
export function planPod(
  { namespace, shared, holder }: { namespace: string; shared: Shared; holder: string },
  request: CreateSandboxRequest,
  sandbox: SandboxInput,
): PodPlan {
  const { id, rootfs = [], annotations = {} } = request;
  if (rootfs.length > 0) throw new WharfError("InvalidArgument", "a podsandbox has a root file system of its own");
  const metadata = metadataFor(request, sandbox);
  const { config, netnsPath } = metadata;
  const folder = podFolder(shared.paths.state, namespace, id);
  const mappings = podMappings(config);
  const spec: PodSpecInput = {
    ...{ id, config, netnsPath, annotations, holder, mappings, leastOomScore: leastOomScore() },
    ...{ shm: shmOf(folder, config), resolvConf: `${folder}/resolv.conf` },
    ...(mappings && netnsPath !== "" && { usernsPath: usernsOf(folder) }),
    labels: labelsOf(shared.db, config, sandbox.runtime?.name ?? ""),
  };
  podSpec(spec);
  return { id, runtime: sandbox.runtime, folder, metadata, spec };
}

/** What the record's extension says, where containerd's CRI plugin leaves it; what comes with the request serves as well. */
function metadataFor({ id, options, netnsPath = "" }: CreateSandboxRequest, { extensions = {} }: SandboxInput) {
  const extension = extensions[METADATA_EXTENSION];
  if (extension) {
    const read = readMetadata(extension);
    return read.netnsPath === "" ? { ...read, netnsPath } : read;
  }
  const config = options ? unpackAny(PodSandboxConfig, options) : decode(PodSandboxConfig, new Uint8Array());
  return metadataOf(id, config, netnsPath);
}

function labelsOf(db: Database, { linux }: PodSandboxConfig, runtime: string): SelinuxLabels | undefined {
  const options = linux?.securityContext?.selinuxOptions;
  if (options) checkSelinux(options);
  const contexts = selinuxContexts();
  if (!contexts) return undefined;
  const rows = db.all("SELECT type_url, value FROM container_extensions WHERE name = ?", CONTAINER_EXTENSION);
  const taken = rows
    .map(({ type_url, value }) => processLabelOf(readAny(type_url, value)))
    .filter((label) => label !== "");
  return selinuxLabels(contexts, options ?? {}, new Set(taken.map(levelOf)), runtime.includes("io.containerd.kata"));
}

/** Left-overs of its name are removed before; what a failure leaves is for the caller to remove. */
export async function makePod(
  plan: PodPlan,
  client: Containerd,
  { agent }: Shared,
  { image, signal }: { image: string | undefined; signal: AbortSignal | undefined },
): Promise<void> {
  const { id, folder, metadata, spec } = plan;
  const { config, mappings, netnsPath, usernsPath, labels } = spec;
  await removePodFiles(folder, agent);
  await makePodFiles(folder, config, mappings, agent);
  if (usernsPath !== undefined) await agent.pinUserNamespace(netnsPath, usernsPath);
  failpoint("podsandbox.files-made");
  const extension = writeMetadata(metadata, labels?.process ?? "");
  const container: ContainerInput = {
    ...{ id, runtime: plan.runtime ?? { name: "" } },
    labels: { ...config.labels, [KIND_LABEL]: SANDBOX_KIND },
    extensions: { [CONTAINER_EXTENSION]: extension },
  };
  if (image === undefined) {
    await client.containers.create({ ...container, spec: specOf(spec) });
    return;
  }
  const { imageLabels, preparePodRoot } = await import("./podsandbox-image.ts");
  await SharedLease.during(client, async (lease) => {
    const input = { id, reference: image, config, mappings, agent, signal };
    await preparePodRoot(lease.client, input, async (root) => {
      failpoint("podsandbox.root-made");
      const { image: name, snapshotter, snapshotKey, execution } = root;
      const own = { image: name, snapshotter, snapshotKey, labels: { ...imageLabels(execution), ...container.labels } };
      await client.containers.create({ ...container, ...own, spec: specOf({ ...spec, root }) });
    });
  });
}

function specOf(input: PodSpecInput) {
  return { typeUrl: SPEC_TYPE_URL, value: new TextEncoder().encode(JSON.stringify(podSpec(input))) };
}
