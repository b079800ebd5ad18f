/**
 * A pod's files, `<state>/podsandboxes/<namespace>/<id>/`: the root file system of the container that holds it, and what its containers mount:
 * `shm` for /dev/shm, `hostname`, `hosts` and `resolv.conf`.
 */

import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname as hostHostname } from "node:os";
import { join } from "node:path";
import { fromFile } from "../../../common/file-error.ts";
import { NamespaceMode, type PodSandboxConfig } from "../../../common/gen/cri/sandbox-config.ts";
import type { AgentClient } from "../agent.ts";
import type { PodMappings } from "./podsandbox-userns.ts";

/** Bytes of a pod's /dev/shm. */
const SHM_SIZE = 64 * 1024 * 1024;
const HOST_SHM = "/dev/shm";
const CAP_SYS_RESOURCE = 24n;

export function podFolder(state: string, namespace: string, id: string): string {
  return join(state, "podsandboxes", namespace, id);
}

/** A pod in the host's IPC namespace has the host's shared memory. */
export function shmOf(folder: string, { linux }: PodSandboxConfig): string {
  return linux?.securityContext?.namespaceOptions?.ipc === NamespaceMode.NODE ? HOST_SHM : join(folder, "shm");
}

/** Without CAP_SYS_RESOURCE no score can be made less than it is, and runc fails when asked to. */
export function leastOomScore(): number {
  const [, caps = "0"] = /^CapEff:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
  const may = (BigInt(`0x${caps}`) >> CAP_SYS_RESOURCE) & 1n;
  return may === 1n ? -1000 : Number(readFileSync("/proc/self/oom_score_adj", "latin1"));
}

/** Where the user namespace of a pod's network is kept. */
export function usernsOf(folder: string): string {
  return join(folder, "userns");
}

/** Left-overs of that name have to be removed before. A pod's root of its own can write its root file system, to mount in it. */
export async function makePodFiles(
  folder: string,
  config: PodSandboxConfig,
  mappings: PodMappings | undefined,
  agent: AgentClient,
): Promise<void> {
  const { hostname, dnsConfig } = config;
  try {
    mkdirSync(join(folder, "rootfs"), { recursive: true, mode: 0o755 });
    if (mappings) chownSync(join(folder, "rootfs"), mappings.uids.hostID, mappings.gids.hostID);
    writeFileSync(join(folder, "hostname"), `${hostname || hostHostname()}\n`);
    copy("/etc/hosts", join(folder, "hosts"));
    if (dnsConfig) writeFileSync(join(folder, "resolv.conf"), resolvConf(dnsConfig));
    else copy("/etc/resolv.conf", join(folder, "resolv.conf"));
  } catch (error) {
    throw fromFile(error, "create sandbox", folder);
  }
  const shm = shmOf(folder, config);
  if (shm === HOST_SHM) return;
  const options = ["nosuid", "nodev", "noexec", "mode=1777", `size=${SHM_SIZE}`];
  mkdirSync(shm, { mode: 0o700 });
  await agent.mount([{ type: "tmpfs", source: "shm", target: "", options }], shm);
}

function copy(source: string, target: string): void {
  if (existsSync(source)) copyFileSync(source, target);
  else writeFileSync(target, "");
}

function resolvConf({ servers, searches, options }: NonNullable<PodSandboxConfig["dnsConfig"]>): string {
  const search = searches.length > 0 ? [`search ${searches.join(" ")}`] : [];
  const rest = options.length > 0 ? [`options ${options.join(" ")}`] : [];
  return [...search, ...servers.map((server) => `nameserver ${server}`), ...rest].map((line) => `${line}\n`).join("");
}

/** Containers that have the shared memory mounted keep it. */
export async function unmountShm(folder: string, agent: AgentClient): Promise<void> {
  const shm = join(folder, "shm");
  if (existsSync(shm)) await agent.unmount(shm, { recursive: true, detach: true });
}

export async function removePodFiles(folder: string, agent: AgentClient): Promise<void> {
  if (!existsSync(folder)) return;
  await unmountShm(folder, agent);
  const [shm, userns] = [join(folder, "shm"), usernsOf(folder)];
  if (existsSync(userns)) await agent.unmount(userns, { detach: true });
  // Fails on what is mounted still: nothing is ever removed through a mount.
  if (existsSync(shm)) rmdirSync(shm);
  rmSync(folder, { recursive: true, force: true });
}
