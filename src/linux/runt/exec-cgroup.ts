// Where a process that joins a container gets its cgroup: born into it (v2), joined by its own hand (v1), or moved by systemd where
// this user may not move it.
import { WharfError } from "../../common/errors.ts";
import { openJoinFiles, unifiedFolder } from "../cgroup/join.ts";
import { CGROUP_ROOT } from "../cgroup/layout.ts";
import { type CgroupPaths, folderOf } from "../cgroup/paths.ts";
import { attachToScope } from "../cgroup/systemd/scope.ts";
import { isErrno } from "../sys/call.ts";
import { close, O, open } from "../sys/fs.ts";
import { type CloneResult, clone } from "../sys/process.ts";
import { readProc } from "../sys/procfs.ts";
import { isRootless } from "../sys/rootless.ts";
import type { ContainerRecord } from "./state.ts";

/** Folder below the container's own, by controller; "" for all of them. */
export type SubCgroups = ReadonlyMap<string, string>;

const bad = (text: string, why: string) =>
  new WharfError("InvalidArgument", `invalid --cgroup argument: ${text} (${why})`, { subject: text });

/** --cgroup: a path, or on v1 controller[,controller…]:path, once or more. */
export function parseSubCgroups(texts: readonly string[]): SubCgroups {
  const subs = new Map<string, string>();
  for (const text of texts) {
    const colon = text.indexOf(":");
    const path = text.slice(colon + 1);
    if (path === "" || path.split("/").includes("..")) throw bad(text, "bad sub cgroup path");
    if (colon === 0) throw bad(text, "empty <controller> prefix");
    if (colon < 0 && texts.length > 1) throw bad(text, "missing <controller>: prefix");
    for (const controller of colon < 0 ? [""] : text.slice(0, colon).split(",")) {
      if (subs.has(controller)) throw bad(text, `controller ${controller} specified multiple times`);
      subs.set(controller, path);
    }
  }
  return subs;
}

/** Where --cgroup names a group that is not there, or takes nobody: in runc's words. */
function refused(cause: unknown, folder: string | undefined): unknown {
  const failed = "--cgroup: adding pid of the new process to cgroups";
  if (isErrno(cause, "ENOENT")) {
    return new WharfError("NotFound", `${failed}: no such file or directory`, {
      cause,
      hint: "it must have been made below the container's own before",
    });
  }
  if (!isErrno(cause, "EBUSY") || folder === undefined) return cause;
  return new WharfError("FailedPrecondition", `${failed} at ${JSON.stringify(folder)}: device or resource busy`, {
    cause,
    hint: "a group that hands controllers on to others below it (cgroup.subtree_control) holds no processes: name one of those",
  });
}

/** The container's folders with the wanted ones below them. */
function below(cgroup: CgroupPaths, subs: SubCgroups): CgroupPaths {
  if (subs.size === 0) return cgroup;
  const paths = { ...cgroup.paths };
  for (const [controller, sub] of subs) {
    if (controller !== "" && (cgroup.mode === "v2" || folderOf(cgroup, controller) === undefined)) {
      throw new WharfError("InvalidArgument", `--cgroup: unknown controller ${controller}`, { subject: controller });
    }
    for (const controllers in paths) {
      if (controller === "" || controllers.split(",").includes(controller)) paths[controllers] += `/${sub}`;
    }
  }
  const every = subs.get("");
  const beside = every !== undefined && cgroup.beside !== undefined ? `${cgroup.beside}/${every}` : cgroup.beside;
  return { ...cgroup, paths, beside };
}

/** The group that the container's first process is in: it may have moved to one below, or to another. */
function groupOf(pid: number): string | undefined {
  const line = readProc(`${pid}/cgroup`).trimEnd().split("\n").at(-1) ?? "";
  return line.startsWith("0::") ? CGROUP_ROOT + line.slice(3) : undefined;
}

export interface Joined extends CloneResult {
  /** The process waits to be moved by systemd (attachByUnit). */
  attach: boolean;
}

/** How the process is to be born, tried in this order. */
export class CgroupEntrance implements Disposable {
  readonly #record: ContainerRecord;
  readonly #cgroup: CgroupPaths | undefined;
  readonly #named: boolean;
  /** v1: what the process joins by. */
  readonly joinFiles: readonly number[];

  constructor(record: ContainerRecord, subs: SubCgroups) {
    this.#record = record;
    this.#named = subs.size > 0;
    this.#cgroup = record.cgroup && below(record.cgroup, subs);
    this.joinFiles = this.#cgroup?.mode === "v1" ? this.#open(this.#cgroup) : [];
  }

  #open(cgroup: CgroupPaths): number[] {
    try {
      return openJoinFiles(cgroup);
    } catch (cause) {
      throw this.#named ? refused(cause, undefined) : cause;
    }
  }

  /** Makes the process. In it the result's pid is 0. */
  clone(flags: number): Joined {
    const folder = this.#cgroup && unifiedFolder(this.#cgroup);
    if (folder === undefined) return { ...clone(flags), attach: false };
    if (this.#cgroup!.mode === "v1") return { ...this.#bornBeside(flags, folder), attach: false };
    try {
      return { ...this.#born(flags, folder), attach: false };
    } catch (error) {
      // a group that has handed on its controllers holds no processes, and one that was left by all may be gone
      if (!this.#named && isErrno(error, "EBUSY", "ENOENT", "ENODEV", "EOPNOTSUPP")) {
        const group = groupOf(this.#record.init!.pid);
        if (group !== undefined && group !== folder) return { ...this.#born(flags, group), attach: false };
      }
      if (!isErrno(error, "EACCES", "EPERM") || !isRootless()) throw error;
      return { ...clone(flags), attach: this.#cgroup?.systemd !== undefined && !this.#named };
    }
  }

  /** Hybrid: in the unified tree beside v1's, which the container may be without. */
  #bornBeside(flags: number, folder: string): CloneResult {
    try {
      return this.#born(flags, folder);
    } catch {
      const own = this.#record.cgroup!.beside!;
      return this.#named && folder !== own ? this.#bornBeside(flags, own) : clone(flags);
    }
  }

  #born(flags: number, folder: string): CloneResult {
    let cgroup: number;
    try {
      cgroup = open(folder, O.PATH | O.DIRECTORY);
    } catch (cause) {
      throw this.#named ? refused(cause, folder) : cause;
    }
    try {
      return clone(flags, { cgroup });
    } catch (cause) {
      throw this.#named ? refused(cause, folder) : cause;
    } finally {
      close(cgroup);
    }
  }

  /** Has systemd move the process, which it may where this user may not. */
  attachByUnit(pid: number): void {
    attachToScope(this.#cgroup!.systemd!, pid);
  }

  [Symbol.dispose](): void {
    for (const fd of this.joinFiles) close(fd);
  }
}
