// The commit that is built, for `version`: one line in dist/commit, beside what it tells of. Not in the programs, which a commit that changes nothing of
// theirs would have to be built anew for.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** With `.m` at its end, as containerd has it, where files were changed since; empty where `root` is not itself a git work tree. */
export function commitOf(root: string): string {
  const git = (...args: string[]) =>
    spawnSync("git", ["--no-optional-locks", "-C", root, ...args], { encoding: "utf8" });
  // a tree that was unpacked inside another project's is none of that one's commits
  const [up, commit] = git("rev-parse", "--show-cdup", "HEAD").stdout?.split("\n") ?? [];
  if (up !== "" || !/^[0-9a-f]{40,64}$/.test(commit ?? "")) return "";
  const changed = git("status", "--porcelain", "--untracked-files=no").stdout !== "";
  return `${commit}${changed ? ".m" : ""}`;
}

export function writeCommit(root: string): void {
  const file = join(root, "dist/commit");
  const line = `${commitOf(root)}\n`;
  let there: string | undefined;
  try {
    there = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  if (line !== there) writeFileSync(file, line);
}
