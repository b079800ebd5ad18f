// Where this host's cgroup hierarchies are: v1, v2 (unified), or both (hybrid). Sources: man 7 cgroups, /proc/self/cgroup.
import { WharfError } from "../../../common/errors.ts";
import { exists, readText } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";

const ROOT = "/sys/fs/cgroup";
const CGROUP2_MAGIC = 0x63677270;

export interface Hierarchy {
  /** "memory", "cpu,cpuacct", "name=systemd"; "" for the unified one. */
  controllers: string;
  mountpoint: string;
  /** This process's own place in it. */
  own: string;
}

export interface CgroupLayout {
  mode: "v1" | "v2" | "hybrid";
  hierarchies: Hierarchy[];
}

function isCgroup2(path: string): boolean {
  const buffer = new BigInt64Array(15);
  return native.syscall(NR.statfs, path, buffer) === 0 && Number(buffer[0]) === CGROUP2_MAGIC;
}

/** Mountpoint by name, as every init lays them out; else looked up in the mount table. */
function mountpointOf(controllers: string): string | undefined {
  const name = controllers.replace(/^name=/, "");
  if (exists(`${ROOT}/${name}/cgroup.procs`)) return `${ROOT}/${name}`;
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
  if (isCgroup2(ROOT)) {
    const own = lines.find((line) => line.startsWith("0::"))?.slice(3) ?? "/";
    return { mode: "v2", hierarchies: [{ controllers: "", mountpoint: ROOT, own }] };
  }
  const hierarchies: Hierarchy[] = [];
  let hybrid = false;
  for (const line of lines) {
    const [, controllers = "", own = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const mountpoint = controllers === "" ? `${ROOT}/unified` : mountpointOf(controllers);
    if (mountpoint === undefined) continue;
    if (controllers === "") {
      if (!isCgroup2(mountpoint)) continue;
      hybrid = true;
    }
    hierarchies.push({ controllers, mountpoint, own });
  }
  if (hierarchies.length === 0) {
    throw new WharfError("FailedPrecondition", "no cgroup hierarchy is mounted", {
      subject: ROOT,
      hint: "mount cgroup2 on /sys/fs/cgroup",
    });
  }
  return { mode: hybrid ? "hybrid" : "v1", hierarchies };
}

/** The container's folder in a hierarchy: an absolute cgroupsPath from its root, a relative one from our own place. */
export function cgroupFolder(hierarchy: Hierarchy, cgroupsPath: string | undefined, id: string): string {
  const path = cgroupsPath ?? id;
  const parts = (path.startsWith("/") ? path : `${hierarchy.own}/${path}`).split("/");
  if (parts.includes("..")) {
    throw new WharfError("InvalidArgument", `linux.cgroupsPath ${JSON.stringify(path)} must not contain ".."`);
  }
  const inside = parts.filter((part) => part !== "" && part !== ".").join("/");
  if (inside === "") throw new WharfError("InvalidArgument", "linux.cgroupsPath must not be a hierarchy's root");
  return `${hierarchy.mountpoint}/${inside}`;
}
