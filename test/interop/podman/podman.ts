// podman and buildah of the peers root on runt, with storage of their own. Each call is a mount namespace of its own, in which
// the folders with their state are shown.
import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../../../tools/lib/native.ts";
import { removeCgroups } from "../../support/cgroups.ts";
import { runMark } from "../../support/run.ts";
import { execute, type Result, type RunOptions, Scratch } from "../cli/program.ts";

export const RUNT = join(ROOT, "dist/bin/runt");
const APPLETS = "sh echo cat ls id sleep true false touch rm mkdir grep stat env hostname test ps";

export class Podman implements AsyncDisposable {
  readonly #scratch = new Scratch();
  /** Below this group the containers live. */
  readonly cgroup = `${runMark()}-podman-${process.pid}`;
  readonly dir = this.#scratch.dir;

  constructor() {
    // what must outlive a call: /run is new in each
    mkdirSync(join(this.dir, "run"));
  }

  /** podman or buildah, with the flags that keep its storage in our folder. */
  run(program: "podman" | "buildah", args: readonly string[], options?: RunOptions): Promise<Result> {
    const storage = [
      "--root",
      join(this.dir, "storage"),
      "--runroot",
      join(this.dir, "runroot"),
      "--storage-driver",
      "vfs",
    ];
    const flags =
      program === "podman"
        ? [
            ...storage,
            "--runtime",
            RUNT,
            "--cgroup-manager",
            "cgroupfs",
            "--tmpdir",
            join(this.dir, "tmp"),
            "--events-backend",
            "file",
          ]
        : storage;
    // both keep locks and container state below /run
    const script = `mount --bind ${join(this.dir, "run")} /run
      export PODMAN_IGNORE_CGROUPSV1_WARNING=1
      exec "$@"`;
    const command = ["sh", "-c", script, "sh", program, ...flags, ...args];
    return execute([join(ROOT, "tools/peers"), "enter", "--bind", this.dir, "--bind", ROOT, ...command], options);
  }

  /** An image of busybox, from a folder. */
  async importBusybox(): Promise<void> {
    const root = join(this.dir, "busybox");
    for (const folder of ["bin", "tmp", "etc"]) mkdirSync(join(root, folder), { recursive: true });
    copyFileSync("/usr/bin/busybox", join(root, "bin/busybox"));
    chmodSync(join(root, "tmp"), 0o1777);
    for (const name of APPLETS.split(" ")) symlinkSync("busybox", join(root, "bin", name));
    const tar = await execute(["tar", "-C", root, "-cf", join(this.dir, "busybox.tar"), "."]);
    const made = await this.run("podman", [
      "import",
      "--change",
      "CMD=sh",
      join(this.dir, "busybox.tar"),
      "busybox:latest",
    ]);
    if (tar.code !== 0 || made.code !== 0) throw new Error(`no busybox image: ${tar.stderr}${made.stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("podman", ["pod", "rm", "-af", "-t", "0"]);
    await this.run("podman", ["rm", "-af", "-t", "0"]);
    // what cleans up behind the last container may be at it still
    for (const end = Date.now() + 10_000; !removeCgroups(this.cgroup) && Date.now() < end; ) await sleep(50);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
