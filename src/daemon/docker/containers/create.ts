/** Creating a container: everything is checked first, then its record, snapshot and folder are made, or none of them. */

import type { ContainerCreateRequest } from "../../../common/docker/container.ts";
import { isCode, WharfError } from "../../../common/errors.ts";
import { parsePlatform } from "../../../common/oci/platform.ts";
import { OCI_VERSION } from "../../../common/oci/runtime.ts";
import { SPEC_TYPE_URL } from "../../containerd/api/containers.ts";
import { DEFAULT_SNAPSHOTTER } from "../../containerd/api.ts";
import { warned } from "../../expected.ts";
import { withSpan } from "../../trace/trace.ts";
import { hostPlatform } from "../../transfer/platform.ts";
import { ensureUnpacked } from "../../transfer/stored.ts";
import { FirstTime } from "../../turn.ts";
import { now } from "../clock.ts";
import type { Engine } from "../engine.ts";
import { newId } from "../ids.ts";
import { endpointsOf } from "../network/endpoints.ts";
import { resolveLinks } from "../network/links.ts";
import { portRequests } from "../network/ports.ts";
import { checkSharedNetwork, resolveNetworkMode } from "../network/shared.ts";
import { populateVolumes } from "../volumes/populate.ts";
import { resolveMounts } from "../volumes/resolve.ts";
import { argumentsOf, mergeConfig } from "./config.ts";
import { Container } from "./container.ts";
import { completeHostConfig } from "./host-config.ts";
import { type ContainerRecord, EXTENSION, encodeRecord, NEVER } from "./record.ts";

const FIRST = new FirstTime();

export interface CreateOptions {
  request: ContainerCreateRequest;
  name?: string | undefined;
  platform?: string | undefined;
  /** Minor number of the API version that is spoken. */
  version: number;
}

/** NotFound (image), InvalidArgument, AlreadyExists (name). */
export async function createContainer(
  engine: Engine,
  options: CreateOptions,
): Promise<{ container: Container; warnings: string[] }> {
  const { request } = options;
  if (!request.Image) throw new WharfError("InvalidArgument", "no image specified", { operation: "create container" });
  const platform = options.platform ? parsePlatform(options.platform, hostPlatform()) : undefined;
  const image = await engine.images.resolve(request.Image, platform);
  const id = newId();
  const config = mergeConfig(request, image.config.config ?? {}, id);
  const [path, ...args] = argumentsOf(config);
  const hostConfig = completeHostConfig(
    { ...(request.Runtime ? { Runtime: request.Runtime } : {}), ...request.HostConfig },
    engine.networks.defaultMode,
    engine.logs,
  );
  if (hostConfig.Runtime === "") hostConfig.Runtime = engine.runtimes.default;
  engine.runtimes.resolve(hostConfig.Runtime);
  hostConfig.NetworkMode = config.NetworkDisabled
    ? "none"
    : resolveNetworkMode(engine, engine.networks, hostConfig.NetworkMode);
  checkNetwork(engine, hostConfig.NetworkMode);
  checkSharedNetwork({ config, hostConfig });
  const warnings: string[] = [];
  if (config.Healthcheck?.Test?.length && config.Healthcheck.Test[0] !== "NONE") {
    warnings.push("Health checks are not carried out yet: the container has no health status.");
  }
  const networks = endpointsOf(engine, request, hostConfig.NetworkMode, options.version, warnings);
  const links = resolveLinks(engine, hostConfig);
  // Ports that cannot be are refused now, not at the start.
  portRequests({ config, hostConfig });
  if (options.name) await engine.containers.left(options.name);
  using reserved = engine.containers.reserve(options.name, id);
  using resolved = await resolveMounts(engine, hostConfig, config.Volumes);
  const { mounts } = resolved;
  const record: ContainerRecord = {
    id,
    name: reserved.name,
    created: now(),
    path,
    args,
    config,
    hostConfig,
    mounts,
    imageId: image.id,
    imageSnapshot: image.chainId,
    platform: image.config.os || "linux",
    systemdCgroup: engine.runtimes.systemdCgroup(hostConfig.Runtime),
    restartCount: 0,
    ...(Object.keys(resolved.subpaths).length > 0 ? { subpaths: resolved.subpaths } : {}),
    ...(Object.keys(links).length > 0 ? { links } : {}),
    networks,
    state: {
      phase: "created",
      pid: 0,
      exitCode: 0,
      error: "",
      oomKilled: false,
      startedAt: NEVER,
      finishedAt: NEVER,
      stopped: false,
    },
  };
  try {
    await FIRST.step();
    await ensureUnpacked(engine.client, image);
    await FIRST.step();
    await makeStored(engine, record, image.images[0]?.name ?? "", resolved.nocopy);
  } catch (error) {
    await resolved.undo();
    throw error;
  }
  await FIRST.step();
  FIRST.done();
  const container = new Container(record);
  engine.containers.add(container);
  reserved.keep();
  engine.emit(container, "create");
  return { container, warnings };
}

/** The containerd container first: what it names, garbage collection leaves alone. */
async function makeStored(
  engine: Engine,
  record: ContainerRecord,
  image: string,
  nocopy: ReadonlySet<string>,
): Promise<void> {
  const { client } = engine;
  await engine.turns.next();
  const stored = {
    id: record.id,
    image,
    runtime: engine.runtimes.resolve(record.hostConfig.Runtime),
    // Made at the start, when it is known what it depends on.
    spec: { typeUrl: SPEC_TYPE_URL, value: Buffer.from(JSON.stringify({ ociVersion: OCI_VERSION })) },
    snapshotter: DEFAULT_SNAPSHOTTER,
    snapshotKey: record.id,
    extensions: { [EXTENSION]: encodeRecord(record) },
  };
  // One that goes with its end anyway need not survive a power cut; the others are on their way to the disk.
  await client.containers.create(stored, { flush: record.hostConfig.AutoRemove ? false : undefined });
  await FIRST.step();
  try {
    await withSpan("prepare snapshot", () => client.snapshots().prepare(record.id, record.imageSnapshot));
    await populateVolumes(engine, record, nocopy);
  } catch (error) {
    const left = (what: string) => warned(engine.log, what, { id: record.id }, "NotFound");
    await client.containers.delete(record.id).catch(left("a container that could not be made is left"));
    await client
      .snapshots()
      .remove(record.id)
      .catch(left("the snapshot of a container that could not be made is left"));
    throw error;
  }
}

/** No 404 for a network that is not there: to clients, that of a creation means the image, which they then pull. */
function checkNetwork(engine: Engine, mode: string): void {
  try {
    engine.networks.get(mode);
  } catch (error) {
    if (!isCode(error, "NotFound")) throw error;
    const { message, operation, subject, hint } = WharfError.from(error);
    throw new WharfError("InvalidArgument", message, { operation, subject, hint });
  }
}
