/** --cap-add, --cap-drop and --privileged as capability sets. */

import { WharfError } from "../../../common/errors.ts";
import type { LinuxCapabilities } from "../../../common/oci/runtime.ts";
import { DEFAULT_CAPABILITIES } from "./defaults.ts";

/** All that Linux has, by number: include/uapi/linux/capability.h (6.18). */
export const ALL_CAPABILITIES: readonly string[] = (
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE " +
  "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN " +
  "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE " +
  "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
  .split(" ")
  .map((name) => `CAP_${name}`);

/**
 * The capabilities of a container. `available` are those this daemon has itself: more it cannot give.
 * InvalidArgument for an unknown name.
 */
export function capabilitiesOf(
  options: { add: readonly string[] | null; drop: readonly string[] | null; privileged: boolean },
  available: readonly string[] = ALL_CAPABILITIES,
): string[] {
  const add = (options.add ?? []).map(normalize);
  const drop = (options.drop ?? []).map(normalize);
  if (options.privileged) return [...available];
  const base = add.includes("ALL")
    ? available
    : drop.includes("ALL")
      ? []
      : (DEFAULT_CAPABILITIES as readonly string[]).filter((name) => available.includes(name));
  const wanted = new Set(base);
  // What is dropped by name goes, even from ALL; what is added by name stays, even without the rest.
  for (const name of drop) wanted.delete(name);
  for (const name of add) if (name !== "ALL") wanted.add(name);
  return [...wanted];
}

/** As the runtime takes them: nothing inheritable or ambient (CVE-2022-24769). */
export function capabilitySets(names: string[]): LinuxCapabilities {
  return { bounding: names, effective: names, permitted: names };
}

function normalize(name: string): string {
  const upper = name.toUpperCase();
  if (upper === "ALL") return upper;
  const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (ALL_CAPABILITIES.includes(full)) return full;
  throw new WharfError("InvalidArgument", `unknown capability ${JSON.stringify(name)}`, {
    operation: "create container",
    hint: "capabilities(7) lists them; they are given without CAP_, like NET_ADMIN, or as ALL",
  });
}
