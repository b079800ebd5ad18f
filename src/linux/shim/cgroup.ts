// A process's cgroups as /proc tells them, on v1, v2 and both at once.
import { readSmall } from "./io/scratch.ts";

export interface Cgroups {
  /** The v2 group's folder; undefined when no controller is there to be read. */
  unified: string | undefined;
  /** v1 groups' folders by controller. */
  controllers: Map<string, string>;
}

const ROOT = "/sys/fs/cgroup";

/** Cgroups of a living process, with the hierarchies at their usual places. */
export function cgroupsOf(pid: number): Cgroups {
  const found: Cgroups = { unified: undefined, controllers: new Map() };
  for (const line of readSmall(`/proc/${pid}/cgroup`).trim().split("\n")) {
    const [, names = "", ...rest] = line.split(":");
    const path = rest.join(":");
    if (names === "") found.unified = `${ROOT}${path}`;
    else for (const name of names.split(",")) found.controllers.set(name, `${ROOT}/${name}${path}`);
  }
  // with v1 controllers beside it the v2 tree, if mounted at all, holds none
  if ([...found.controllers.keys()].some((name) => !name.startsWith("name="))) found.unified = undefined;
  return found;
}
