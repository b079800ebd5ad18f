// Fields of containerd's messages beyond those that tests are known to have had (containerd/shown.txt): each with its test, or why it is left out.
import { TRANSFER_LEDGER } from "./containerd-transfer-ledger.ts";
import type { Evidence, Ledger } from "./evidence.ts";

const CHECKPOINT: Evidence = [
  "test/interop/containerd/checkpoint.test.ts",
  "checkpoint and restore by ctr, wharfd, shim and runtime",
];
const ttrpc = (title: string): Evidence => ["src/common/ttrpc/ttrpc.test.ts", title];
const CALL = ttrpc("a call reaches its handler with metadata and timeout, and its answer comes back");
const platform: Evidence = ["src/common/oci/platform.test.ts", "normalizePlatform() keeps version and features"];
const statsV1: Evidence = [
  "src/linux/shim/stats.test.ts",
  "statsV1() fills every field that the control groups of version 1 have",
];
const statsV2: Evidence = [
  "src/linux/shim/stats.test.ts",
  "statsV2() fills every field that a control group of version 2 has",
];
const NETWORK = { reason: "left empty, as by runc's shim: a control group knows nothing of networks" };
const TASKSTATS = { reason: "left empty, as by runc's shim: it is no file of a control group" };
const NO_PARENT = { reason: "not looked at: containerd's daemon gives none to a shim" };
const NOT_TOLD = { reason: "left empty, as by containerd" };
const CHECKPOINTED = { reason: "not sent, as by containerd 2.1: nothing in it makes this event" };
const NO_CALL = { reason: "no call has it" };
const NOT_DEPRECATED = { reason: "left empty: nothing that is served is deprecated" };
const OTHERS = {
  reason: "a configuration of other runtimes: taken and not looked at, runt has none; kept for others as sent",
};
const ELSEWHERE = { reason: "an address that other sandboxers give: followed, and no test here has such a sandboxer" };

const fields = (message: string, names: readonly string[], one: Evidence): Ledger =>
  Object.fromEntries(names.map((name) => [`${message}.${name}`, one]));

const NETWORK_FIELDS = [
  ...["name", "rxBytes", "rxPackets", "rxErrors", "rxDropped", "txBytes", "txPackets", "txErrors", "txDropped"],
];

/** Fields of control groups' statistics that nobody fills. */
const V1_EMPTY: Ledger = {
  ...fields("io.containerd.cgroups.v1.NetworkStat", NETWORK_FIELDS, NETWORK),
  ...fields(
    "io.containerd.cgroups.v1.CgroupStats",
    ["nrSleeping", "nrRunning", "nrStopped", "nrUninterruptible", "nrIoWait"],
    TASKSTATS,
  ),
  "io.containerd.cgroups.v1.Metrics.network": NETWORK,
  "io.containerd.cgroups.v1.Metrics.cgroupStats": TASKSTATS,
};
const V2_EMPTY: Ledger = {
  ...fields("io.containerd.cgroups.v2.NetworkStat", NETWORK_FIELDS, NETWORK),
  "io.containerd.cgroups.v2.Metrics.network": NETWORK,
};

const STEPS: Evidence = [
  "test/interop/grpc/transfer.test.ts",
  "a pull and a push tell each step, as a tree below the image's name",
];

/** Who is told to end may be gone before it has answered, so that no test can promise to have had the answer. */
const SHUTDOWN: Ledger = {
  ...fields(
    "containerd.services.sandbox.v1.ControllerShutdownRequest",
    ["sandboxId", "sandboxer"],
    [
      "src/daemon/containerd/conformance/pods.ts",
      "a pod is created, started, asked, stopped and shut down; its events come in order",
    ],
  ),
  "containerd.runtime.sandbox.v1.ShutdownSandboxRequest.sandboxId": [
    "test/kernel/shim/sandbox.test.ts",
    "a sandbox is created, started, asked, stopped, waited for and shut down",
  ],
  "containerd.task.v2.ShutdownRequest.id": ["test/kernel/shim/lifecycle.test.ts", "connect, shutdown with containers"],
  "containerd.task.v2.ShutdownRequest.now": [
    "test/kernel/shim/options.test.ts",
    "CheckpointOptions: the program gets each as a flag, and what else a task is asked reaches it",
  ],
};

const OWN: Ledger = {
  "containerd.services.transfer.v1.TransferRequest.options": STEPS,
  "containerd.services.transfer.v1.TransferOptions.progressStream": STEPS,
  "containerd.services.introspection.v1.Plugin.requires": {
    reason: "left empty: the parts are one program, none is loaded for another",
  },
  "containerd.services.introspection.v1.Plugin.initErr": {
    reason: "left empty: a part that cannot begin keeps the daemon from starting, and is named there",
  },
  "containerd.services.introspection.v1.ServerResponse.deprecations": NOT_DEPRECATED,
  ...fields(
    "containerd.services.introspection.v1.DeprecationWarning",
    ["id", "message", "lastOccurrence"],
    NOT_DEPRECATED,
  ),
  "containerd.services.sandbox.v1.ControllerCreateRequest.rootfs": {
    reason: "handed to the shim; ours refuses it: its pods are held without a program",
  },
  "containerd.services.sandbox.v1.ControllerStatusResponse.extra": {
    reason: "what the shim says is handed on; ours has nothing to add",
  },
  "containerd.services.tasks.v1.CreateTaskRequest.checkpoint": CHECKPOINT,
  "containerd.services.tasks.v1.CheckpointTaskRequest.containerId": CHECKPOINT,
  "containerd.services.tasks.v1.CheckpointTaskRequest.parentCheckpoint": {
    reason: "not looked at, as by containerd 2.1",
  },
  "containerd.services.tasks.v1.CheckpointTaskRequest.options": CHECKPOINT,
  "containerd.services.tasks.v1.CheckpointTaskResponse.descriptors": CHECKPOINT,
  "containerd.runtime.sandbox.v1.CreateSandboxRequest.rootfs": [
    "test/kernel/shim/sandbox.test.ts",
    "the host's namespaces stay where the pod wants them; what cannot be held is refused",
  ],
  "containerd.runtime.sandbox.v1.CreateSandboxRequest.annotations": {
    reason: "not looked at: a pod that is held without a program has nobody to give them to",
  },
  ...fields("containerd.runtime.sandbox.v1.UpdateSandboxRequest", ["sandboxId", "resources", "annotations"], NO_CALL),
  "containerd.runtime.sandbox.v1.SandboxStatusResponse.extra": { reason: "left empty: our shim has nothing to add" },
  "containerd.task.v2.CreateTaskRequest.parentCheckpoint": NO_PARENT,
  ...fields("ttrpc.Request", ["service", "method", "payload", "timeoutNano", "metadata"], CALL),
  "ttrpc.Response.status": ttrpc("answers come in any order; errors keep code and causes"),
  "ttrpc.Response.payload": CALL,
  "ttrpc.StringList.list": { reason: "no message has it: metadata's old form" },
  ...fields("ttrpc.KeyValue", ["key", "value"], CALL),
  "containerd.events.TaskDelete.id": NOT_TOLD,
  ...fields("containerd.events.TaskCheckpointed", ["containerId", "checkpoint"], CHECKPOINTED),
  "containerd.types.RuntimeVersion.revision": { reason: "left empty: our shim's version says it" },
  "containerd.types.RuntimeInfo.annotations": { reason: "left empty: what our shim can do stands in the features" },
  ...fields("containerd.types.Platform", ["variant", "osVersion"], platform),
  "containerd.runc.v1.Options.shimCgroup": [
    "test/kernel/shim/options.test.ts",
    "ShimCgroup: the shim is in it, the container is not",
  ],
  ...fields("containerd.runc.v1.Options", ["taskApiAddress", "taskApiVersion"], ELSEWHERE),
  ...fields("runtimeoptions.v1.Options", ["typeUrl", "configPath", "configBody"], OTHERS),
  "containerd.v1.types.Process.containerId": NOT_TOLD,
};

/** By `full.name.of.Message.field`. */
export const FIELD_LEDGER: Ledger = {
  ...OWN,
  ...SHUTDOWN,
  ...Object.fromEntries(
    Object.entries(TRANSFER_LEDGER).map(([name, one]) => [`containerd.types.transfer.${name}`, one]),
  ),
  ...V1_EMPTY,
  ...V2_EMPTY,
};

/** Of a whole message, whose fields one test shows. */
export function wholeMessage(field: string): Evidence | undefined {
  if (field.startsWith("io.containerd.cgroups.v1.")) return statsV1;
  return field.startsWith("io.containerd.cgroups.v2.") ? statsV2 : undefined;
}
