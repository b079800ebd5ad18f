// A container's record, <root>/<id>/state.json, and what the kernel says about its process.
import { WharfError } from "../../common/errors.ts";
import type { Spec } from "../../common/oci/runtime.ts";
import { isErrno } from "../sys/call.ts";
import { AT_REMOVEDIR, exists, readDir, readText, unlink, writeFileAtomic } from "../sys/fs.ts";
import { type CgroupPaths, isFrozen } from "./cgroup/cgroup.ts";

export const DEFAULT_ROOT = "/run/runt";
/** Where the first process waits for `start`; gone once it has been started. */
export const START_SOCKET = "start.sock";
const STATE = "state.json";
const FORMAT = 1;

export type Status = "creating" | "created" | "running" | "paused" | "stopped";

export interface ContainerRecord {
  /** Layout of this file: a reader refuses what is newer than itself. */
  format: number;
  id: string;
  ociVersion: string;
  bundle: string;
  rootfs: string;
  /** RFC 3339. */
  created: string;
  /** User name of who created it. */
  owner: string;
  annotations?: Record<string, string> | undefined;
  /** Absent until there is a process. */
  init?: { pid: number; startTime: string };
  cgroup?: CgroupPaths;
  /** What exec, kill, delete and update need of the configuration. */
  config: Pick<Spec, "process" | "hooks" | "linux">;
}

const ID = /^[a-zA-Z0-9_+.-]+$/;

export function checkId(id: string): void {
  if (!ID.test(id) || id === "." || id === ".." || id.length > 1024) {
    throw new WharfError("InvalidArgument", `invalid container id ${JSON.stringify(id)}`, {
      hint: "an id consists of letters, digits and the characters _ + - .",
    });
  }
}

export const folderOf = (root: string, id: string) => `${root}/${id}`;

export function saveRecord(root: string, record: ContainerRecord): void {
  writeFileAtomic(`${folderOf(root, record.id)}/${STATE}`, JSON.stringify(record), 0o600);
}

export function newRecord(fields: Omit<ContainerRecord, "format">): ContainerRecord {
  return { format: FORMAT, ...fields };
}

export function loadRecord(root: string, id: string): ContainerRecord {
  checkId(id);
  let text: string;
  try {
    text = readText(`${folderOf(root, id)}/${STATE}`);
  } catch (error) {
    if (isErrno(error, "ENOENT"))
      throw new WharfError("NotFound", `container ${JSON.stringify(id)} does not exist`, { subject: id });
    throw error;
  }
  try {
    return JSON.parse(text) as ContainerRecord;
  } catch (cause) {
    throw new WharfError("DataLoss", `the state of container ${JSON.stringify(id)} is damaged`, {
      cause,
      hint: `remove it with: runt delete --force ${id}`,
    });
  }
}

export function removeFolder(root: string, id: string): void {
  const folder = folderOf(root, id);
  try {
    for (const { name } of readDir(folder)) unlink(`${folder}/${name}`);
    unlink(folder, AT_REMOVEDIR);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

export interface ProcessStat {
  /** R, S, D, Z, … */
  state: string;
  parent: number;
  /** Clock ticks since boot: with the pid it names a process for ever. */
  startTime: string;
}

/** /proc/<pid>/stat; undefined when there is no such process. */
export function processStat(pid: number): ProcessStat | undefined {
  try {
    const text = readText(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0]!, parent: Number(fields[1]), startTime: fields[19]! };
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}

/** True while the container's first process lives; a zombie does not. */
export function isAlive(record: ContainerRecord): boolean {
  if (!record.init) return false;
  const stat = processStat(record.init.pid);
  return stat !== undefined && stat.startTime === record.init.startTime && stat.state !== "Z" && stat.state !== "X";
}

export function statusOf(root: string, record: ContainerRecord): Status {
  if (!record.init) return "creating";
  if (!isAlive(record)) return "stopped";
  if (exists(`${folderOf(root, record.id)}/${START_SOCKET}`)) return "created";
  return record.cgroup && isFrozen(record.cgroup) ? "paused" : "running";
}
