// What of Docker's Engine API is served here: each operation and parameter with the test that shows it, or the reason why it is not.
import type { Evidence, Ledger } from "./evidence.ts";

const FOLDER = "test/interop/docker";
const shown =
  (file: string) =>
  (title: string): Evidence => [`${FOLDER}/${file}.test.ts`, title];
const actions = shown("actions");
const api = shown("api");
const cli = shown("cli");
const containers = shown("containers");
const images = shown("images");
const fields = shown("hostconfig");
const lists = shown("lists");
const platforms = shown("platforms");
const usernets = shown("usernets");
const networks = shown("networks");
const socket = shown("websocket");
const volumes = shown("volumes");
const because = (reason: string): Evidence => ({ reason });

const ANSWERED = because("part of answers; in a request it says nothing, as in dockerd");
const BUILD = because("builds come later; it answers 501 with its name");
const NO_CACHE = because("builds come later: there is no cache of them to choose from");
const NETWORK = because("a container is on one network, the one it was made with; it answers 501 with its name");
const NOT_CHANGED = because("cannot be changed by an update: ignored, as dockerd does");
const NOT_IMAGE = because("says nothing of an image: left out of it");
const OF_ONE = because("with one network a container there is nothing to choose");
const SEARCH = because("only Docker Hub ever answered it; it answers 501 and says so");
const SWARM = because("only swarms have such things: nothing ever matches");
const WINDOWS = fields("what this host or this daemon has not is refused by its name");

/** Rows after the operation's name, `*` for the operation itself. */
type Block = readonly [evidence: Evidence, ...rows: string[]];

const HOST = "ContainerCreate .HostConfig.";
/** Fields of HostConfig, by words. */
const host = (names: string) => `${HOST}${names.split(" ").join(" .HostConfig.")}`;
const mount = (names: string) =>
  host(
    names
      .split(" ")
      .map((name) => `Mounts.${name}`)
      .join(" "),
  );

const BLOCKS: readonly Block[] = [
  [
    lists("containers: all, limit, size and every filter"),
    "ContainerList * ?all ?limit ?size ?filters=ancestor ?filters=before ?filters=expose ?filters=exited ?filters=health ?filters=id",
    "ContainerList ?filters=isolation ?filters=is-task ?filters=label ?filters=name ?filters=network ?filters=publish ?filters=since",
    "ContainerList ?filters=status ?filters=volume",
    "ContainerInspect * {id} ?size",
  ],
  [
    fields(
      "process: Cmd, Entrypoint, Env, User, WorkingDir, Hostname, Domainname, Tty, Labels, StopSignal, StopTimeout, Shell",
    ),
    "ContainerCreate * .Hostname .Domainname .User .AttachStdout .AttachStderr .Env .Cmd .ArgsEscaped .Image .WorkingDir .Entrypoint",
    "ContainerCreate .Labels .StopSignal .StopTimeout .Shell",
  ],
  [because("instructions for builds upon an image; a container has none, as in dockerd"), "ContainerCreate .OnBuild"],
  [
    fields("terminal and input: Tty, OpenStdin, StdinOnce, AttachStdin; ConsoleSize is the first size of the terminal"),
    "ContainerCreate .AttachStdin .Tty .OpenStdin .StdinOnce",
    host("ConsoleSize"),
    "ContainerResize * {id} ?h ?w",
  ],
  [
    fields("health checks are kept and warned of; NetworkDisabled leaves the loopback alone"),
    "ContainerCreate .Healthcheck .NetworkDisabled",
  ],
  [
    containers("a MAC address: of the endpoint, or of the whole container as older clients give it"),
    "ContainerCreate .MacAddress .NetworkingConfig.MacAddress",
  ],
  [
    fields("networks of a request: what only networks of a user's own have is refused"),
    "ContainerCreate .NetworkingConfig.Links",
  ],
  [OF_ONE, "ContainerCreate .NetworkingConfig.GwPriority"],
  [
    ANSWERED,
    "ContainerCreate .NetworkingConfig.NetworkID .NetworkingConfig.EndpointID .NetworkingConfig.Gateway .NetworkingConfig.IPAddress",
    "ContainerCreate .NetworkingConfig.IPPrefixLen .NetworkingConfig.IPv6Gateway .NetworkingConfig.GlobalIPv6Address",
    "ContainerCreate .NetworkingConfig.GlobalIPv6PrefixLen .NetworkingConfig.DNSNames",
  ],
  [
    containers("links: names, ports and variables of the other container; they end with the link"),
    "ContainerCreate ?name",
    host("Links"),
    "ContainerDelete ?link",
  ],
  [
    [
      "test/interop/e2e/images.test.ts",
      "an index of platforms: ours is taken; --platform another one; one that is not there",
    ],
    "ContainerCreate ?platform",
  ],
  [
    fields("memory and CPU limits reach the control group"),
    host(
      "CpuShares Memory CpuPeriod CpuQuota CpusetCpus CpusetMems MemoryReservation MemorySwap MemorySwappiness NanoCpus OomKillDisable PidsLimit",
    ),
  ],
  [
    [
      "src/daemon/docker/spec/spec.test.ts",
      "buildSpec() passes on block devices, real-time CPU, kernel TCP memory, annotations and the group's parent",
    ],
    host(
      "BlkioWeight BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps",
    ),
    host("CpuRealtimePeriod CpuRealtimeRuntime KernelMemoryTCP CgroupParent Annotations"),
  ],
  [
    fields("what reaches the runtime's configuration: block devices, real-time CPU, kernel TCP memory, annotations"),
    host("ContainerIDFile"),
  ],
  [fields("devices: Devices, DeviceCgroupRules"), host("Devices DeviceCgroupRules")],
  [
    WINDOWS,
    host("DeviceRequests CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth Cgroup StorageOpt Isolation"),
    mount("ImageOptions.Subpath"),
  ],
  [
    fields("namespaces: PidMode, IpcMode, UTSMode, CgroupnsMode, UsernsMode, Sysctls, ShmSize, Init, Runtime"),
    host("Init PidMode IpcMode UTSMode CgroupnsMode UsernsMode Sysctls ShmSize Runtime"),
  ],
  [
    fields(
      "security: CapAdd, CapDrop, Privileged, SecurityOpt, GroupAdd, ReadonlyRootfs, MaskedPaths, ReadonlyPaths, Ulimits, OomScoreAdj",
    ),
    host("CapAdd CapDrop GroupAdd Privileged ReadonlyRootfs SecurityOpt MaskedPaths ReadonlyPaths Ulimits OomScoreAdj"),
  ],
  [
    fields("mounts: Binds, Mounts with every option, Tmpfs, Volumes, VolumesFrom, VolumeDriver"),
    host("Binds Tmpfs VolumesFrom VolumeDriver"),
    mount(
      "Target Source Type ReadOnly Consistency BindOptions.Propagation BindOptions.NonRecursive BindOptions.CreateMountpoint",
    ),
    mount(
      "BindOptions.ReadOnlyNonRecursive BindOptions.ReadOnlyForceRecursive VolumeOptions.NoCopy VolumeOptions.Labels",
    ),
    mount("VolumeOptions.DriverConfig TmpfsOptions.SizeBytes TmpfsOptions.Mode TmpfsOptions.Options"),
    "ContainerCreate .Volumes",
  ],
  [
    containers(
      "a path inside a volume: only that is seen, no link in the volume leads out, and it goes with the container",
    ),
    mount("VolumeOptions.Subpath"),
  ],
  [
    containers("--add-host host-gateway is the host's address on the bridge; extra names, name servers"),
    host("Dns DnsOptions DnsSearch ExtraHosts"),
  ],
  [networks("--network container: shares interfaces, names and files"), host("NetworkMode")],
  [
    fields(
      "PortBindings and PublishAllPorts: a given port, any port, an address; inspect, list and 127.0.0.1 know them",
    ),
    host("PortBindings PublishAllPorts"),
    "ContainerCreate .ExposedPorts",
  ],
  [
    fields("logging: LogConfig's drivers and options; AutoRemove; RestartPolicy"),
    host("LogConfig AutoRemove RestartPolicy"),
  ],
  [
    actions("start, stop, restart, kill: signals, patience, 304 where there is nothing to do"),
    "ContainerStart * {id} ?detachKeys",
    "ContainerStop * {id} ?signal ?t",
    "ContainerRestart * {id} ?signal ?t",
    "ContainerKill * {id} ?signal",
  ],
  [
    actions("top with ps_args, stats as a stream and once, changes, export"),
    "ContainerTop * {id} ?ps_args",
    "ContainerStats * {id} ?stream ?one-shot",
    "ContainerChanges * {id}",
    "ContainerExport * {id}",
  ],
  [
    actions("update: every limit that can be changed, and what is left alone"),
    "ContainerUpdate * {id} .CpuShares .Memory .BlkioWeight .CpuPeriod .CpuQuota .CpuRealtimePeriod .CpuRealtimeRuntime .CpusetCpus",
    "ContainerUpdate .CpusetMems .MemoryReservation .MemorySwap .NanoCpus .PidsLimit .RestartPolicy",
  ],
  [
    NOT_CHANGED,
    "ContainerUpdate .CgroupParent .BlkioWeightDevice .BlkioDeviceReadBps .BlkioDeviceWriteBps .BlkioDeviceReadIOps",
    "ContainerUpdate .BlkioDeviceWriteIOps .Devices .DeviceCgroupRules .DeviceRequests .KernelMemoryTCP .MemorySwappiness",
    "ContainerUpdate .OomKillDisable .Init .Ulimits .CpuCount .CpuPercent .IOMaximumIOps .IOMaximumBandwidth",
  ],
  [
    actions("rename, pause, unpause, delete: names, force, anonymous volumes"),
    "ContainerRename * {id} ?name",
    "ContainerPause * {id}",
    "ContainerUnpause * {id}",
    "ContainerDelete * {id} ?v ?force",
  ],
  [actions("prune containers: until and labels"), "ContainerPrune * ?filters=until ?filters=label ?filters=label!"],
  [
    api("logs: streams, since, until, tail, timestamps"),
    "ContainerLogs * {id} ?stdout ?stderr ?since ?until ?timestamps ?tail",
  ],
  [cli("docker logs -f ends with the container and has every line, over rotations"), "ContainerLogs ?follow"],
  [
    api("attach before the start: both ways of taking over, frames, half-close, the end"),
    "ContainerAttach * {id} ?stream ?stdin ?stdout ?stderr",
  ],
  [api("attach with logs: what was, then what comes, each once"), "ContainerAttach ?logs"],
  [api("a terminal: raw stream, size, detach keys leave the container running"), "ContainerAttach ?detachKeys"],
  [
    socket("input in pieces and messages of every kind, output of both streams, ping, the end with a close frame"),
    "ContainerAttachWebsocket * {id} ?detachKeys ?logs ?stream ?stdin ?stdout ?stderr",
  ],
  [api("wait answers its header at once; next-exit and removed are told apart"), "ContainerWait * {id} ?condition"],
  [
    actions(
      "archives into a container: the container's user as owner, directories that are not replaced, what the path must be",
    ),
    "ContainerArchiveInfo * {id} ?path",
    "ContainerArchive * {id} ?path",
    "PutContainerArchive * {id} ?path ?noOverwriteDirNonDir ?copyUIDGID .body",
  ],
  [
    lists("images: every filter, shared-size; removal by name, by force, and refused"),
    "ImageList * ?all ?shared-size ?digests ?filters=before ?filters=dangling ?filters=label ?filters=reference ?filters=since",
    "ImageList ?filters=until",
    "ImageDelete * {name} ?force ?noprune",
    "ImageInspect * {name}",
  ],
  [
    platforms("an image of several platforms: manifests in list and inspect, history and inspect of one, save of one"),
    "ImageList ?manifests",
    "ImageInspect ?manifests ?platform",
    "ImageHistory ?platform",
    "ImageGet ?platform",
  ],
  [
    platforms("one platform of an image is removed: not by chance, not under a container, what others need stays"),
    "ImageDelete ?platforms",
  ],
  [
    lists(
      "images: import of a body with name, message, changes and platform; the source is checked; search is refused",
    ),
    "ImageCreate ?fromSrc ?repo ?message .body ?changes ?platform",
  ],
  [
    images("push to a registry that wants credentials, login, pull it back, distribution inspect"),
    "ImageCreate * ?fromImage ?tag #X-Registry-Auth",
    "ImagePush * {name} ?tag #X-Registry-Auth",
    "SystemAuth * .username .password .serveraddress",
    "DistributionInspect * {name}",
  ],
  [
    [
      "test/interop/registry/transfer.test.ts",
      "push of an index whose other platforms are not in the store pushes what there is",
    ],
    "ImagePush ?platform",
  ],
  [because("registries do not ask for it; ignored, as by dockerd"), "SystemAuth .email"],
  [
    actions("images: get one or several, for a platform, and load them again"),
    "ImageHistory * {name}",
    "ImageTag * {name} ?repo ?tag",
    "ImageGet * {name}",
    "ImageGetAll * ?names ?platform",
    "ImageLoad * .body ?quiet ?platform",
    "ImagePrune * ?filters=dangling ?filters=until ?filters=label ?filters=label!",
  ],
  [SEARCH, "ImageSearch * ?term ?limit ?filters"],
  [
    actions("commit: parameters and configuration"),
    "ImageCommit * ?container ?repo ?tag ?comment ?author ?pause ?changes .User .ExposedPorts .Env .Cmd .Volumes .WorkingDir .Entrypoint",
    "ImageCommit .Labels .StopSignal .OnBuild .Shell .Healthcheck",
  ],
  [
    NOT_IMAGE,
    "ImageCommit .Hostname .Domainname .AttachStdin .AttachStdout .AttachStderr .Tty .OpenStdin .StdinOnce .ArgsEscaped .Image",
    "ImageCommit .NetworkDisabled .MacAddress .StopTimeout",
  ],
  [
    BUILD,
    "ImageBuild * .body ?dockerfile ?t ?extrahosts ?remote ?q ?nocache ?cachefrom ?pull ?rm ?forcerm ?memory ?memswap ?cpushares",
    "ImageBuild ?cpusetcpus ?cpuperiod ?cpuquota ?buildargs ?shmsize ?squash ?labels ?networkmode #Content-type #X-Registry-Config",
    "ImageBuild ?platform ?target ?outputs ?version",
    "Session *",
  ],
  [NO_CACHE, "BuildPrune ?keep-storage ?reserved-space ?max-used-space ?min-free-space ?all"],
  [lists("prune of build caches: there are none"), "BuildPrune * ?filters"],
  [
    lists("ping, version, info, auth, df"),
    "SystemInfo *",
    "SystemVersion *",
    "SystemPing *",
    "SystemPingHead *",
    "SystemDataUsage * ?type",
  ],
  [
    lists("events: since and until, each filter, none missed between them"),
    "SystemEvents * ?since ?until ?filters=container ?filters=daemon ?filters=event ?filters=image ?filters=label ?filters=network",
    "SystemEvents ?filters=scope ?filters=type ?filters=volume",
  ],
  [SWARM, "SystemEvents ?filters=config ?filters=node ?filters=plugin ?filters=secret ?filters=service"],
  [
    actions("exec: every field, detached and attached, resize, inspect"),
    "ContainerExec * {id} .AttachStdin .AttachStdout .AttachStderr .ConsoleSize .DetachKeys .Tty .Env .Cmd .Privileged .User .WorkingDir",
    "ExecStart * {id} .Detach .ConsoleSize",
    "ExecResize * {id} ?h ?w",
    "ExecInspect * {id}",
  ],
  [containers("exec: the start says whether output has frames, whatever the process has"), "ExecStart .Tty"],
  [
    lists("volumes and networks: every filter; prune takes what its filters say"),
    "VolumeList * ?filters=dangling ?filters=driver ?filters=label ?filters=name",
    "VolumeDelete * {name} ?force",
    "VolumePrune * ?filters=label ?filters=label! ?filters=all",
    "NetworkList * ?filters=dangling ?filters=driver ?filters=id ?filters=label ?filters=name ?filters=scope ?filters=type",
    "NetworkInspect * {id} ?verbose ?scope",
  ],
  [
    volumes("docker volume create, ls, inspect, rm; they survive kill -9"),
    "VolumeCreate * .Name .Driver .Labels",
    "VolumeInspect * {name}",
  ],
  [
    volumes("volumes that stand for a mount: a bind and a tmpfs, mounted while they are used"),
    "VolumeCreate .DriverOpts",
  ],
  [SWARM, "VolumeCreate .ClusterVolumeSpec", "VolumeUpdate * {name} .Spec ?version"],
  [networks("docker network ls and inspect"), "NetworkDelete * {id}"],
  [
    usernets("a network is made, listed, inspected and removed; what cannot be is refused by its name"),
    "NetworkCreate * .Name .Driver .Scope .Internal .Attachable .Ingress .ConfigOnly .ConfigFrom .IPAM .EnableIPv4 .EnableIPv6",
    "NetworkCreate .Options .Labels",
    "NetworkPrune * ?filters=until ?filters=label ?filters=label!",
  ],
  [
    usernets("containers of a network know each other by name and alias, come and go; others cannot reach them"),
    "ContainerCreate .NetworkingConfig.Aliases",
  ],
  [
    usernets("an address of one's own; a network that is gone; options that a container may have on its network"),
    "ContainerCreate .NetworkingConfig.IPAMConfig .NetworkingConfig.DriverOpts",
  ],
  [NETWORK, "NetworkConnect * {id} .Container .EndpointConfig", "NetworkDisconnect * {id} .Container .Force"],
];

/** Every row with what it stands on. */
export function dockerApiLedger(): Ledger {
  const ledger: Record<string, Evidence> = {};
  for (const [evidence, ...lines] of BLOCKS) {
    for (const line of lines) {
      const [operation, ...parts] = line.split(" ");
      for (const part of parts) {
        const row = part === "*" ? operation! : `${operation}${part}`;
        if (row in ledger) throw new Error(`${row} stands twice in the ledger`);
        ledger[row] = evidence;
      }
    }
  }
  return ledger;
}
