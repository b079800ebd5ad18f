// runt features: what this runtime can do, in the form of the specification's features.md.
import { OCI_VERSION } from "../../../common/oci/runtime.ts";
import { HOOK_KINDS } from "../../../common/oci/runtime-shape.ts";
import { VERSION } from "../../../common/version.ts";
import { SECCOMP_ACTIONS, SECCOMP_ARCHITECTURES, SECCOMP_FLAGS, SECCOMP_OPERATORS } from "../../seccomp/names.ts";
import { CAPABILITIES } from "../../sys/capabilities.ts";
import { NAMESPACE_FLAG } from "../../sys/namespaces.ts";
import { stdout } from "../../sys/out.ts";
import type { Command } from "../command.ts";
import { MEMORY_POLICY_FLAGS, MEMORY_POLICY_MODES } from "../execution-domain.ts";
import { MOUNT_OPTIONS } from "../mount-options.ts";

/** What this runtime can do wherever it runs, as `runt features` prints it and the shim tells containerd: no word of the host. */
export function features() {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: OCI_VERSION,
    hooks: HOOK_KINDS,
    mountOptions: MOUNT_OPTIONS,
    linux: {
      namespaces: Object.keys(NAMESPACE_FLAG).sort(),
      capabilities: [...CAPABILITIES],
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: {
        enabled: true,
        actions: SECCOMP_ACTIONS,
        operators: SECCOMP_OPERATORS,
        archs: SECCOMP_ARCHITECTURES,
        knownFlags: SECCOMP_FLAGS,
        supportedFlags: SECCOMP_FLAGS,
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: { modes: Object.keys(MEMORY_POLICY_MODES).sort(), flags: Object.keys(MEMORY_POLICY_FLAGS).sort() },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: { "wharf.runt.version": VERSION },
    potentiallyUnsafeConfigAnnotations: ["org.systemd.property."],
  };
}

export const featuresCommand: Command = {
  usage: "features",
  summary: "print what this runtime supports as JSON",
  flags: {},
  run() {
    const libseccomp = new Uint32Array(native.view(native.call(native.symbol("seccomp_version")), 12)).join(".");
    const { annotations, ...all } = features();
    const versions = { ...annotations, "io.github.seccomp.libseccomp.version": libseccomp };
    stdout(`${JSON.stringify({ ...all, annotations: versions }, null, 2)}\n`);
    return 0;
  },
};
