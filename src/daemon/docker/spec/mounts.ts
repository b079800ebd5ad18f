/** A container's mounts in the order they are made: the defaults, then what was asked for, shallow paths first. */

import type { MountPoint } from "../../../common/docker/container.ts";
import type { HostConfig } from "../../../common/docker/host-config.ts";
import { WharfError } from "../../../common/errors.ts";
import type { Mount } from "../../../common/oci/runtime.ts";
import { normalize } from "../../../common/path.ts";
import { defaultMounts } from "./defaults.ts";

/** A file of the daemon's that is shown in the container: /etc/hosts and its like. */
export interface OwnFile {
  source: string;
  destination: string;
}

/** Mounts that are not the container's own file systems keep out of what is made read-only. */
const STAY_WRITABLE = new Set(["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"]);

export function mountsOf(host: HostConfig, points: readonly MountPoint[], own: readonly OwnFile[]): Mount[] {
  const asked: Mount[] = points.map((point) => fromPoint(point, host));
  for (const [destination, options] of Object.entries(host.Tmpfs ?? {}))
    asked.push(tmpfs(normalize(destination), options));
  const taken = new Set(asked.map((mount) => mount.destination));
  for (const { source, destination } of own) {
    if (taken.has(destination)) continue;
    const options = ["rbind", "rprivate"];
    if (host.ReadonlyRootfs) options.push("ro");
    asked.push({ destination, type: "bind", source, options });
  }
  asked.sort((a, b) => depth(a.destination) - depth(b.destination));
  const defaults = defaultMounts(host.ShmSize).filter(
    ({ destination }) =>
      !taken.has(destination) &&
      !(taken.has("/dev") && destination.startsWith("/dev/")) &&
      !(destination === "/dev/shm" && host.IpcMode === "none"),
  );
  for (const mount of defaults) {
    if (host.ReadonlyRootfs && !STAY_WRITABLE.has(mount.destination) && !mount.options!.includes("ro"))
      mount.options!.push("ro");
    const writable = host.Privileged && (mount.destination === "/sys" || mount.type === "cgroup");
    if (writable) mount.options = mount.options!.filter((option) => option !== "ro");
  }
  return [...defaults, ...asked];
}

function fromPoint(point: MountPoint, host: HostConfig): Mount {
  const spec = host.Mounts?.find((mount) => normalize(mount.Target ?? "") === point.Destination);
  if (point.Type === "tmpfs") {
    const options: string[] = [];
    if (spec?.TmpfsOptions?.SizeBytes) options.push(`size=${spec.TmpfsOptions.SizeBytes}`);
    if (spec?.TmpfsOptions?.Mode) options.push(`mode=${spec.TmpfsOptions.Mode.toString(8)}`);
    for (const pair of spec?.TmpfsOptions?.Options ?? []) options.push(pair.join("="));
    if (!point.RW) options.push("ro");
    return tmpfs(point.Destination, options.join(","));
  }
  const bind = spec?.BindOptions;
  const options = [bind?.NonRecursive || point.Mode.split(",").includes("bind-nonrecursive") ? "bind" : "rbind"];
  if (!point.RW) options.push(readOnly(bind, point.Mode));
  if (point.Propagation !== "") options.push(point.Propagation);
  else if (point.Type === "volume") options.push("rprivate");
  return { destination: point.Destination, type: "bind", source: point.Source, options };
}

/** Read-only with all that is mounted below, as Docker has it since 25. */
function readOnly(bind: { ReadOnlyNonRecursive?: boolean | undefined } | undefined, mode: string): "ro" | "rro" {
  return bind?.ReadOnlyNonRecursive || mode.split(",").some((part) => part === "ro-non-recursive") ? "ro" : "rro";
}

function tmpfs(destination: string, options: string): Mount {
  const given = options.split(",").filter(Boolean);
  const has = (...names: string[]) => given.some((option) => names.includes(option));
  const base: string[] = [];
  for (const [no, yes] of [
    ["noexec", "exec"],
    ["nosuid", "suid"],
    ["nodev", "dev"],
  ] as const)
    if (!has(no, yes)) base.push(no);
  if (!has("private", "rprivate", "shared", "rshared", "slave", "rslave")) base.push("rprivate");
  return { destination, type: "tmpfs", source: "tmpfs", options: [...base, ...given] };
}

function depth(path: string): number {
  return path === "/" ? 0 : path.split("/").length;
}

/** `host-path-or-volume:container-path[:options]` as its parts. InvalidArgument says what is wrong. */
export function parseBind(text: string): { source: string; destination: string; mode: string } {
  const parts = text.split(":");
  const bad = (why: string) =>
    new WharfError("InvalidArgument", `invalid volume specification: '${text}': ${why}`, {
      operation: "create container",
      subject: text,
      hint: "it is HOST-PATH:CONTAINER-PATH[:OPTIONS] with absolute paths, like /srv/data:/data:ro",
    });
  if (parts.length > 3 || parts.length === 0) throw bad("too many colons");
  const [source, destination, mode = ""] = parts.length === 1 ? ["", parts[0]!] : (parts as [string, string, string?]);
  if (!destination.startsWith("/")) throw bad(`invalid mount path: '${destination}' mount path must be absolute`);
  if (normalize(destination) === "/") throw bad("invalid specification: destination can't be '/'");
  if (parts.length > 1 && source === "") throw bad("the source is empty");
  for (const option of mode.split(",").filter(Boolean)) if (!OPTIONS.has(option)) throw bad(`invalid mode: ${mode}`);
  return { source, destination: normalize(destination), mode };
}

export const PROPAGATIONS = new Set(["private", "rprivate", "slave", "rslave", "shared", "rshared"]);
const OPTIONS = new Set([
  ...PROPAGATIONS,
  "ro",
  "rw",
  "z",
  "Z",
  "nocopy",
  "cached",
  "delegated",
  "consistent",
  "bind-nonrecursive",
  "ro-non-recursive",
  "ro-force-recursive",
]);
