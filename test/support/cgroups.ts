// Control groups that a test's containers leave above their own: runtimes remove a container's group, never its parents.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

/** The folder with all below it, from the bottom; throws at what is not empty. */
function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  rmdirSync(folder);
}

/** Where cgroup hierarchies are mounted. */
function hierarchies(): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4]!);
}

/** Makes the group of this name in every hierarchy whose new groups take processes at once: not in that of the processors (version 1). */
export function makeCgroups(name: string): void {
  for (const point of hierarchies()) if (!point.endsWith("/cpuset")) mkdirSync(join(point, name), { recursive: true });
}

/** The folders of the group of this name, one of each hierarchy where it is. */
export function foldersOf(name: string): string[] {
  return hierarchies()
    .map((point) => join(point, name))
    .filter((folder) => existsSync(folder));
}

/** Removes the group of this name, with those below it, from every hierarchy where nobody is in it; what still has something in it is left to the leak check. True when nothing is left. */
export function removeCgroups(name: string): boolean {
  let gone = true;
  for (const point of hierarchies()) {
    try {
      removeTree(join(point, name));
    } catch (error) {
      // not in this hierarchy, or not empty
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") gone = false;
    }
  }
  return gone;
}
