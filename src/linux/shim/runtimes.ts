// Which runtime a container gets: runt, in the shim itself, unless the options name another program.
import type { Options } from "../../common/gen/containerd/runc/options.ts";
import { basename, dirname, join } from "../../common/path.ts";
import type { BundleRecord } from "./bundle.ts";
import { CliRuntime } from "./cli-runtime.ts";
import { OwnRuntime } from "./own-runtime.ts";
import type { Reaper } from "./reaper.ts";
import type { OciRuntime } from "./runtime.ts";

/** runt's code is in the shim: its program is not run. */
export function isOwn(binary: string): boolean {
  return binary === "" || basename(binary) === "runt";
}

/** Where the daemon at `address` has its run-time state: /run/containerd for containerd. */
export function stateFolder(address: string): string {
  const path = address.replace(/^unix:\/\//, "");
  return path.startsWith("/") ? dirname(path) : "/run/containerd";
}

/** By default states lie beside the daemon's socket, for runc and its like where containerd has them. */
export function runtimeRecord(options: Options, address: string, namespace: string): BundleRecord {
  const { binaryName: binary, systemdCgroup } = options;
  const root = options.root || join(stateFolder(address), isOwn(binary) ? "runt" : "runc");
  return { binary, root: join(root, namespace), systemdCgroup };
}

export function makeRuntime(
  reaper: Reaper,
  record: BundleRecord,
  container: { id: string; bundle: string; options?: Options; traces?: string },
): OciRuntime {
  const { id, bundle, options, traces = "" } = container;
  const { binary, root, systemdCgroup } = record;
  const noPivotRoot = options?.noPivotRoot ?? false;
  const noNewKeyring = options?.noNewKeyring ?? false;
  const all = { id, bundle, root, systemdCgroup, noPivotRoot, noNewKeyring, traces };
  return isOwn(binary) ? new OwnRuntime(reaper, all) : new CliRuntime(reaper, binary, all);
}
