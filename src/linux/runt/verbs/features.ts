// runt features: what this runtime can do, in the form of the specification's features.md.
import { OCI_VERSION } from "../../../common/oci/runtime.ts";
import { SECCOMP_ACTIONS, SECCOMP_ARCHITECTURES, SECCOMP_FLAGS, SECCOMP_OPERATORS } from "../../seccomp/names.ts";
import { CAPABILITIES } from "../../sys/capabilities.ts";
import { stdout } from "../../sys/out.ts";
import type { Command } from "../command.ts";
import { MOUNT_OPTIONS } from "../mount-options.ts";
import { CLONE_FLAG } from "../namespaces.ts";

/** What this runtime can do, as `runt features` prints it and the shim tells containerd. */
export function features(): object {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: OCI_VERSION,
    hooks: ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
    mountOptions: MOUNT_OPTIONS,
    linux: {
      namespaces: Object.keys(CLONE_FLAG).sort(),
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
      apparmor: { enabled: false },
      selinux: { enabled: false },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
    },
    potentiallyUnsafeConfigAnnotations: [],
  };
}

export const featuresCommand: Command = {
  usage: "features",
  summary: "print what this runtime supports as JSON",
  flags: {},
  run() {
    stdout(`${JSON.stringify(features(), null, 2)}\n`);
    return 0;
  },
};
