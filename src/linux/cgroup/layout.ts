// Where this host's cgroup hierarchies are: v1, v2 (unified), or both (hybrid, treated as v1). Sources: man 7 cgroups, /proc/self/cgroup.
import { WharfError } from "../../common/errors.ts";
import { exists } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";
import { readProc } from "../sys/procfs.ts";

export const CGROUP_ROOT = "/sys/fs/cgroup";
/** Where systemd mounts the unified tree beside those of v1. */
const BESIDE = `${CGROUP_ROOT}/unified`;
const CGROUP2_MAGIC = 0x63677270;

export interface Hierarchy {
  /** "memory", "cpu,cpuacct", "name=systemd"; "" for the unified one. */
  controllers: string;
  mountpoint: string;
  /** This process's own place in it. */
  own: string;
}

export interface CgroupLayout {
  mode: "v1" | "v2";
  hierarchies: Hierarchy[];
  /** The unified tree beside those of v1 (hybrid). */
  beside?: Hierarchy | undefined;
}

function isCgroup2(path: string): boolean {
  const buffer = new BigInt64Array(15);
  return native.syscall(NR.statfs, path, buffer) === 0 && Number(buffer[0]) === CGROUP2_MAGIC;
}

/** Where every init mounts a hierarchy. */
export function usualMountpoint(controllers: string): string {
  return `${CGROUP_ROOT}/${controllers.startsWith("name=") ? controllers.slice(5) : controllers}`;
}

/** Where it is mounted indeed, for hosts that do otherwise; undefined when nowhere. */
export function findMountpoint(controllers: string): string | undefined {
  const wanted = controllers.split(",");
  for (const line of readProc("self/mountinfo").split("\n")) {
    const [left, right] = line.split(" - ");
    const options = right?.split(" ")[2]?.split(",") ?? [];
    if (right?.startsWith("cgroup ") && wanted.every((one) => options.includes(one))) return left?.split(" ")[4];
  }
  return undefined;
}

/** systemd's own hierarchy of v1, which has no controllers. */
export const SYSTEMD = "name=systemd";

/**
 * The hierarchies as /proc/self/cgroup lists them, at their usual places: whether they are there shows when a folder is
 * made. systemd's own hierarchy, which has no controllers but tells whose a process is, may be left without a mount.
 */
export function readLayout(): CgroupLayout {
  const lines = readProc("self/cgroup").trimEnd().split("\n");
  // the unified tree comes last; controllers of v1 before it mean that it has none
  const last = lines[lines.length - 1]!;
  const v1 = lines.some((line) => !line.startsWith("0::") && !line.includes(":name="));
  if (!v1 && last.startsWith("0::") && isCgroup2(CGROUP_ROOT)) {
    return { mode: "v2", hierarchies: [{ controllers: "", mountpoint: CGROUP_ROOT, own: last.slice(3) }] };
  }
  const hierarchies: Hierarchy[] = [];
  let beside: Hierarchy | undefined;
  for (const line of lines) {
    const first = line.indexOf(":");
    const second = line.indexOf(":", first + 1);
    const controllers = line.slice(first + 1, second);
    const own = line.slice(second + 1);
    if (controllers === "") {
      if (isCgroup2(BESIDE)) beside = { controllers, mountpoint: BESIDE, own };
    } else if (controllers !== SYSTEMD || exists(usualMountpoint(SYSTEMD))) {
      hierarchies.push({ controllers, mountpoint: usualMountpoint(controllers), own });
    }
  }
  if (hierarchies.length === 0) {
    throw new WharfError("FailedPrecondition", "no cgroup hierarchy is mounted", {
      subject: CGROUP_ROOT,
      hint: "mount cgroup2 on /sys/fs/cgroup",
    });
  }
  return { mode: "v1", hierarchies, beside };
}

/** "system.slice:docker:abc" */
const SYSTEMD_PATH = /^[^/:]*:[^/:]*:[^/:]+$/;

/** Whether a cgroupsPath has the form "slice:prefix:name", which only the systemd driver can follow. */
export function isSystemdPath(path: string): boolean {
  return SYSTEMD_PATH.test(path);
}

/**
 * The container's folder in a hierarchy: an absolute cgroupsPath from its root, a relative one (or without one the id) from
 * our own place. On v2 that is our parent: a cgroup with processes cannot hand controllers to its children.
 */
export function cgroupFolder(
  { mountpoint, own, controllers }: Hierarchy,
  cgroupsPath: string | undefined,
  id: string,
): string {
  const path = cgroupsPath ?? id;
  if (isSystemdPath(path)) {
    throw new WharfError(
      "InvalidArgument",
      `linux.cgroupsPath ${JSON.stringify(path)} is meant for the systemd driver`,
      {
        hint: "give --systemd-cgroup, or set the caller to cgroupfs",
      },
    );
  }
  const parts = path.split("/");
  if (parts.includes("..")) {
    throw new WharfError("InvalidArgument", `linux.cgroupsPath ${JSON.stringify(path)} must not contain ".."`);
  }
  const inside = parts.filter((part) => part !== "" && part !== ".").join("/");
  if (inside === "") throw new WharfError("InvalidArgument", "linux.cgroupsPath must not be a hierarchy's root");
  if (path.startsWith("/") || own === "/") return `${mountpoint}/${inside}`;
  const base = controllers === "" && mountpoint !== BESIDE ? own.slice(0, own.lastIndexOf("/")) : own;
  // seen from inside of another container the path in /proc/self/cgroup need not be there
  return base !== "" && exists(mountpoint + base) ? `${mountpoint}${base}/${inside}` : `${mountpoint}/${inside}`;
}
