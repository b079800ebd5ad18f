/** A new container's mounts: those asked for, those of other containers, the image's; their volumes are found or made. */

import type { ContainerConfig, MountPoint } from "../../../common/docker/container.ts";
import type { HostConfig } from "../../../common/docker/host-config.ts";
import { WharfError } from "../../../common/errors.ts";
import { normalize } from "../../../common/path.ts";
import { mountPointsOf } from "../containers/mount-points.ts";
import type { Engine } from "../engine.ts";
import { DRIVER } from "./store.ts";
import { checkSubpath } from "./subpaths.ts";

/** Volumes stay held until it is disposed of; `undo` removes those that were made for this alone. */
export interface ResolvedMounts extends Disposable {
  mounts: MountPoint[];
  /** Places of volumes that are not to be filled. */
  nocopy: ReadonlySet<string>;
  /** By destination. */
  subpaths: Record<string, string>;
  undo(): Promise<void>;
}

export async function resolveMounts(
  engine: Engine,
  host: HostConfig,
  volumes: ContainerConfig["Volumes"],
): Promise<ResolvedMounts> {
  using holds = new DisposableStack();
  const made: string[] = [];
  const nocopy = new Set<string>();
  const asked = mountPointsOf(host);
  const taken = new Set([
    ...asked.map(({ Destination }) => Destination),
    ...Object.keys(host.Tmpfs ?? {}).map(normalize),
  ]);
  const subpaths: Record<string, string> = {};
  const inherited = (host.VolumesFrom ?? []).flatMap((text) => mountsFrom(engine, text));
  const further: MountPoint[] = [];
  for (const { point, subpath } of inherited) {
    const { Destination } = point;
    if (taken.has(Destination)) continue;
    further.push(point);
    taken.add(Destination);
    nocopy.add(Destination);
    if (subpath !== undefined) subpaths[Destination] = subpath;
  }
  for (const path of Object.keys(volumes ?? {})) {
    const Destination = normalize(path);
    if (!path.startsWith("/") || Destination === "/") {
      throw new WharfError("InvalidArgument", `invalid volume specification: '${path}'`, {
        operation: "create container",
      });
    }
    if (taken.has(Destination)) continue;
    taken.add(Destination);
    further.push({
      Type: "volume",
      Name: "",
      Source: "",
      Destination,
      Driver: DRIVER,
      Mode: "",
      RW: true,
      Propagation: "",
    });
  }
  const mounts: MountPoint[] = [];
  try {
    for (const point of [...asked, ...further]) {
      if (point.Type !== "volume") {
        mounts.push(point);
        continue;
      }
      const spec = host.Mounts?.find((mount) => normalize(mount.Target ?? "") === point.Destination);
      const options = spec?.VolumeOptions;
      if (options?.Subpath) {
        subpaths[point.Destination] = checkSubpath(options.Subpath);
        // What the image has at this place belongs to a whole volume.
        nocopy.add(point.Destination);
      }
      if (options?.NoCopy || point.Mode.split(",").includes("nocopy")) nocopy.add(point.Destination);
      if (point.Name) holds.use(engine.volumes.hold(point.Name));
      const driver = options?.DriverConfig?.Name || (spec ? "" : host.VolumeDriver);
      // NotFound would have clients pull the image.
      if (driver !== "" && driver !== DRIVER) {
        throw new WharfError(
          "InvalidArgument",
          `error looking up volume plugin ${driver}: plugin "${driver}" not found`,
          {
            operation: "create container",
          },
        );
      }
      const volume = await engine.volumes.create({
        ...(point.Name ? { name: point.Name } : {}),
        driver,
        labels: options?.Labels,
        options: options?.DriverConfig?.Options,
      });
      if (!point.Name) {
        made.push(volume.name);
        holds.use(engine.volumes.hold(volume.name));
      }
      mounts.push({ ...point, Name: volume.name, Source: engine.volumes.store.path(volume.name), Driver: DRIVER });
    }
  } catch (error) {
    holds.dispose();
    await removeAll(engine, made);
    throw error;
  }
  const kept = holds.move();
  const undo = async (): Promise<void> => {
    kept.dispose();
    await removeAll(engine, made);
  };
  return { mounts, nocopy, subpaths, undo, [Symbol.dispose]: () => kept.dispose() };
}

async function removeAll(engine: Engine, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await engine.volumes.remove(name).catch((error: unknown) => {
      engine.log("warn", "a volume that was made in vain is left", { volume: name, error });
    });
  }
}

/** `--volumes-from container[:ro|rw]`. InvalidArgument. */
function mountsFrom(engine: Engine, text: string): { point: MountPoint; subpath: string | undefined }[] {
  const colon = text.lastIndexOf(":");
  const mode = colon > 0 ? text.slice(colon + 1) : "";
  if (mode !== "" && !mode.split(",").every((word) => /^(ro|rw|z|Z)$/.test(word))) {
    throw new WharfError("InvalidArgument", `invalid mode for volumes-from: ${mode}`, {
      operation: "create container",
    });
  }
  const from = engine.containers.other(colon > 0 ? text.slice(0, colon) : text);
  const readOnly = mode.split(",").includes("ro");
  return from.record.mounts
    .filter(({ Type }) => Type === "volume" || Type === "bind")
    .map((point) => ({
      point: { ...point, RW: point.RW && !readOnly },
      subpath: from.record.subpaths?.[point.Destination],
    }));
}
