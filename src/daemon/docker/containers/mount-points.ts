/** Mount points of a container from `-v`, `--mount` and `--tmpfs`. */

import { mkdirSync, statSync } from "node:fs";
import type { MountPoint } from "../../../common/docker/container.ts";
import type { HostConfig } from "../../../common/docker/host-config.ts";
import { WharfError } from "../../../common/errors.ts";
import { normalize } from "../../../common/path.ts";
import { PROPAGATIONS, parseBind } from "../spec/mounts.ts";
import { checkName, DRIVER } from "../volumes/store.ts";

const DEFAULT_PROPAGATION = "rprivate";

/** InvalidArgument for what cannot be mounted. Volumes have no source yet, anonymous ones no name either. */
export function mountPointsOf(host: HostConfig): MountPoint[] {
  const points = [...(host.Binds ?? []).map(fromBind), ...(host.Mounts ?? []).map(fromMount)];
  const seen = new Set<string>(Object.keys(host.Tmpfs ?? {}).map(normalize));
  for (const { Destination } of points) {
    if (seen.has(Destination)) throw bad(`Duplicate mount point: ${Destination}`);
    seen.add(Destination);
  }
  for (const path of Object.keys(host.Tmpfs ?? {}))
    if (!path.startsWith("/")) throw bad(`invalid mount path: '${path}' mount path must be absolute`);
  return points;
}

/** Before a start: sources of `-v` that are missing are made, as Docker does; those of `--mount` must be there. */
export function prepareSources(points: readonly MountPoint[], host: HostConfig): void {
  for (const point of points) {
    if (point.Type !== "bind") continue;
    const spec = host.Mounts?.find((mount) => normalize(mount.Target ?? "") === point.Destination);
    try {
      statSync(point.Source);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
        if (!spec || spec.BindOptions?.CreateMountpoint) {
          mkdirSync(point.Source, { recursive: true, mode: 0o755 });
          continue;
        }
        throw bad(`invalid mount config for type "bind": bind source path does not exist: ${point.Source}`);
      }
      throw new WharfError("InvalidArgument", `cannot look at the bind source ${JSON.stringify(point.Source)}`, {
        operation: "start container",
        subject: point.Source,
        cause,
      });
    }
  }
}

function fromBind(text: string): MountPoint {
  const { source, destination, mode } = parseBind(text);
  if (!source.startsWith("/")) return volumePoint(source, destination, mode);
  const options = mode.split(",");
  const readOnly = options.includes("ro");
  return {
    Type: "bind",
    Source: normalize(source),
    Destination: destination,
    Mode: mode,
    RW: !readOnly,
    Propagation: options.find((option) => PROPAGATIONS.has(option)) ?? DEFAULT_PROPAGATION,
  };
}

function fromMount(mount: NonNullable<HostConfig["Mounts"]>[number]): MountPoint {
  const target = mount.Target ?? "";
  const invalid = (why: string) => bad(`invalid mount config for type "${mount.Type ?? ""}": ${why}`);
  if (target === "") throw invalid("field Target must not be empty");
  if (!target.startsWith("/")) throw invalid(`invalid mount path: '${target}' mount path must be absolute`);
  if (normalize(target) === "/") throw invalid("invalid specification: destination can't be '/'");
  const point = {
    Source: "",
    Destination: normalize(target),
    Mode: "",
    RW: !(mount.ReadOnly ?? false),
    Propagation: "",
  };
  if (mount.Type === "tmpfs") {
    if (mount.Source) throw invalid("field Source must not be specified");
    return { Type: "tmpfs", ...point };
  }
  if (mount.Type === "bind") {
    const source = mount.Source ?? "";
    if (source === "") throw invalid("field Source must not be empty");
    if (!source.startsWith("/")) throw invalid(`invalid mount path: '${source}' mount path must be absolute`);
    const propagation = mount.BindOptions?.Propagation || DEFAULT_PROPAGATION;
    if (!PROPAGATIONS.has(propagation)) throw invalid(`invalid propagation mode: ${propagation}`);
    const { ReadOnlyForceRecursive, NonRecursive, ReadOnlyNonRecursive } = mount.BindOptions ?? {};
    if (ReadOnlyForceRecursive && (NonRecursive || ReadOnlyNonRecursive)) {
      throw invalid("ReadOnlyForceRecursive cannot be combined with NonRecursive or ReadOnlyNonRecursive");
    }
    if (ReadOnlyForceRecursive && propagation !== DEFAULT_PROPAGATION) {
      throw invalid(`ReadOnlyForceRecursive needs the propagation ${DEFAULT_PROPAGATION}, not ${propagation}`);
    }
    try {
      if (!mount.BindOptions?.CreateMountpoint) statSync(source);
    } catch {
      throw invalid(`bind source path does not exist: ${source}`);
    }
    return { Type: "bind", ...point, Source: normalize(source), Propagation: propagation };
  }
  if (mount.Type === "volume") {
    const name = mount.Source ?? "";
    if (mount.BindOptions) throw invalid("field BindOptions must not be specified");
    return { ...volumePoint(name, point.Destination, ""), RW: point.RW };
  }
  throw bad(`mount type unknown: ${mount.Type ?? ""}`);
}

/** As dockerd shows it: a volume that was asked for has the mode z. */
function volumePoint(name: string, destination: string, mode: string): MountPoint {
  if (name !== "") checkName(name);
  return {
    Type: "volume",
    Name: name,
    Source: "",
    Destination: destination,
    Driver: DRIVER,
    Mode: mode || "z",
    RW: !mode.split(",").includes("ro"),
    Propagation: "",
  };
}

function bad(message: string): WharfError {
  return new WharfError("InvalidArgument", message, { operation: "create container" });
}
