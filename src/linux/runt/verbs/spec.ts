// runt spec: a config.json to begin with, as runc writes it.
import { WharfError } from "../../../common/errors.ts";
import { type Mount, OCI_VERSION, type Spec } from "../../../common/oci/runtime.ts";
import { exists, writeFile } from "../../sys/fs.ts";
import { NR } from "../../sys/nr.ts";
import type { Command } from "../command.ts";
import { positional } from "../flags.ts";

const CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

const MOUNTS: readonly Mount[] = [
  { destination: "/proc", type: "proc", source: "proc" },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
  },
];

const MASKED = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/sys/firmware",
  "/proc/scsi",
];
const READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** Version 2 alone: there a cgroup namespace hides nothing that is needed, and /sys/fs/cgroup shows the container's own. */
function unified(): boolean {
  return exists("/sys/fs/cgroup/cgroup.controllers");
}

function example(): Spec {
  return {
    ociVersion: OCI_VERSION,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "runc",
    mounts: [...MOUNTS],
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: [
        { type: "pid" },
        { type: "network" },
        { type: "ipc" },
        { type: "uts" },
        { type: "mount" },
        ...(unified() ? [{ type: "cgroup" as const }] : []),
      ],
      maskedPaths: MASKED,
      readonlyPaths: READONLY,
    },
  };
}

/** For a user without privileges: a user namespace, no network of its own, the host's /sys and no limits. */
function rootless(spec: Spec): void {
  const linux = spec.linux!;
  const uid = native.syscall(NR.geteuid);
  const gid = native.syscall(NR.getegid);
  linux.namespaces = [...linux.namespaces!.filter(({ type }) => type !== "network"), { type: "user" }];
  linux.uidMappings = [{ hostID: uid, containerID: 0, size: 1 }];
  linux.gidMappings = [{ hostID: gid, containerID: 0, size: 1 }];
  delete linux.resources;
  spec.mounts = spec.mounts!.map((mount) => {
    if (mount.destination === "/sys") {
      const options = ["rbind", "nosuid", "noexec", "nodev", "ro"];
      return { destination: "/sys", type: "none", source: "/sys", options };
    }
    const options = mount.options?.filter((option) => !/^[ug]id=/.test(option));
    return options ? { ...mount, options } : mount;
  });
}

export const specCommand: Command = {
  usage: "spec [--bundle DIR] [--rootless]",
  summary: "write an example config.json",
  flags: { "bundle|b": "string", rootless: "bool" },
  run(_context, parsed) {
    positional(parsed);
    const path = `${parsed.string("bundle") ?? "."}/config.json`;
    if (exists(path)) throw new WharfError("AlreadyExists", `file ${path} exists`, { hint: "remove it first" });
    const spec = example();
    if (parsed.bool("rootless")) rootless(spec);
    writeFile(path, `${JSON.stringify(spec, null, "\t")}\n`, 0o666);
    return 0;
  },
};
