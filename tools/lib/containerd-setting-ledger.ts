// What is known of the configuration file's settings.
import { isolation, restart } from "./containerd-tests.ts";
import type { Evidence, Ledger } from "./evidence.ts";

const verifier = (title: string): Evidence => ["test/interop/ctr/verify.test.ts", title];

const HANDLERS: Evidence = [
  "test/interop/containerd/runtimes.test.ts",
  "wharfd runs containers with runc, crun and runsc",
];
const READ: Evidence = ["src/daemon/config-schema.test.ts", "readConfig() reads runtimes, snapshotters and registries"];
const PROXIED: Evidence = ["test/interop/dockerd/snapshotter.test.ts", "proxied snapshotters"];
const registry = (title: string): Evidence => ["test/interop/registry/transfer.test.ts", title];

/** The settings of the configuration file, by table and name. */
export const SETTING_LEDGER: Ledger = {
  registries: registry("hosts with settings of their own: capabilities, headers, path, no origin"),
  mirrors: registry("mirrors are asked first, in order, and the registry when they fail"),
  "insecure-registries": registry("https: unknown authority, given authority, insecure host, https on the loopback"),
  "registry-config-path": [
    "src/daemon/config-schema.test.ts",
    "registries' folders come before the rest, names with ports as containerd writes them",
  ],
  "default-runtime": ["test/interop/e2e/config.test.ts", "a handler's program makes the containers that ask for it"],
  "runtimes.NAME.type": READ,
  "runtimes.NAME.binary": HANDLERS,
  "runtimes.NAME.root": [
    "test/kernel/shim/options.test.ts",
    "BinaryName: the program gets Root, SystemdCgroup, NoPivotRoot and NoNewKeyring as its flags",
  ],
  "runtimes.NAME.systemd-cgroup": [
    "test/vm/wharf.test.ts",
    "a handler with systemd-cgroup: systemd makes the scope, with its limits",
  ],
  "snapshotters.NAME.address": PROXIED,
  "snapshotter-socket": PROXIED,
  "log-driver": ["test/interop/e2e/config.test.ts", "log-driver is told by info, and is what containers have"],
  "log-opts": [
    "test/interop/e2e/config.test.ts",
    "log-driver and log-opts are for containers that name no driver, or no option of it",
  ],
  "containerd-group": [
    "test/interop/grpc/grpc.test.ts",
    "the socket is root's and the group's that the configuration names, and nobody else's",
  ],
  "max-recv-message-size": [
    "test/interop/grpc/grpc.test.ts",
    "messages above the configured sizes are refused, and the connection goes on",
  ],
  "max-send-message-size": [
    "test/interop/grpc/grpc.test.ts",
    "messages above the configured sizes are refused, and the connection goes on",
  ],
  "content-sharing-policy": isolation("a blob of another namespace has to be shown whole"),
  "sandbox-image": [
    "test/interop/e2e/sandbox-image.test.ts",
    "a pod is held by the image that the configuration names, which is pulled and runs as it says",
  ],
  "oom-score": ["test/interop/e2e/oom-score.test.ts", "daemon, shim, container and exec have their OOM scores"],
  "restart-interval": restart("a container without a task gets one, after the daemon was killed as well"),
  "image-verifier.bin-dir": verifier(
    "an image that it accepts is pulled; the verifier got its name, digest and descriptor",
  ),
  "image-verifier.max-verifiers": [
    "src/daemon/transfer/verify.test.ts",
    "imageVerifier() asks no more programs than it may, and says that it left some out",
  ],
  "image-verifier.per-verifier-timeout": verifier("a verifier that crashes or hangs lets no image pass"),
};
