// What a host needs for containers: each check looks at one thing and says how to mend it.
import { dirname, join } from "../../../common/path.ts";
import { exists, readlink, readText } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";

export interface Finding {
  /** What was looked at. */
  readonly name: string;
  /** bad: containers will not run; poor: something will not work. */
  readonly state: "good" | "poor" | "bad";
  readonly detail: string;
  /** What to do about it. */
  readonly mend?: string;
}

export interface Host {
  readonly root: string;
  readonly state: string;
}

type Check = (host: Host) => Finding[];

/** The text of a file of the kernel's; empty when it is not there. */
function peek(path: string): string {
  try {
    return readText(path);
  } catch {
    return "";
  }
}

const user: Check = () => {
  const uid = native.syscall(NR.geteuid);
  if (uid === 0) return [{ name: "user", state: "good", detail: "root" }];
  return [{ name: "user", state: "bad", detail: `user ${uid}`, mend: "run as root: sudo wharf doctor" }];
};

/** clone3, openat2 and pidfd_getfd came until here; the new mount calls with mount_setattr later. */
const NEEDED = [5, 6];
const WANTED = [5, 12];

const kernel: Check = () => {
  const release = peek("/proc/sys/kernel/osrelease").trim();
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const older = ([a, b]: number[]) => major < a! || (major === a && minor < b!);
  const name = "kernel";
  if (older(NEEDED)) return [{ name, state: "bad", detail: release, mend: `use Linux ${NEEDED.join(".")} or newer` }];
  if (!older(WANTED)) return [{ name, state: "good", detail: release }];
  return [
    {
      name,
      state: "poor",
      detail: release,
      mend: `Linux ${WANTED.join(".")} has id-mapped and recursive read-only mounts`,
    },
  ];
};

const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

const namespaces: Check = () => {
  const missing = NAMESPACES.filter((name) => !exists(`/proc/self/ns/${name}`));
  if (missing.length === 0) return [{ name: "namespaces", state: "good", detail: NAMESPACES.join(" ") }];
  const needed = missing.filter((name) => name !== "user" && name !== "cgroup");
  const state = needed.length > 0 ? "bad" : "poor";
  return [
    { name: "namespaces", state, detail: `without ${missing.join(" ")}`, mend: "the kernel was built without them" },
  ];
};

const overlay: Check = () => {
  if (/\toverlay$/m.test(peek("/proc/filesystems"))) return [{ name: "overlayfs", state: "good", detail: "available" }];
  return [{ name: "overlayfs", state: "bad", detail: "not there", mend: "modprobe overlay" }];
};

const CONTROLLERS = ["cpu", "memory", "pids"];

const cgroups: Check = () => {
  const mounts = peek("/proc/self/mountinfo");
  const unified = / - cgroup2 /.test(mounts);
  const v1 = [...mounts.matchAll(/ - cgroup \S+ (\S+)$/gm)].flatMap(([, options]) => options!.split(","));
  const name = "cgroups";
  if (!unified && v1.length === 0)
    return [{ name, state: "bad", detail: "none is mounted", mend: "mount -t cgroup2 none /sys/fs/cgroup" }];
  const version = v1.length === 0 ? "version 2" : unified ? "version 1, an empty version 2 beside it" : "version 1";
  const there = v1.length > 0 ? v1 : peek("/sys/fs/cgroup/cgroup.controllers").trim().split(" ");
  const missing = CONTROLLERS.filter((controller) => !there.includes(controller));
  if (missing.length === 0) return [{ name, state: "good", detail: version }];
  const mend = `limits of ${missing.join(", ")} will be refused; enable the controllers at the kernel's command line`;
  return [{ name, state: "poor", detail: `${version}, without ${missing.join(" ")}`, mend }];
};

const seccomp: Check = () => {
  if (exists("/proc/sys/kernel/seccomp/actions_avail"))
    return [{ name: "seccomp", state: "good", detail: "filters available" }];
  return [
    { name: "seccomp", state: "poor", detail: "not there", mend: "containers need --security-opt seccomp=unconfined" },
  ];
};

/** Capabilities by their number (capability.h), with what is missed without them. */
const CAPABILITIES: readonly (readonly [number, string, "bad" | "poor", string])[] = [
  [21, "CAP_SYS_ADMIN", "bad", "no mounts and no namespaces: give this host the capability"],
  [12, "CAP_NET_ADMIN", "bad", "no networks: give this host the capability"],
  [24, "CAP_SYS_RESOURCE", "poor", "limits cannot be raised above the daemon's own, nor oom scores lowered"],
];

const capabilities: Check = () => {
  const mask = BigInt(`0x${/^CapEff:\t([0-9a-f]+)/m.exec(peek("/proc/self/status"))?.[1] ?? "0"}`);
  const missing = CAPABILITIES.filter(([bit]) => !((mask >> BigInt(bit)) & 1n));
  if (missing.length === 0) return [{ name: "capabilities", state: "good", detail: "all that are needed" }];
  return missing.map(([, name, state, mend]) => ({ name: "capabilities", state, detail: `without ${name}`, mend }));
};

const PROGRAMS = ["wharfd", "containerd-shim-runt-v2", "runt", "wharf-agent"];

const programs: Check = () => {
  const folder = dirname(readlink("/proc/self/exe"));
  const missing = PROGRAMS.filter((name) => !exists(join(folder, name)));
  if (missing.length === 0) return [{ name: "programs", state: "good", detail: `in ${folder}` }];
  const detail = `${missing.join(", ")} not in ${folder}`;
  return [{ name: "programs", state: "bad", detail, mend: "build them: npm run build" }];
};

const LEAST_FREE = 1 << 30;
const OVERLAY_MAGIC = 0x794c7630;

/** The folder itself or the nearest above it that is there. */
function existing(path: string): string {
  return exists(path) || path === "/" ? path : existing(dirname(path));
}

const disk: Check = ({ root }) => {
  const buffer = new BigInt64Array(15);
  const folder = existing(root);
  if (native.syscall(NR.statfs, folder, buffer) < 0) return [];
  const free = Number(buffer[1]! * buffer[4]!);
  const name = "disk";
  const detail = `${(free / 1e9).toFixed(1)}GB free in ${folder}`;
  if (Number(buffer[0]) === OVERLAY_MAGIC) {
    return [
      {
        name,
        state: "bad",
        detail: `${root} lies on an overlay`,
        mend: "overlays do not stand on overlays: choose another --root, a volume for instance",
      },
    ];
  }
  return [
    free < LEAST_FREE
      ? { name, state: "poor", detail, mend: "remove images: wharf rmi" }
      : { name, state: "good", detail },
  ];
};

export const CHECKS: readonly Check[] = [
  user,
  kernel,
  namespaces,
  overlay,
  cgroups,
  seccomp,
  capabilities,
  programs,
  disk,
];
