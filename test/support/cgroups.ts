// Control groups that a test's containers leave above their own: runtimes remove a container's group, never its parents.
import { readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

/** Removes the group of this name from every hierarchy where it is empty; what still has something in it is left to the leak check. */
export function removeCgroups(name: string): void {
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    if (!/ - cgroup2? /.test(line)) continue;
    try {
      rmdirSync(join(line.split(" ")[4]!, name));
    } catch {
      // not in this hierarchy, or not empty
    }
  }
}
