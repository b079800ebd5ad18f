// What is known of containerd's API here: each method with the test that shows it, or the reason why it is not served.

import type { Evidence, Ledger } from "./evidence.ts";

const CONFORMANCE = "src/daemon/containerd/conformance";
const SERVICES = "src/daemon/grpc/services.test.ts";
const CTR = "test/interop/ctr/suite.ts";

const content = (title: string): Evidence => [`${CONFORMANCE}/content.ts`, title];
const metadata = (title: string): Evidence => [`${CONFORMANCE}/metadata.ts`, title];
const snapshots = (title: string): Evidence => [`${CONFORMANCE}/snapshots.ts`, title];
const leases = (title: string): Evidence => [`${CONFORMANCE}/leases.ts`, title];
const events = (title: string): Evidence => [`${CONFORMANCE}/events.ts`, title];
const sandboxes = (title: string): Evidence => [`${CONFORMANCE}/sandboxes.ts`, title];
const pods = (title: string): Evidence => [`${CONFORMANCE}/pods.ts`, title];
const podSandboxes = (title: string): Evidence => [`${CONFORMANCE}/podsandboxes.ts`, title];
const filters = (title: string): Evidence => [`${CONFORMANCE}/filters.ts`, title];
const isolation = (title: string): Evidence => [`${CONFORMANCE}/isolation.ts`, title];
const restart = (title: string): Evidence => ["test/interop/ctr/restart.test.ts", title];
const tasks = (title: string): Evidence => [`${CONFORMANCE}/tasks.ts`, title];
const shim = (title: string): Evidence => ["test/kernel/shim/lifecycle.test.ts", title];
const shimIo = (title: string): Evidence => ["test/kernel/shim/io.test.ts", title];
const shimPod = (title: string): Evidence => ["test/kernel/shim/sandbox.test.ts", title];
const services = (title: string): Evidence => [SERVICES, title];
const ctr = (title: string): Evidence => [CTR, title];
const CHECKPOINT: Evidence = [
  "test/interop/containerd/checkpoint.test.ts",
  "checkpoint and restore by ctr, wharfd, shim and runtime",
];
const diffs: Evidence = ["test/kernel/diff.test.ts", "a layer is applied, a difference made and applied again"];

const LIFE = "the life of a detached container";
const RUN = "run answers with the program's output and status, for both names of the runtime";
const IMAGE = "an image is pushed, pulled, listed, checked, read and labelled";
const STORE = "create, get, list, delete";
const POD = "a pod is created, started, asked, stopped and shut down; its events come in order";

const ASKED = "its input is closed and its limits change when that is asked for";

/** By `Service/Method`, services by their full names without `containerd.services.` */
export const LEDGER: Ledger = {
  "containers.v1.Containers/Get": metadata("create, get, list, delete"),
  "containers.v1.Containers/List": metadata("lists are filtered"),
  "containers.v1.Containers/ListStream": services("containers are listed as a stream"),
  "containers.v1.Containers/Create": metadata("create, get, list, delete"),
  "containers.v1.Containers/Update": metadata("update takes the fields named"),
  "containers.v1.Containers/Delete": ctr(LIFE),
  "content.v1.Content/Info": content("bytes is read as it was written"),
  "content.v1.Content/Update": content("labels are updated whole and by key"),
  "content.v1.Content/List": content("a walk sees all, or those a filter takes"),
  "content.v1.Content/Delete": content("a blob of another namespace is invisible, and costs nothing to take over"),
  "content.v1.Content/Read": content("ranges are read, and refused beyond the end"),
  "content.v1.Content/Status": content("bytes can be corrected"),
  "content.v1.Content/ListStatuses": content("statuses are filtered by ref"),
  "content.v1.Content/Write": services("a write begins at the offset it names, or anew"),
  "content.v1.Content/Abort": content("abort drops an ingest, also an open one"),
  "diff.v1.Diff/Apply": diffs,
  "diff.v1.Diff/Diff": diffs,
  "events.v1.Events/Publish": events("a subscriber gets all from its call on, in order, of all namespaces"),
  "events.v1.Events/Forward": services("an event is taken over with its own time and namespace"),
  "events.v1.Events/Subscribe": ctr("events tell what happens, with containerd's topics"),
  "images.v1.Images/Get": metadata("create, get, list, delete"),
  "images.v1.Images/List": metadata("lists are filtered"),
  "images.v1.Images/Create": metadata("create, get, list, delete"),
  "images.v1.Images/Update": metadata("update takes all mutable fields, or those named"),
  "images.v1.Images/Delete": metadata("create, get, list, delete"),
  "introspection.v1.Introspection/Plugins": ctr("version, plugins and namespaces"),
  "introspection.v1.Introspection/Server": ctr("version, plugins and namespaces"),
  "introspection.v1.Introspection/PluginInfo": ctr("a runtime tells what it is"),
  "leases.v1.Leases/Create": ctr("content and leases are made and dropped"),
  "leases.v1.Leases/Delete": leases("create, list, resources, delete"),
  "leases.v1.Leases/List": ctr("content and leases are made and dropped"),
  "leases.v1.Leases/AddResource": leases("create, list, resources, delete"),
  "leases.v1.Leases/DeleteResource": leases("create, list, resources, delete"),
  "leases.v1.Leases/ListResources": leases("create, list, resources, delete"),
  "namespaces.v1.Namespaces/Get": services("a namespace's labels are changed one by one"),
  "namespaces.v1.Namespaces/List": ctr("version, plugins and namespaces"),
  "namespaces.v1.Namespaces/Create": ctr("version, plugins and namespaces"),
  "namespaces.v1.Namespaces/Update": services("a namespace's labels are changed one by one"),
  "namespaces.v1.Namespaces/Delete": ctr("version, plugins and namespaces"),
  "sandbox.v1.Store/Create": sandboxes(STORE),
  "sandbox.v1.Store/Update": sandboxes("update takes the fields named"),
  "sandbox.v1.Store/Delete": sandboxes(STORE),
  "sandbox.v1.Store/List": sandboxes(STORE),
  "sandbox.v1.Store/Get": sandboxes(STORE),
  "sandbox.v1.Controller/Create": pods(POD),
  "sandbox.v1.Controller/Start": pods(POD),
  "sandbox.v1.Controller/Platform": pods(POD),
  "sandbox.v1.Controller/Stop": pods(POD),
  "sandbox.v1.Controller/Wait": pods(POD),
  "sandbox.v1.Controller/Status": pods(POD),
  "sandbox.v1.Controller/Shutdown": pods(POD),
  "sandbox.v1.Controller/Metrics": pods(POD),
  "sandbox.v1.Controller/Update": pods(POD),
  "snapshots.v1.Snapshots/Prepare": snapshots("a view is read-only and cannot be committed"),
  "snapshots.v1.Snapshots/View": snapshots("a view is read-only and cannot be committed"),
  "snapshots.v1.Snapshots/Mounts": ctr(RUN),
  "snapshots.v1.Snapshots/Commit": snapshots("layers are mounted nearest first"),
  "snapshots.v1.Snapshots/Remove": snapshots("removal goes from the top and frees the name"),
  "snapshots.v1.Snapshots/Stat": snapshots("a view is read-only and cannot be committed"),
  "snapshots.v1.Snapshots/Update": snapshots("labels are updated"),
  "snapshots.v1.Snapshots/List": ctr(IMAGE),
  "snapshots.v1.Snapshots/Usage": ctr(IMAGE),
  "snapshots.v1.Snapshots/Cleanup": [
    "src/daemon/containerd/snapshots/cleanup.test.ts",
    "cleanup() deletes what could not be deleted when its snapshot was removed",
  ],
  "streaming.v1.Streaming/Stream": ctr(IMAGE),
  "tasks.v1.Tasks/Create": ctr(LIFE),
  "tasks.v1.Tasks/Start": ctr(LIFE),
  "tasks.v1.Tasks/Delete": ctr(LIFE),
  "tasks.v1.Tasks/DeleteProcess": ctr(LIFE),
  "tasks.v1.Tasks/Get": ctr(LIFE),
  "tasks.v1.Tasks/List": ctr(LIFE),
  "tasks.v1.Tasks/Kill": ctr(LIFE),
  "tasks.v1.Tasks/Exec": ctr(LIFE),
  "tasks.v1.Tasks/ResizePty": ctr("a terminal is one, of the size that it has here"),
  "tasks.v1.Tasks/CloseIO": tasks(ASKED),
  "tasks.v1.Tasks/Pause": ctr(LIFE),
  "tasks.v1.Tasks/Resume": ctr(LIFE),
  "tasks.v1.Tasks/ListPids": ctr(LIFE),
  "tasks.v1.Tasks/Checkpoint": CHECKPOINT,
  "tasks.v1.Tasks/Update": tasks(ASKED),
  "tasks.v1.Tasks/Metrics": ctr(LIFE),
  "tasks.v1.Tasks/Wait": ctr(RUN),
  "transfer.v1.Transfer/Transfer": ctr("an image is tagged, exported, removed, imported and run"),
  "version.v1.Version/Version": ctr("version, plugins and namespaces"),
  "grpc.health.v1.Health/Check": services("health is told for the whole and for each service"),
  "grpc.health.v1.Health/Watch": services("health is told for the whole and for each service"),
};

/** The services of our shim, over ttrpc. */
const SHIM_TASK: Readonly<Record<string, Evidence>> = {
  State: shim("a task is created, started, waited for and deleted; its events come in order"),
  Create: shim("a task is created, started, waited for and deleted; its events come in order"),
  Start: shim("a task is created, started, waited for and deleted; its events come in order"),
  Delete: shim("a task is created, started, waited for and deleted; its events come in order"),
  Wait: shim("a task is created, started, waited for and deleted; its events come in order"),
  Shutdown: shim("a task is created, started, waited for and deleted; its events come in order"),
  Pids: shim("execs have their own life; the init process's end is told last"),
  Exec: shim("execs have their own life; the init process's end is told last"),
  Kill: shim("execs have their own life; the init process's end is told last"),
  Pause: shim("pause, resume, statistics, update"),
  Resume: shim("pause, resume, statistics, update"),
  Stats: shim("pause, resume, statistics, update"),
  Update: shim("pause, resume, statistics, update"),
  Connect: shim("connect, shutdown with containers"),
  ResizePty: shimIo("a terminal: output, input, size, its own exec"),
  CloseIO: shimIo("FIFOs: output arrives whole, input goes in, closeIO ends it"),
  Checkpoint: CHECKPOINT,
};
const POD_SHIM = "a sandbox is created, started, asked, stopped, waited for and shut down";
const SHIM_POD: readonly string[] = [
  ...["CreateSandbox", "StartSandbox", "Platform", "StopSandbox", "WaitSandbox", "SandboxStatus", "PingSandbox"],
  ...["ShutdownSandbox", "SandboxMetrics"],
];

/** What runs over ttrpc, by the full name of the service. */
export const TTRPC_LEDGER: Ledger = {
  "containerd.services.events.ttrpc.v1.Events/Forward": tasks("a process runs, writes, exits, and is deleted"),
  ...Object.fromEntries(Object.entries(SHIM_TASK).map(([name, one]) => [`containerd.task.v2.Task/${name}`, one])),
  ...Object.fromEntries(
    Object.entries(SHIM_TASK).map(([name, one]) => [
      `containerd.task.v3.Task/${name}`,
      name === "Checkpoint" ? one : shim("version 3 of the service has the same methods"),
    ]),
  ),
  ...Object.fromEntries(SHIM_POD.map((name) => [`containerd.runtime.sandbox.v1.Sandbox/${name}`, shimPod(POD_SHIM)])),
};

const HELD = "one is created, started, asked, stopped and shut down; its events come in order";

/** The same service for sandboxes of `podsandbox`. */
export const PODSANDBOX_LEDGER: Ledger = {
  Create: podSandboxes("the configuration says which namespaces are the host's, and what the files hold"),
  Start: podSandboxes("its containers share its shim, its namespaces and its memory, and go with it"),
  Platform: podSandboxes(HELD),
  Stop: podSandboxes(HELD),
  Wait: podSandboxes("a restarted daemon finds them, and how they ended meanwhile"),
  Status: podSandboxes(HELD),
  Shutdown: [
    `${CONFORMANCE}/podsandbox-crash.ts`,
    "kill -9 at any step of a podsandbox's life loses none and leaves nothing",
  ],
  Metrics: podSandboxes(HELD),
  Update: podSandboxes(HELD),
};

const podSpec = (title: string): Evidence => ["src/daemon/containerd/sandboxes/podsandbox-spec.test.ts", title];
const USERNS = podSandboxes("one in a user namespace has its own root, and so have its containers");
const SECCOMP = podSandboxes("its holder is filtered by the seccomp profile that the pod names");
const NAMESPACES = podSandboxes("the configuration says which namespaces are the host's, and what the files hold");
const AS_WHOM = podSpec("podSpec() runs the holder as whom the pod names");
const RESOURCES = podSpec("podSpec() takes namespaces, sysctls and resources from CRI's configuration");
const SELINUX: Evidence = [
  "src/daemon/containerd/sandboxes/selinux.test.ts",
  "selinuxLabels() gives each container categories of its own, and what was asked for",
];
const CRI_ALONE = { reason: "left to the CRI plugin, as by containerd's controller; kept in the pod's metadata" };

/** The fields of what a pod of `podsandbox` is told by (CRI's PodSandboxConfig), as `Message.field`; nested messages that have no meaning of their own left out. */
export const POD_CONFIG_LEDGER: Ledger = {
  "PodSandboxConfig.metadata": podSandboxes(HELD),
  "PodSandboxConfig.hostname": podSandboxes(
    "its containers share its shim, its namespaces and its memory, and go with it",
  ),
  "PodSandboxConfig.logDirectory": RESOURCES,
  "PodSandboxConfig.dnsConfig": NAMESPACES,
  "PodSandboxConfig.portMappings": CRI_ALONE,
  "PodSandboxConfig.labels": podSandboxes(HELD),
  "PodSandboxConfig.annotations": [
    "test/interop/e2e/sandbox-image.test.ts",
    "in a user namespace the image's files are the pod's root's",
  ],
  "PodSandboxConfig.linux": NAMESPACES,
  "LinuxPodSandboxConfig.cgroupParent": podSandboxes(HELD),
  "LinuxPodSandboxConfig.securityContext": NAMESPACES,
  "LinuxPodSandboxConfig.sysctls": podSandboxes(
    "its containers share its shim, its namespaces and its memory, and go with it",
  ),
  "LinuxPodSandboxConfig.overhead": CRI_ALONE,
  "LinuxPodSandboxConfig.resources": RESOURCES,
  "LinuxSandboxSecurityContext.namespaceOptions": NAMESPACES,
  "LinuxSandboxSecurityContext.selinuxOptions": SELINUX,
  "LinuxSandboxSecurityContext.runAsUser": NAMESPACES,
  "LinuxSandboxSecurityContext.runAsGroup": AS_WHOM,
  "LinuxSandboxSecurityContext.readonlyRootfs": {
    reason: "not looked at, as by containerd: what holds a pod has a read-only root file system in any case",
  },
  "LinuxSandboxSecurityContext.supplementalGroups": AS_WHOM,
  "LinuxSandboxSecurityContext.supplementalGroupsPolicy": CRI_ALONE,
  "LinuxSandboxSecurityContext.privileged": podSpec(
    "podSpec() has SELinux's labels, and of a privileged pod that of its mounts alone",
  ),
  "LinuxSandboxSecurityContext.seccomp": SECCOMP,
  "LinuxSandboxSecurityContext.apparmor": {
    reason: "not looked at, as by containerd: it confines a pod's containers, not what holds it",
  },
  "LinuxSandboxSecurityContext.seccompProfilePath": podSpec(
    "podSpec() has the seccomp profile that the pod names: the default, a file's, none",
  ),
  "NamespaceOption.network": NAMESPACES,
  "NamespaceOption.pid": NAMESPACES,
  "NamespaceOption.ipc": NAMESPACES,
  "NamespaceOption.targetId": { reason: "of containers alone; a pod has none (CRI)" },
  "NamespaceOption.usernsOptions": USERNS,
};

const field = (name: string): [string, Evidence] => [name, filters(`"${name}"`)];

/** The fields that filters see (core/metadata/adaptors.go, core/events/events.go, plugins/services). */
export const FILTER_LEDGER: Ledger = {
  ...Object.fromEntries(
    [
      ...["containers: id", "containers: image", "containers: runtime.name", "containers: labels"],
      ...["images: name", "images: target.digest", "images: target.mediatype", "images: labels", "images: annotations"],
      ...["content: digest", "content: labels", "ingests: ref", "leases: id", "leases: labels"],
      ...["snapshots: name", "snapshots: parent", "snapshots: kind", "snapshots: labels"],
      ...["sandboxes: id", "sandboxes: labels", "namespaces: name", "namespaces: labels"],
      ...["plugins: type", "plugins: id", "plugins: platforms", "plugins: capabilities"],
    ].map(field),
  ),
  "events: namespace": events("filters choose by namespace, topic and fields"),
  "events: topic": events("filters choose by namespace, topic and fields"),
  "events: event.<field>": events("filters choose by namespace, topic and fields"),
  "metrics: id": tasks("processes are added, listed, waited for and deleted"),
  "metrics: namespace": tasks("processes are added, listed, waited for and deleted"),
};

/** The labels that mean something to the daemon, and what. */
export const LABEL_LEDGER: Readonly<Record<string, readonly [meaning: string, evidence: Evidence]>> = {
  "containerd.io/gc.root": [
    "keeps the object",
    leases("gc.root and an expiry to come keep, an expiry that has passed does not"),
  ],
  "containerd.io/gc.expire": [
    "keeps an object, a lease or an image until then",
    leases("a lease that expires is collected by itself"),
  ],
  "containerd.io/gc.flat": [
    "a lease holds its resources without what these refer to",
    leases("a flat lease holds without references"),
  ],
  "containerd.io/gc.ref.content.*": [
    "the blob named is kept",
    leases("what nothing refers to is taken, what an image refers to is kept"),
  ],
  "containerd.io/gc.ref.snapshot.*": [
    "the snapshot named is kept",
    leases("what nothing refers to is taken, what an image refers to is kept"),
  ],
  "containerd.io/gc.ref.image.*": [
    "the image named is kept",
    leases("an image whose time has run out stays as long as something that is kept names it"),
  ],
  "containerd.io/gc.bref.*": [
    "is kept by the object named",
    leases("back references keep their object with the one they name"),
  ],
  "containerd.io/snapshot.ref": [
    "prepare answers AlreadyExists when the snapshot named is there",
    snapshots("a target that is there need not be prepared"),
  ],
  "containerd.io/snapshot.ref (remote)": [
    "one that another program's snapshotter has by itself is taken over",
    [
      "src/daemon/containerd/snapshots/proxy.test.ts",
      "what a remote snapshotter has is taken over under the name asked for",
    ],
  ],
  "containerd.io/snapshot/uidmapping": [
    "prepare: whose files they are to be in a user namespace; mounts show them so",
    ctr("a container in a user namespace has its image's files as its own, and no copy of them"),
  ],
  "containerd.io/snapshot/gidmapping": [
    "the same for groups",
    ctr("a container in a user namespace has its image's files as its own, and no copy of them"),
  ],
  "containerd.io/snapshot/cri.*": [
    "given to a remote snapshotter with each layer of a pull: the image's name, its manifest, the layer, those above it",
    [
      "test/interop/registry/transfer.test.ts",
      "of an image whose lower layers a remote snapshotter has, only the upper ones are fetched",
    ],
  ],
  "containerd.io/snapshot/overlay.upperdir": [
    "tells where a snapshot's upper directory is",
    { reason: "containerd gives it with its setting upperdir_label alone, which is off by default" },
  ],
  "containerd.io/defaults/runtime, containerd.io/defaults/snapshotter": [
    "of a namespace: what clients are to take that name none",
    { reason: "read by containerd's Go library in its clients, not by the daemon; kept as every label" },
  ],
  "containerd.io/restart.logpath": [
    "where the output goes, before loguri",
    { reason: "containerd 2 has it no longer; restart.loguri takes file://PATH" },
  ],
  "containerd.io/uncompressed": ["the blob's digest when unpacked; given to layers that are made and pulled", diffs],
  "containerd.io/distribution.source.*": [
    "the repositories of a registry where the blob lies",
    ctr("what is pulled tells where it lies, and layers what they are when unpacked"),
  ],
  "containerd.io/namespace.shareable": [
    "of a namespace: where namespaces are isolated, its blobs are still given by their digests",
    isolation("a namespace labelled shareable gives its blobs by their digests"),
  ],
  "containerd.io/restart.status": [
    "of a container: what its task is to be, running or stopped",
    restart("one that is to be stopped is, and one that is paused stays so"),
  ],
  "containerd.io/restart.policy": [
    "always, no, on-failure[:N] or unless-stopped",
    restart("on-failure: as often as allowed, and not after a success"),
  ],
  "containerd.io/restart.count": [
    "how often it was started again",
    restart("always: what was killed runs again, counted, with its output in the log"),
  ],
  "containerd.io/restart.explicitly-stopped": [
    "unless-stopped leaves it alone",
    restart("no, and unless-stopped once it was stopped by hand: stays as it is"),
  ],
  "containerd.io/restart.loguri": [
    "where the output goes once it was started again",
    restart("always: what was killed runs again, counted, with its output in the log"),
  ],
};

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

const transfer = (title: string): Evidence => ["test/interop/grpc/transfer.test.ts", title];
const HEADERS = transfer("headers go with each request to the registry; what HTTP cannot take is refused");
const AUTH = transfer("credentials are asked for by a stream: name and password, a refresh token, a header, or none");
const STEPS = transfer("a pull and a push tell each step, as a tree below the image's name");
const WIRE = transfer("what goes over the wire is told to a stream or the log, without passwords");
const UNPACKS = transfer("an image is unpacked for each configuration: platforms and snapshotters");
const HOW_MUCH = transfer("platforms, all metadata and a limit say how much of an index is pulled");
const NAMES = transfer("an image gets the names that its references make");
const IMPORT = transfer(
  "an import takes a packed archive, names what it holds, unpacks it, and compresses docker's layers when asked",
);
const EXPORT = transfer("an export has the platforms asked for, and docker's list unless it is left out");

/** The fields of containerd.types.transfer, by message and their names here. */
export const TRANSFER_LEDGER: Ledger = {
  "OCIRegistry.reference": HEADERS,
  "OCIRegistry.resolver": HEADERS,
  "RegistryResolver.authStream": AUTH,
  "RegistryResolver.headers": HEADERS,
  "RegistryResolver.hostDir": transfer("a host directory says where a registry is"),
  "RegistryResolver.defaultScheme": transfer("the default scheme is what the registry is spoken to by"),
  "RegistryResolver.httpDebug": WIRE,
  "RegistryResolver.logsStream": WIRE,
  "AuthRequest.host": AUTH,
  "AuthRequest.reference": AUTH,
  "AuthRequest.wwwauthenticate": {
    reason: "left empty, as by containerd: the question is asked before the registry's answer is known",
  },
  "AuthResponse.authType": AUTH,
  "AuthResponse.secret": AUTH,
  "AuthResponse.username": AUTH,
  "AuthResponse.expireAt": { reason: "not looked at, as by containerd: credentials are used within the one transfer" },
  "ImageStore.name": NAMES,
  "ImageStore.labels": UNPACKS,
  "ImageStore.platforms": HOW_MUCH,
  "ImageStore.allMetadata": HOW_MUCH,
  "ImageStore.manifestLimit": HOW_MUCH,
  "ImageStore.extraReferences": NAMES,
  "ImageStore.unpacks": UNPACKS,
  "UnpackConfiguration.platform": UNPACKS,
  "UnpackConfiguration.snapshotter": UNPACKS,
  "ImageReference.name": NAMES,
  "ImageReference.isPrefix": NAMES,
  "ImageReference.allowOverwrite": IMPORT,
  "ImageReference.addDigest": NAMES,
  "ImageReference.skipNamedDigest": IMPORT,
  "ImageImportStream.stream": IMPORT,
  "ImageImportStream.mediaType": IMPORT,
  "ImageImportStream.forceCompress": IMPORT,
  "ImageExportStream.stream": EXPORT,
  "ImageExportStream.mediaType": EXPORT,
  "ImageExportStream.platforms": EXPORT,
  "ImageExportStream.allPlatforms": EXPORT,
  "ImageExportStream.skipCompatibilityManifest": EXPORT,
  "ImageExportStream.skipNonDistributable": transfer(
    "layers that may not be handed on are left out of an export when asked",
  ),
  "Progress.event": STEPS,
  "Progress.name": STEPS,
  "Progress.parents": STEPS,
  "Progress.progress": STEPS,
  "Progress.total": STEPS,
  "Progress.desc": STEPS,
  "Data.data": EXPORT,
  "WindowUpdate.update": EXPORT,
};
