// Where this host's cgroup hierarchies are: v1, v2 (unified), or both (hybrid, treated as v1). Sources: man 7 cgroups, /proc/self/cgroup.
import { WharfError } from "../../common/errors.ts";
import { exists, readText } from "../sys/fs.ts";
import { NR } from "../sys/nr.ts";

export const CGROUP_ROOT = "/sys/fs/cgroup";
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
}

function isCgroup2(path: string): boolean {
  const buffer = new BigInt64Array(15);
  return native.syscall(NR.statfs, path, buffer) === 0 && Number(buffer[0]) === CGROUP2_MAGIC;
}

/** Mountpoint by name, as every init lays them out; else looked up in the mount table. */
function mountpointOf(controllers: string): string | undefined {
  const name = controllers.replace(/^name=/, "");
  if (exists(`${CGROUP_ROOT}/${name}`)) return `${CGROUP_ROOT}/${name}`;
  const wanted = controllers.split(",");
  for (const line of readText("/proc/self/mountinfo").split("\n")) {
    const [left, right] = line.split(" - ");
    const options = right?.split(" ")[2]?.split(",") ?? [];
    if (right?.startsWith("cgroup ") && wanted.every((one) => options.includes(one))) return left?.split(" ")[4];
  }
  return undefined;
}

export function readLayout(): CgroupLayout {
  const lines = readText("/proc/self/cgroup").trim().split("\n");
  if (isCgroup2(CGROUP_ROOT)) {
    const own = lines.find((line) => line.startsWith("0::"))?.slice(3) ?? "/";
    return { mode: "v2", hierarchies: [{ controllers: "", mountpoint: CGROUP_ROOT, own }] };
  }
  const hierarchies: Hierarchy[] = [];
  for (const line of lines) {
    const first = line.indexOf(":");
    const second = line.indexOf(":", first + 1);
    const controllers = line.slice(first + 1, second);
    // a v2 tree beside v1 (hybrid) has no controllers: as with runc, containers are not put into it
    const mountpoint = controllers === "" ? undefined : mountpointOf(controllers);
    if (mountpoint !== undefined) hierarchies.push({ controllers, mountpoint, own: line.slice(second + 1) });
  }
  if (hierarchies.length === 0) {
    throw new WharfError("FailedPrecondition", "no cgroup hierarchy is mounted", {
      subject: CGROUP_ROOT,
      hint: "mount cgroup2 on /sys/fs/cgroup",
    });
  }
  return { mode: "v1", hierarchies };
}

/** "system.slice:docker:abc" */
const SYSTEMD = /^[^/:]*:[^/:]*:[^/:]+$/;

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
  if (SYSTEMD.test(path)) {
    throw new WharfError(
      "InvalidArgument",
      `linux.cgroupsPath ${JSON.stringify(path)} is meant for the systemd driver`,
      {
        hint: "the caller uses systemd cgroups: set it to the cgroupfs driver",
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
  const base = controllers === "" ? own.slice(0, own.lastIndexOf("/")) : own;
  // seen from inside of another container the path in /proc/self/cgroup need not be there
  return base !== "" && exists(mountpoint + base) ? `${mountpoint}${base}/${inside}` : `${mountpoint}/${inside}`;
}
