// The daemon's earlier builds: each lies in a folder of its own, because a daemon that runs loads parts of its build later on.
import { globSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

/** Removes the folders of earlier builds, except where a daemon runs out of one. */
export function removeUnused(folder: string, current: string): void {
  const running = globSync("/proc/[0-9]*/cmdline").map((file) => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return ""; // it has ended
    }
  });
  for (const name of readdirSync(folder))
    if (name !== current && !running.some((line) => line.includes(`${basename(folder)}/${name}/`)))
      rmSync(join(folder, name), { recursive: true, force: true });
}
