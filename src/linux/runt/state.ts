// A container's record, <root>/<id>/state.json, and what the kernel says about its process.
import { WharfError } from "../../common/errors.ts";
import type { Hooks, LinuxResources, Process } from "../../common/oci/runtime.ts";
import { isFrozen } from "../cgroup/freezer.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { isErrno, sys } from "../sys/call.ts";
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  exists,
  mkdir,
  mkdirs,
  readDir,
  readlink,
  readText,
  unlink,
  writeFileAtomic,
} from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { environment } from "../sys/process.ts";
import { readProc } from "../sys/procfs.ts";
import { effectiveUser, isRootless } from "../sys/rootless.ts";
import { markMaker } from "./claim.ts";
import type { ExecutionDomain } from "./execution-domain.ts";
import type { RdtGroup } from "./intel-rdt.ts";
import type { SeccompRecord } from "./seccomp.ts";

export const DEFAULT_ROOT = "/run/runt";

/**
 * State folder where none is given: that of root, or for another user one in its own runtime folder. Root of a user namespace is
 * another user (podman's) unless $USER says root, as with runc.
 */
export function defaultRoot(): string {
  const uid = effectiveUser();
  const given = environment().get("XDG_RUNTIME_DIR");
  if (uid === 0 && !(given && environment().get("USER") !== "root" && isRootless())) return DEFAULT_ROOT;
  const own = given || `/run/user/${uid}`;
  if (exists(own)) return `${own}/runt`;
  throw new WharfError("FailedPrecondition", "there is no folder for the state of containers", {
    subject: own,
    hint: "set XDG_RUNTIME_DIR, or give --root DIR",
  });
}
/** Where the first process waits for `start`; gone once it has been started. */
export const START_SOCKET = "start.sock";
const STATE = "state.json";
/** A symlink whose text is the cgroup: noted before it is made, so that it is found whatever happens then. */
const CGROUP = "cgroup";
/** The same for linux.intelRdt, a file. */
const RDT = "intelrdt";
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
  cgroup?: CgroupPaths | undefined;
  /** What comes later needs of the configuration. */
  process?: Process | undefined;
  hooks?: Hooks | undefined;
  /** Flags of all namespaces that are not the host's. */
  namespaces: number;
  /** A pid namespace of its own: the end of the first process is the end of all. */
  ownPids: boolean;
  /** The root was entered by chroot, not by pivot_root: a process that joins must do so too. */
  chroot: boolean;
  seccomp?: SeccompRecord | undefined;
  intelRdt?: RdtGroup | undefined;
  /** linux.personality and linux.memoryPolicy. */
  domain?: ExecutionDomain | undefined;
  /** The container has a session keyring of its own. */
  keyring?: boolean | undefined;
  /** What was given as standard streams, unless a terminal: device and inode each, "" where one was closed. */
  streams?: string[] | undefined;
  /** What `update` has changed since, all calls together; the rest is as linux.resources of the configuration has it. */
  updated?: LinuxResources | undefined;
}

const ID = /^[a-zA-Z0-9_+.-]+$/;

function checkId(id: string): void {
  if (!ID.test(id) || id === "." || id === ".." || id === ".seccomp" || id.length > 1024) {
    throw new WharfError("InvalidArgument", `invalid container id ${JSON.stringify(id)}`, {
      hint: "an id consists of letters, digits and the characters _ + - .",
    });
  }
}

export const folderOf = (root: string, id: string) => `${root}/${id}`;

/** Makes the container's folder: whoever succeeds owns the id. */
export function claim(root: string, id: string): string {
  checkId(id);
  const folder = folderOf(root, id);
  try {
    mkdir(folder, 0o711);
  } catch (error) {
    if (isErrno(error, "EEXIST")) {
      throw new WharfError("AlreadyExists", `container with id ${JSON.stringify(id)} already exists`, { subject: id });
    }
    if (!isErrno(error, "ENOENT")) throw error;
    mkdirs(root, 0o711);
    return claim(root, id);
  }
  markMaker(folder);
  return folder;
}

export function noteCgroup(folder: string, cgroup: CgroupPaths): void {
  const path = `${folder}/${CGROUP}`;
  const text = JSON.stringify(cgroup);
  let answer = native.syscall(NR.symlinkat, text, -100, path);
  if (answer === -17) {
    unlink(path);
    answer = native.syscall(NR.symlinkat, text, -100, path);
  }
  // longer than a path may be
  if (answer === -36) writeFileAtomic(path, text, 0o600);
  else if (answer < 0) sys("note cgroup", path, NR.symlinkat, text, -100, path);
}

export function noteRdt(folder: string, group: RdtGroup): void {
  writeFileAtomic(`${folder}/${RDT}`, JSON.stringify(group), 0o600);
}

function notedRdt(folder: string): RdtGroup | undefined {
  try {
    return JSON.parse(readText(`${folder}/${RDT}`)) as RdtGroup;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function notedCgroup(folder: string): CgroupPaths | undefined {
  const path = `${folder}/${CGROUP}`;
  try {
    return JSON.parse(readlink(path)) as CgroupPaths;
  } catch (error) {
    if (isErrno(error, "EINVAL")) return JSON.parse(readText(path)) as CgroupPaths;
    return undefined;
  }
}

export function saveRecord(root: string, record: ContainerRecord): void {
  writeFileAtomic(`${folderOf(root, record.id)}/${STATE}`, JSON.stringify(record), 0o600);
}

export function newRecord(fields: Omit<ContainerRecord, "format">): ContainerRecord {
  return { format: FORMAT, ...fields };
}

/** NotFound when there is no such container; a container without a record is one whose creation goes on, or broke off. */
export function loadRecord(root: string, id: string): ContainerRecord {
  checkId(id);
  const folder = folderOf(root, id);
  let text: string;
  try {
    text = readText(`${folder}/${STATE}`);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    if (exists(folder)) return unfinished(root, id);
    throw new WharfError("NotFound", `container ${JSON.stringify(id)} does not exist`, { subject: id });
  }
  let record: ContainerRecord;
  try {
    record = JSON.parse(text) as ContainerRecord;
  } catch (cause) {
    throw new WharfError("DataLoss", `the state of container ${JSON.stringify(id)} is damaged`, {
      cause,
      hint: `remove it with: runt delete --force ${id}`,
    });
  }
  if (record.format <= FORMAT) return record;
  throw new WharfError("FailedPrecondition", `the state of container ${JSON.stringify(id)} is of a newer runt`);
}

/** What can be told of a container that has no record, or a damaged one. */
export function unfinished(root: string, id: string): ContainerRecord {
  const cgroup = notedCgroup(folderOf(root, id));
  const nothing = { ociVersion: "", bundle: "", rootfs: "", created: "", owner: "" };
  const intelRdt = notedRdt(folderOf(root, id));
  return newRecord({ id, ...nothing, cgroup, intelRdt, namespaces: 0, ownPids: false, chroot: false });
}

export function removeFolder(root: string, id: string): void {
  const folder = folderOf(root, id);
  // what mostly lies there, without a look at it
  for (const name of [STATE, CGROUP]) native.syscall(NR.unlinkat, AT_FDCWD, `${folder}/${name}`, 0);
  if (native.syscall(NR.unlinkat, AT_FDCWD, folder, AT_REMOVEDIR) === 0) return;
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
  /** Clock ticks since boot: with the pid it names a process for ever. */
  startTime: string;
}

/** Field 22 of /proc/<pid>/stat, counted from the state, which is field 3. */
const START_TIME = 19;

/** /proc/<pid>/stat; undefined when there is no such process. */
export function processStat(pid: number): ProcessStat | undefined {
  try {
    const text = readProc(`${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ", START_TIME + 1);
    return { state: fields[0]!, startTime: fields[START_TIME]! };
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
