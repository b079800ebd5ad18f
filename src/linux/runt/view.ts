// What can be told about containers: state and list.
import { describe, WharfError } from "../../common/errors.ts";
import { isErrno } from "../sys/call.ts";
import { type DirEntry, readDir } from "../sys/fs.ts";
import type { StateOfContainer } from "./hooks.ts";
import { type ContainerRecord, loadRecord, type Status, statusOf } from "./state.ts";

/** The specification's state, with runc's additions. */
export interface ContainerState {
  ociVersion: string;
  id: string;
  /** 0 when stopped. */
  pid: number;
  status: Status;
  bundle: string;
  rootfs: string;
  created: string;
  annotations?: Record<string, string> | undefined;
  owner: string;
}

function view(root: string, record: ContainerRecord): ContainerState {
  const status = statusOf(root, record);
  const { ociVersion, id, init, bundle, rootfs, created, annotations, owner } = record;
  const pid = status === "stopped" || status === "creating" ? 0 : init!.pid;
  return { ociVersion, id, pid, status, bundle, rootfs, created, annotations, owner };
}

/** NotFound when there is no such container. */
export function state(root: string, id: string): ContainerState {
  return view(root, loadRecord(root, id));
}

/** All containers of a state folder by name; what cannot be read is told to `warn` and left out. */
export function list(root: string, warn: (text: string) => void): ContainerState[] {
  let entries: DirEntry[];
  try {
    entries = readDir(root);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
  const states: ContainerState[] = [];
  for (const name of entries.map((entry) => entry.name).sort()) {
    if (name === ".seccomp") continue;
    try {
      states.push(view(root, loadRecord(root, name)));
    } catch (error) {
      if (!(error instanceof WharfError) || error.code !== "NotFound") warn(describe(error));
    }
  }
  return states;
}

/** What hooks get. */
export function hookState(record: ContainerRecord, status: Status): StateOfContainer {
  const { ociVersion, id, init, bundle, annotations } = record;
  return { ociVersion, id, status, ...(init ? { pid: init.pid } : {}), bundle, annotations };
}

/** The record of a container that is in one of the states. FailedPrecondition otherwise. */
export function inState(root: string, id: string, ...wanted: Status[]): ContainerRecord {
  const record = loadRecord(root, id);
  const status = statusOf(root, record);
  if (wanted.includes(status)) return record;
  throw new WharfError("FailedPrecondition", `container ${JSON.stringify(id)} is ${status}`, { subject: id });
}
