// The runtime configuration that containerd's clients begin with (its pkg/oci), for Linux.
import { OCI_VERSION, type Spec } from "../../common/oci/runtime.ts";

const CAPABILITIES = [
  ...["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID"],
  ...["CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL"],
  "CAP_AUDIT_WRITE",
];
const RWM = "rwm";
/** Character devices every container may use; a minor number left out stands for all. */
const DEVICES: readonly (readonly [major: number, minor?: number])[] = [
  ...[[1, 3] as const, [1, 8] as const, [1, 7] as const, [5, 0] as const, [1, 5] as const, [1, 9] as const],
  ...[[5, 1] as const, [136] as const, [5, 2] as const],
];

function tmpfs(destination: string, ...options: string[]) {
  return { destination, type: "tmpfs", source: "tmpfs", options };
}

export function defaultSpec(namespace: string, id: string): Spec {
  return {
    ociVersion: OCI_VERSION,
    process: {
      user: { uid: 0, gid: 0 },
      cwd: "/",
      capabilities: { bounding: [...CAPABILITIES], effective: [...CAPABILITIES], permitted: [...CAPABILITIES] },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs" },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      tmpfs("/dev", "nosuid", "strictatime", "mode=755", "size=65536k"),
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
      },
      { ...tmpfs("/dev/shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"), source: "shm" },
      { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
      tmpfs("/run", "nosuid", "strictatime", "mode=755", "size=65536k"),
    ],
    linux: {
      resources: { devices: [{ allow: false, access: RWM }] },
      cgroupsPath: `/${namespace}/${id}`,
      namespaces: (["pid", "ipc", "uts", "mount", "network"] as const).map((type) => ({ type })),
      maskedPaths: [
        ...["acpi", "asound", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug"].map(
          (name) => `/proc/${name}`,
        ),
        ...["/sys/firmware", "/sys/devices/virtual/powercap", "/proc/scsi"],
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

/** Null, zero and their like, terminals. */
export function allowDefaultDevices(spec: Spec): void {
  const rules = DEVICES.map(([major, minor]) => ({
    ...{ allow: true, type: "c" as const, major },
    ...(minor === undefined ? {} : { minor }),
    access: RWM,
  }));
  spec.linux!.resources!.devices!.push(...rules);
}
