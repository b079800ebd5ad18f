// linux.intelRdt: shares of the processor's cache and of the memory bandwidth, by the resctrl file system
// (Documentation/filesystems/resctrl.rst, config-linux.md#intel-rdt).
import { WharfError } from "../../common/errors.ts";
import type { LinuxIntelRdt } from "../../common/oci/runtime.ts";
import { isErrno } from "../sys/call.ts";
import { exists, Fd, mkdir, O, open, readText, rmdir, writeAll } from "../sys/fs.ts";
import { readProc } from "../sys/procfs.ts";

/** Kept in the container's record. */
export interface RdtGroup {
  /** The class of service, a folder of resctrl. */
  folder: string;
  /** What is the container's alone, in the order in which it is to be removed. */
  made: string[];
}

export function checkIntelRdt({
  closID = "",
  schemata = [],
  l3CacheSchema = "",
  memBwSchema = "",
}: LinuxIntelRdt): void {
  const bad = (field: string, what: string) => {
    const name = `linux.intelRdt.${field}`;
    return new WharfError("InvalidArgument", `config.json: ${name}: ${what}`, { subject: name });
  };
  if (closID === "." || closID === ".." || (closID !== "/" && closID.includes("/")))
    throw bad("closID", `${JSON.stringify(closID)} is no name of a class`);
  if (l3CacheSchema.includes("\n")) throw bad("l3CacheSchema", "is more than one line");
  if (memBwSchema && !/^MB:[^\n]*$/.test(memBwSchema))
    throw bad("memBwSchema", 'is not one line that begins with "MB:"');
  for (const [i, line] of schemata.entries())
    if (line.includes("\n")) throw bad(`schemata[${i}]`, "is more than one line");
}

/** Where resctrl is mounted. */
export function findResctrl(mountinfo = readProc("self/mountinfo")): string {
  const line = mountinfo.split("\n").find((one) => one.includes(" - resctrl "));
  if (line !== undefined) return line.split(" ")[4]!;
  throw new WharfError("FailedPrecondition", "config.json: linux.intelRdt: no resctrl file system is mounted", {
    subject: "linux.intelRdt",
    hint: "mount -t resctrl resctrl /sys/fs/resctrl, on a machine with Intel RDT or its like and a kernel that knows it",
  });
}

function failure(root: string, what: string, cause: unknown): WharfError {
  let said = "";
  try {
    said = readText(`${root}/info/last_cmd_status`).trim();
  } catch {
    // a kernel that says no more
  }
  return new WharfError("FailedPrecondition", `linux.intelRdt: ${what}${said && said !== "ok" ? `: ${said}` : ""}`, {
    cause,
    subject: "linux.intelRdt",
  });
}

/** "L3:0=0ff;1=c0" as a map, each value without leading zeros. */
function parseLine(line: string): Map<string, string> {
  const [resource = "", rest = ""] = line.trim().split(/:(.*)/s);
  return new Map(
    rest.split(";").map((part) => {
      const [domain = "", value = ""] = part.trim().split("=");
      return [
        `${resource.trim()}:${domain.trim()}`,
        value
          .trim()
          .replace(/^0+(?=.)/, "")
          .toLowerCase(),
      ] as const;
    }),
  );
}

/** True when the file has every value of the line. */
export function hasSchema(file: string, line: string): boolean {
  const there = new Map(file.split("\n").flatMap((one) => [...parseLine(one)]));
  return [...parseLine(line)].every(([domain, value]) => there.get(domain) === value);
}

function put(file: string, text: string): void {
  using fd = new Fd(open(file, O.WRONLY));
  writeAll(fd.value, text, file);
}

/** Which class a container gets. Nothing is done. */
export function locateRdt({ closID }: LinuxIntelRdt, id: string, root: string): string {
  return closID === "/" ? root : `${root}/${closID || id}`;
}

/**
 * Puts process `pid` into its class, which is made or checked first. `note` is called before a folder is made, so that it is found
 * again whatever happens.
 */
export function joinRdt(
  config: LinuxIntelRdt,
  id: string,
  pid: number,
  note: (group: RdtGroup) => void,
  root: string = findResctrl(),
): RdtGroup {
  const { closID, schemata = [], l3CacheSchema, memBwSchema, enableMonitoring } = config;
  const group: RdtGroup = { folder: locateRdt(config, id, root), made: [] };
  const old = [l3CacheSchema, memBwSchema].filter((line): line is string => Boolean(line));
  const there = exists(group.folder);
  if (closID && !there && old.length + schemata.length === 0) {
    throw new WharfError("FailedPrecondition", `linux.intelRdt.closID: there is no class ${JSON.stringify(closID)}`, {
      subject: group.folder,
      hint: "make it beforehand, or give a schema for it",
    });
  }
  const undo: string[] = [];
  const make = (folder: string, ours: boolean) => {
    if (ours) {
      group.made.unshift(folder);
      note(group);
    }
    undo.unshift(folder);
    try {
      mkdir(folder);
    } catch (cause) {
      throw failure(root, `cannot make ${JSON.stringify(folder)}`, cause);
    }
  };
  try {
    // a class with a name of its own outlives the container
    if (!there) make(group.folder, !closID);
    settle(group, there, old, schemata, root);
    if (enableMonitoring) make(`${group.folder}/mon_groups/${id}`, true);
    joinRdtGroup(group, pid);
    return group;
  } catch (error) {
    removeRdt({ ...group, made: undo });
    throw error;
  }
}

function settle(
  group: RdtGroup,
  there: boolean,
  old: readonly string[],
  schemata: readonly string[],
  root: string,
): void {
  const file = `${group.folder}/schemata`;
  if (there && old.length > 0) {
    const now = readText(file);
    for (const line of old) {
      if (hasSchema(now, line)) continue;
      throw new WharfError(
        "FailedPrecondition",
        `linux.intelRdt: the class has another schema than ${JSON.stringify(line)}`,
        {
          subject: file,
        },
      );
    }
  }
  const lines = [...(there ? [] : old), ...schemata];
  if (lines.length === 0) return;
  try {
    put(file, `${lines.join("\n")}\n`);
  } catch (cause) {
    throw failure(root, `cannot set ${JSON.stringify(lines.join(" "))}`, cause);
  }
}

/** Also for a process that enters the container later. */
export function joinRdtGroup({ folder, made }: RdtGroup, pid: number): void {
  for (const one of new Set([folder, ...made])) {
    try {
      put(`${one}/tasks`, String(pid));
    } catch (cause) {
      throw new WharfError("FailedPrecondition", `linux.intelRdt: cannot join ${JSON.stringify(one)}`, {
        cause,
        subject: one,
      });
    }
  }
}

/** Changes the schema of a container's class. */
export function updateRdt(group: RdtGroup | undefined, config: LinuxIntelRdt, root?: string): void {
  checkIntelRdt(config);
  const place = root ?? findResctrl();
  if (!group) {
    throw new WharfError(
      "FailedPrecondition",
      "linux.intelRdt: the container was created without it: there is nothing to update",
    );
  }
  const lines = [config.l3CacheSchema, config.memBwSchema].filter((line): line is string => Boolean(line));
  try {
    put(`${group.folder}/schemata`, `${lines.join("\n")}\n`);
  } catch (cause) {
    throw failure(place, `cannot set ${JSON.stringify(lines.join(" "))}`, cause);
  }
}

/** What the container alone has; what is gone already is no error. */
export function removeRdt({ made }: RdtGroup): void {
  for (const folder of made) {
    try {
      rmdir(folder);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
}
