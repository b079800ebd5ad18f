// Control groups that a test's containers leave above their own: runtimes remove a container's group, never its parents.
import { readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

/** The folder with all below it, from the bottom; throws at what is not empty. */
function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  rmdirSync(folder);
}

/** Removes the group of this name, with those below it, from every hierarchy where nobody is in it; what still has something in it is left to the leak check. True when nothing is left. */
export function removeCgroups(name: string): boolean {
  let gone = true;
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    if (!/ - cgroup2? /.test(line)) continue;
    try {
      removeTree(join(line.split(" ")[4]!, name));
    } catch (error) {
      // not in this hierarchy, or not empty
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") gone = false;
    }
  }
  return gone;
}
