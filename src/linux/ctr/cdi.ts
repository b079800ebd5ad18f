// CDI devices of this host for a container's configuration.
import { CdiDevices, type Looked } from "../../common/cdi/inject.ts";
import { parseCdiSpec } from "../../common/cdi/spec.ts";
import { WharfError } from "../../common/errors.ts";
import type { Spec } from "../../common/oci/runtime.ts";
import { join } from "../../common/path.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  exists,
  readDir,
  readText,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
  statIfThere,
} from "../sys/fs.ts";

/** Later ones before earlier ones. */
const CDI_FOLDERS: readonly string[] = ["/etc/cdi", "/var/run/cdi"];

/** All devices of the folders; files that are not usable stand in `faults`. */
function cdiDevices(folders: readonly string[] = CDI_FOLDERS): CdiDevices {
  const devices = new CdiDevices();
  for (const [rank, folder] of folders.entries()) {
    const names = exists(folder) ? readDir(folder).map(({ name }) => name) : [];
    for (const name of names.filter((one) => /[.](json|yaml)$/.test(one)).sort()) {
      const path = join(folder, name);
      try {
        devices.add(parseCdiSpec(path, readText(path)), rank);
      } catch (error) {
        if (!(error instanceof WharfError)) throw error;
        const { cause } = error;
        devices.faults.push(`${error.message}${cause instanceof Error ? `: ${cause.message}` : ""}`);
      }
    }
  }
  return devices;
}

export function injectDevices(spec: Spec, names: readonly string[], folders = CDI_FOLDERS): void {
  if (names.length > 0) cdiDevices(folders).inject(spec, names, look);
}

function look(path: string): Looked {
  const found = statIfThere(path, AT_SYMLINK_NOFOLLOW);
  if (!found) throw new WharfError("NotFound", `CDI device: the host has no ${JSON.stringify(path)}`);
  const { mode, rdevMajor: major, rdevMinor: minor } = found;
  const type = { [S_IFBLK]: "b" as const, [S_IFCHR]: "c" as const, [S_IFIFO]: "p" as const }[mode & S_IFMT];
  if (!type) throw new WharfError("InvalidArgument", `CDI device: ${JSON.stringify(path)} is no device`);
  return { type, major, minor };
}
