// A real containerd from the peers root with folders of its own; what it works on is seen outside at the same paths.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../../../tools/lib/native.ts";
import { execute } from "../cli/program.ts";

const NO_CRI = ["io.containerd.grpc.v1.cri"];
/** What the controllers of sandboxes hang on. */
const NO_PODS = [
  "io.containerd.cri.v1.images",
  "io.containerd.cri.v1.runtime",
  "io.containerd.podsandbox.controller.v1.podsandbox",
];

export class RealContainerd implements AsyncDisposable {
  readonly dir: string;
  readonly socket: string;
  readonly #child: ChildProcess;

  private constructor(dir: string, child: ChildProcess) {
    this.dir = dir;
    this.socket = join(dir, "containerd.sock");
    this.#child = child;
  }

  /** Starts one whose folders lie below `parent`; resolves when it answers. `pods`: with the controllers of sandboxes. */
  static async start(parent: string, pods = false): Promise<RealContainerd> {
    const dir = mkdtempSync(join(parent, "containerd-"));
    const socket = join(dir, "containerd.sock");
    mkdirSync(join(dir, "fifo"));
    writeFileSync(
      join(dir, "config.toml"),
      `version = 3
root = "${dir}/root"
state = "${dir}/state"
disabled_plugins = ${JSON.stringify(pods ? NO_CRI : [...NO_CRI, ...NO_PODS])}
[grpc]
  address = "${socket}"
[ttrpc]
  address = "${socket}.ttrpc"
`,
    );
    const log = openSync(join(dir, "log"), "w");
    // our shim is found as any other is, by the search path
    const path = `PATH=${join(ROOT, "dist/bin")}:/usr/sbin:/usr/bin:/sbin:/bin`;
    const args = [
      "enter",
      "--hybrid",
      "--bind",
      dir,
      "--bind",
      ROOT,
      "env",
      path,
      "containerd",
      "-c",
      join(dir, "config.toml"),
    ];
    const child = spawn(join(ROOT, "tools/peers"), args, { stdio: ["ignore", log, log] });
    const containerd = new RealContainerd(dir, child);
    for (const end = Date.now() + 120_000; Date.now() < end; ) {
      const { code } = await execute([join(ROOT, "dist/bin/ctr"), "-a", socket, "version"]);
      if (code === 0) return containerd;
      await sleep(50);
    }
    await containerd[Symbol.asyncDispose]();
    throw new Error(`containerd does not start: ${readFileSync(join(dir, "log"), "utf8")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 60_000);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await ended;
    clearTimeout(late);
  }
}
