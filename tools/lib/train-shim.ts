// The runs that the images of the agent, out of which wharfd's shims are forked, and of the shim by itself are laid out by.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Spec } from "../../src/common/oci/runtime.ts";
import type { Training } from "./layout.ts";
import { dockerSpec, MARK, makeRootfs } from "./training.ts";

const SHIM = "containerd-shim-runt-v2";
/** One that hangs must not hold up the build. */
const TIMEOUT_MS = 60_000;
/** Of a socket's path; the longest here is that of an attach socket. */
const LONGEST = 107 - "/tasks/one/exec".length;

type Kind = "agent" | "shim";

function life(what: "live" | "clear", kind: Kind, dir: string, command: readonly string[]): string {
  const script = join(import.meta.dirname, "shim-life.ts");
  const { status, signal, stderr } = spawnSync(process.execPath, [script, what, kind, dir, ...command], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const said = stderr.split("\n").find((line) => /^\w*Error\b/.test(line)) ?? stderr.trim();
  return status === 0 ? "" : `${signal ?? `status ${status}`}: ${said}`;
}

function prepare(host: string, dir: string): void {
  if (dir.length > LONGEST) throw new Error(`${dir} is too long for a socket's path`);
  const init = { args: ["true", "stay"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } };
  const bare: Spec = { ociVersion: "1.2.0", process: init, root: { path: "rootfs" } };
  const spec = dockerSpec(bare, dir);
  const cgroupsPath = `/${MARK}-shim`;
  writeFileSync(join(dir, "config.json"), JSON.stringify({ ...spec, linux: { ...spec.linux, cgroupsPath } }));
  makeRootfs(join(dir, "rootfs"));
  symlinkSync(host, join(dir, SHIM));
  mkdirSync(join(dir, "tasks"));
}

function training(kind: Kind, name: string): Training {
  return {
    name: kind,
    run(start, host, _image, dir) {
      // only root makes containers here
      if (process.getuid?.() !== 0) return;
      try {
        prepare(host, dir);
        const fault = life("live", kind, dir, start(name));
        if (fault) throw new Error(fault);
      } catch (error) {
        // no reason to fail: the image is only less well laid out
        process.stderr.write(
          `wharf: the image of ${name} is laid out by less: ${error instanceof Error ? error.message : error}\n`,
        );
      }
    },
    clear(host, image, dir) {
      if (existsSync(join(dir, "tasks"))) life("clear", kind, dir, [host, "--image", image]);
    },
  };
}

export const trainAgent = training("agent", "wharf-agent");
export const trainShim = training("shim", SHIM);
