/** An agent for tests without the linux world: it removes, measures, unmounts and runs commands. */

import { spawn, spawnSync } from "node:child_process";
import { cp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { WharfError } from "../../../common/errors.ts";
import type { AgentClient, SpawnShimRequest, SpawnShimResult, Usage } from "../agent.ts";
import type { Mount } from "../api/types.ts";

export class FakeAgent implements AgentClient {
  unpack(): Promise<never> {
    return refuse("unpack");
  }

  diff(): Promise<never> {
    return refuse("diff");
  }

  inherit(): Promise<never> {
    return refuse("inherit");
  }

  async copy(source: string, target: string): Promise<void> {
    await cp(source, target, { recursive: true, verbatimSymlinks: true });
  }

  async idmaps(): Promise<boolean> {
    return true;
  }

  async mount(mounts: readonly Mount[], target: string): Promise<void> {
    for (const { type, source, options } of mounts) {
      const { status, stderr } = spawnSync("mount", ["-t", type, "-o", options.join(","), source, target]);
      if (status !== 0) throw new WharfError("Unknown", `cannot mount ${target}: ${String(stderr)}`);
    }
  }

  async unmount(target: string): Promise<void> {
    // Several may lie on one another; the last call finds nothing to unmount.
    while (spawnSync("umount", ["--recursive", "--lazy", target]).status === 0);
  }

  pinUserNamespace(): Promise<never> {
    return refuse("pin user namespace");
  }

  async makeFifo(path: string): Promise<void> {
    await rm(path, { force: true });
    const { status, stderr } = spawnSync("mkfifo", ["-m", "600", path]);
    if (status !== 0) throw new WharfError("Unknown", `cannot make ${path}: ${String(stderr)}`);
  }

  readFile(): Promise<never> {
    return refuse("read file");
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) await rm(path, { recursive: true, force: true });
  }

  async usage(path: string): Promise<Usage> {
    const total = { size: 0, inodes: 1 };
    for (const entry of await readdir(path, { recursive: true })) {
      total.size += (await stat(join(path, entry))).size;
      total.inodes++;
    }
    return total;
  }

  spawnShim(request: SpawnShimRequest): Promise<SpawnShimResult> {
    const { binary, args, env, cwd, stdin, signal } = request;
    const pairs = env.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]);
    const child = spawn(binary, args, { cwd, env: Object.fromEntries(pairs), signal, detached: true });
    child.stdin.end(stdin);
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("latin1").on("data", (text: string) => {
        output[name] += text;
      });
    }
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ exitCode: code ?? 137, ...output }));
    });
  }
}

function refuse(operation: string): Promise<never> {
  return Promise.reject(new WharfError("Unimplemented", `the fake agent cannot ${operation}`));
}
