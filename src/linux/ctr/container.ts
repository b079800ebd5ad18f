// `run` and `create`: the image is unpacked where it is not, a snapshot is prepared, the container is written down.

import type { FlagValues } from "../../common/cli/flags.ts";
import { isCode } from "../../common/errors.ts";
import { Options } from "../../common/gen/containerd/runc/options.ts";
import { Options as OtherOptions } from "../../common/gen/containerd/runc/runtimeoptions.ts";
import type { Container } from "../../common/gen/containerd/services/containers.ts";
import type { Mount } from "../../common/gen/containerd/types/mount.ts";
import type { Spec } from "../../common/oci/runtime.ts";
import { type AnyLike, packAny } from "../../common/protobuf/any.ts";
import { absolute } from "../sys/fs.ts";
import { type Ctr, DEFAULT_SNAPSHOTTER, need, usage } from "./ctr.ts";
import type { RUNTIME } from "./flags.ts";
import { isUnpacked, type OpenImage, openImage, platformOf, unpack } from "./image.ts";
import { labelsOf } from "./labels.ts";
import { cniExtension } from "./network.ts";
import { userFiles } from "./root-files.ts";
import { type ContainerFlags, readJson, specOf } from "./spec.ts";

/** How containerd's clients name a configuration. */
const SPEC_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Spec";
const STOP_SIGNAL = "io.containerd.image.config.stop-signal";
const MAX_LABEL = 4096;

export interface ContainerInput {
  /** `cni` is run's alone. */
  flags: ContainerFlags & { cni?: boolean };
  given: ReadonlySet<string>;
  args: readonly string[];
}

export function specAny(spec: unknown): AnyLike {
  return { typeUrl: SPEC_TYPE, value: native.bytes(JSON.stringify(spec)) };
}

/** The runtime that the flags name, with the options of those that are called as runc is. */
export function runtimeOf(flags: FlagValues<typeof RUNTIME>) {
  const { runtime, "runc-binary": binaryName, "runc-root": root, "runc-systemd-cgroup": systemdCgroup } = flags;
  const runcLike = runtime.startsWith("io.containerd.runc.") || binaryName !== "" || root !== "" || systemdCgroup;
  const configPath = flags["runtime-config-path"];
  if (!runcLike && configPath) return { name: runtime, options: packAny(OtherOptions, { configPath }) };
  return { name: runtime, ...(runcLike ? { options: packAny(Options, { binaryName, root, systemdCgroup }) } : {}) };
}

export interface NewContainer {
  container: Container;
  /** Of its snapshot, when one was prepared. */
  mounts?: readonly Mount[] | undefined;
}

/** Creates the container, holding what is made for it until it is there. */
export async function newContainer(ctr: Ctr, input: ContainerInput): Promise<NewContainer> {
  const { flags, args } = input;
  // Looked at while the lease is being made.
  const [from] = args;
  const image = flags.config || flags.rootfs || !from ? undefined : openImage(ctr, from, platformOf(flags.platform));
  image?.catch(() => {});
  return await ctr.leased(() => makeContainer(ctr, input, image));
}

/** A snapshot for the container; an image that is not unpacked yet is so then. */
async function prepare(ctr: Ctr, image: OpenImage, request: PrepareRequest) {
  try {
    return await ctr.snapshots.prepare(request);
  } catch (error) {
    if (!isCode(error, "NotFound") || (await isUnpacked(ctr, image, request.snapshotter))) throw error;
    await unpack(ctr, image, request.snapshotter);
    return await ctr.snapshots.prepare(request);
  }
}

interface PrepareRequest {
  snapshotter: string;
  key: string;
  parent: string;
  labels: Record<string, string>;
}

/** What was prepared for a container that then fails is taken away again. */
async function makeContainer(
  ctr: Ctr,
  input: ContainerInput,
  opening: Promise<OpenImage> | undefined,
): Promise<NewContainer> {
  const { flags, given, args } = input;
  const runtime = runtimeOf(flags);
  if (flags["runc-systemd-cgroup"] && !flags.cgroup)
    throw usage("--runc-systemd-cgroup goes with --cgroup SLICE:PREFIX:NAME");
  if (flags.config) {
    if (args.length > 1) throw usage("with --config only the container's id is given");
    const spec = readJson<Spec>(flags.config, "configuration");
    if (flags.label.length > 0) spec.annotations = { ...spec.annotations, ...labelsOf(flags.label) };
    return { container: await create(ctr, { id: need(args, 0, "the container's id"), spec, flags, runtime }) };
  }
  const from = need(args, 0, flags.rootfs ? "a root file system" : "an image");
  const id = need(args, 1, "the container's id");
  const base = { namespace: ctr.globals.namespace, id, flags, given, args: args.slice(2) };
  if (flags.rootfs) {
    const rootfs = absolute(from);
    const spec = specOf({ ...base, rootfs, files: userFiles(rootfs) });
    return { container: await create(ctr, { id, spec, flags, runtime }) };
  }
  const snapshotter = flags.snapshotter || ctr.env.get("CONTAINERD_SNAPSHOTTER") || DEFAULT_SNAPSHOTTER;
  const image = await (opening ?? openImage(ctr, from, platformOf(flags.platform)));
  // the snapshotter shows the image's files with the owners that the container knows
  const remap = flags["remap-labels"] || (flags.uidmap.length > 0 && flags.gidmap.length > 0);
  const labels = { ...labelsOf(flags["snapshotter-label"]), ...(remap ? remapLabels(flags) : {}) };
  const request = { snapshotter, key: id, parent: image.chain.at(-1) ?? "", labels };
  const { mounts } = await prepare(ctr, image, request);
  try {
    const spec = specOf({ ...base, image: image.config, files: userFiles(mounts) });
    return { container: await create(ctr, { id, spec, flags, runtime, image, snapshotter }), mounts };
  } catch (error) {
    await ctr.undo(`the snapshot ${id}`, ctr.snapshots.remove({ snapshotter, key: id }));
    throw error;
  }
}

function remapLabels({ uidmap, gidmap }: ContainerFlags): Record<string, string> {
  const prefix = "containerd.io/snapshot/";
  const text = (maps: typeof uidmap) =>
    maps.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(",");
  return { [`${prefix}uidmapping`]: text(uidmap), [`${prefix}gidmapping`]: text(gidmap) };
}

interface Made {
  id: string;
  spec: Spec;
  flags: ContainerInput["flags"];
  runtime: ReturnType<typeof runtimeOf>;
  image?: OpenImage;
  snapshotter?: string;
}

async function create(ctr: Ctr, { id, spec, flags, runtime, image, snapshotter = "" }: Made): Promise<Container> {
  const config = image?.config.config;
  const ofImage = { ...config?.Labels, ...image?.labels };
  const fits = Object.entries(ofImage).filter(([key, value]) => key.length + value.length <= MAX_LABEL);
  const stop = image ? { [STOP_SIGNAL]: config?.StopSignal || "SIGTERM" } : {};
  const { container } = await ctr.containers.create({
    container: {
      id,
      image: image?.name ?? "",
      labels: { ...Object.fromEntries(fits), ...stop, ...labelsOf(flags.label) },
      runtime,
      spec: specAny(spec),
      snapshotter,
      snapshotKey: image ? id : "",
      sandbox: flags.sandbox,
      extensions: flags.cni ? cniExtension() : {},
    },
  });
  return container!;
}

/** The signal that stops a container's process. */
export function stopSignalOf(container: Container): string {
  return container.labels[STOP_SIGNAL] || "SIGTERM";
}

export async function getContainer(ctr: Ctr, id: string): Promise<Container> {
  return (await ctr.containers.get({ id })).container!;
}

export function readSpec({ spec }: Container): Spec {
  return JSON.parse(native.utf8(spec?.value ?? new Uint8Array(0))) as Spec;
}

/** Removes a container and, unless it is to be kept, its snapshot. */
export async function removeContainer(ctr: Ctr, container: Container, keepSnapshot = false): Promise<void> {
  const { id, snapshotter, snapshotKey: key } = container;
  const snapshot = keepSnapshot || !key ? undefined : ctr.snapshots.remove({ snapshotter, key });
  const unlessGone = snapshot?.catch((error: unknown) => {
    // what nothing refers to any more may have been collected meanwhile
    if (!isCode(error, "NotFound")) throw error;
  });
  await Promise.all([ctr.containers.delete({ id }), unlessGone]);
}
