/** What every container gets unless told otherwise: Docker 28's mounts, paths, capabilities and devices. */

import type { LinuxDeviceCgroup, Mount } from "../../../common/oci/runtime.ts";

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
export const DEFAULT_SHM_SIZE = 64 << 20;

export const DEFAULT_CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
] as const;

/** Made unreadable: they tell of the host, or let a container time it (GHSA-6fw5-f8r9-fgfm, GHSA-jq35-85cj-fj4p). */
export const MASKED_PATHS = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
] as const;

export const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] as const;

/** In the order they are mounted. */
export function defaultMounts(shmSize: number): Mount[] {
  const mount = (destination: string, type: string, source: string, options: string): Mount => ({
    destination,
    type,
    source,
    options: options.split(" "),
  });
  return [
    mount("/proc", "proc", "proc", "nosuid noexec nodev"),
    mount("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
    mount("/dev/pts", "devpts", "devpts", "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5"),
    mount("/sys", "sysfs", "sysfs", "nosuid noexec nodev ro"),
    mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro nosuid noexec nodev"),
    mount("/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"),
    mount("/dev/shm", "tmpfs", "shm", `nosuid noexec nodev mode=1777 size=${shmSize}`),
  ];
}

/** Which devices may be used: the harmless ones, and expressly not FUSE. */
export function defaultDeviceRules(): LinuxDeviceCgroup[] {
  const rule = (allow: boolean, major: number, minor: number): LinuxDeviceCgroup => ({
    allow,
    type: "c",
    major,
    minor,
    access: "rwm",
  });
  return [
    { allow: false, access: "rwm" },
    rule(true, 1, 5),
    rule(true, 1, 3),
    rule(true, 1, 9),
    rule(true, 1, 8),
    rule(true, 5, 0),
    rule(true, 5, 1),
    rule(false, 10, 229),
  ];
}
