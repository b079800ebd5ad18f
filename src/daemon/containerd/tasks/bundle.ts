/**
 * Bundles, `<state>/tasks/<namespace>/<id>/`: config.json, the empty directory that the shim mounts the rootfs on, and the files a
 * shim keeps there (address, shim.pid, init.pid, log …).
 */

import { chmodSync, chownSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { WharfError } from "../../../common/errors.ts";
import { fromFile } from "../../../common/file-error.ts";
import { SHIM_GROUPS } from "../../../common/shim.ts";
import { decodeUtf8 } from "../../../common/utf8.ts";
import { ifMissing } from "../../expected.ts";
import type { AgentClient } from "../agent.ts";

export function bundlePath(state: string, namespace: string, id: string): string {
  return join(state, "tasks", namespace, id);
}

/**
 * Makes the bundle. A left-over of that name has to be removed before: false when there is one. InvalidArgument for an OCI spec that is no JSON where it is
 * looked into; a sandbox may have another one, or none.
 */
export function createBundle(path: string, spec: Uint8Array | undefined, oci = true): boolean {
  const gid = spec && oci ? mappedGroup(spec) : undefined;
  try {
    makeFolder(path);
    fillBundle(path, spec, gid);
    return true;
  } catch (error) {
    const { code, syscall, path: subject } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && syscall === "mkdir" && subject === path) return false;
    throw fromFile(error, "create bundle", path);
  }
}

/** The folder of the namespace is mostly there. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(join(path, ".."), { recursive: true, mode: 0o711 });
    mkdirSync(path, { mode: 0o700 });
  }
}

function fillBundle(path: string, spec: Uint8Array | undefined, gid: number | undefined): void {
  if (gid !== undefined) {
    // Root of the container's user namespace has to get through to the rootfs.
    chownSync(path, 0, gid);
    chmodSync(path, 0o710);
  }
  mkdirSync(join(path, "rootfs"), { mode: 0o711 });
  if (spec) writeFileSync(join(path, "config.json"), spec, { mode: 0o600 });
  // For our own shim; others get a FIFO in its place.
  writeFileSync(join(path, "log"), "", { mode: 0o600 });
}

/** The group that root of the container is outside its user namespace; undefined without one. */
function mappedGroup(spec: Uint8Array): number | undefined {
  const bytes = Buffer.from(spec.buffer, spec.byteOffset, spec.byteLength);
  // The name may be written with escapes.
  if (!bytes.includes("gidMappings") && !bytes.includes("\\u")) return undefined;
  const config = parseSpec(spec) as { linux?: { gidMappings?: { containerID: number; hostID: number }[] } };
  return config.linux?.gidMappings?.find(({ containerID }) => containerID === 0)?.hostID;
}

/** False when the container is in no group for certain; the specification is not read as a whole. */
export function mayHaveGroup(spec: Uint8Array): boolean {
  const bytes = Buffer.from(spec.buffer, spec.byteOffset, spec.byteLength);
  // A name may be written with escapes.
  return bytes.includes("\\u") || SHIM_GROUPS.some((name) => bytes.includes(name));
}

function parseSpec(spec: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(spec));
  } catch (cause) {
    throw new WharfError("InvalidArgument", "the container's spec is no JSON", { operation: "create bundle", cause });
  }
}

/** Why a creation failed: `error`, unless the spec was none, of which another's shim or runtime says little. */
export function reasonFor(error: unknown, spec: Uint8Array): unknown {
  try {
    parseSpec(spec);
    return error;
  } catch (fault) {
    return fault;
  }
}

/**
 * Removes a bundle. Never descends into a rootfs that is still mounted: it is unmounted by the agent, and nothing is removed while that
 * fails.
 */
export async function removeBundle(path: string, agent: AgentClient): Promise<void> {
  const rootfs = join(path, "rootfs");
  if (!removeDirectory(rootfs)) {
    await agent.unmount(rootfs, { recursive: true, detach: true });
    if (!removeDirectory(rootfs)) await removeUnmounted(rootfs);
  }
  // In memory, and a few small files: no thread is worth its while.
  rmSync(path, { recursive: true, force: true });
}

/** True when the directory is gone; false when it is a mount point or not empty. */
function removeDirectory(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return true;
    if (code === "EBUSY" || code === "ENOTEMPTY") return false;
    throw error;
  }
}

/** A rootfs without mounts that has files of its own was given in place of mounts: it may be someone's only copy. */
async function removeUnmounted(path: string): Promise<never> {
  const [first] = await readdir(path);
  throw new WharfError(
    "FailedPrecondition",
    `${JSON.stringify(path)} cannot be removed: it has ${JSON.stringify(first)} in it`,
    {
      operation: "remove bundle",
      subject: path,
      hint: "look into it, and remove it by hand if it is not needed",
    },
  );
}

/** All bundles below `<state>/tasks` or `<state>/sandboxes`. */
export async function listBundles(root: string): Promise<{ namespace: string; id: string; path: string }[]> {
  const bundles: { namespace: string; id: string; path: string }[] = [];
  for (const namespace of await readdir(root).catch(ifMissing<string[]>([]))) {
    for (const id of await readdir(join(root, namespace)).catch(ifMissing<string[]>([]))) {
      bundles.push({ namespace, id, path: join(root, namespace, id) });
    }
  }
  return bundles;
}
