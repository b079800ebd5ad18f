/**
 * What Docker's Engine API 1.51 has for containers, images, volumes, execs, the system and networks: operations, and what may be given to
 * each: {path} and ?query parameters, #headers, and .fields of the body. Of filters each name is one.
 */
const DOCKER_API = `
ContainerList GET /containers/json
  ?all ?limit ?size ?filters=ancestor ?filters=before ?filters=expose ?filters=exited ?filters=health ?filters=id
  ?filters=isolation ?filters=is-task ?filters=label ?filters=name ?filters=network ?filters=publish ?filters=since
  ?filters=status ?filters=volume
ContainerCreate POST /containers/create
  ?name ?platform .Hostname .Domainname .User .AttachStdin .AttachStdout .AttachStderr .ExposedPorts .Tty .OpenStdin
  .StdinOnce .Env .Cmd .Healthcheck .ArgsEscaped .Image .Volumes .WorkingDir .Entrypoint .NetworkDisabled .MacAddress
  .OnBuild .Labels .StopSignal .StopTimeout .Shell .HostConfig.CpuShares .HostConfig.Memory .HostConfig.CgroupParent
  .HostConfig.BlkioWeight .HostConfig.BlkioWeightDevice .HostConfig.BlkioDeviceReadBps .HostConfig.BlkioDeviceWriteBps
  .HostConfig.BlkioDeviceReadIOps .HostConfig.BlkioDeviceWriteIOps .HostConfig.CpuPeriod .HostConfig.CpuQuota
  .HostConfig.CpuRealtimePeriod .HostConfig.CpuRealtimeRuntime .HostConfig.CpusetCpus .HostConfig.CpusetMems
  .HostConfig.Devices .HostConfig.DeviceCgroupRules .HostConfig.DeviceRequests .HostConfig.KernelMemoryTCP
  .HostConfig.MemoryReservation .HostConfig.MemorySwap .HostConfig.MemorySwappiness .HostConfig.NanoCpus
  .HostConfig.OomKillDisable .HostConfig.Init .HostConfig.PidsLimit .HostConfig.Ulimits .HostConfig.CpuCount
  .HostConfig.CpuPercent .HostConfig.IOMaximumIOps .HostConfig.IOMaximumBandwidth .HostConfig.Binds
  .HostConfig.ContainerIDFile .HostConfig.LogConfig .HostConfig.NetworkMode .HostConfig.PortBindings
  .HostConfig.RestartPolicy .HostConfig.AutoRemove .HostConfig.VolumeDriver .HostConfig.VolumesFrom
  .HostConfig.Mounts.Target .HostConfig.Mounts.Source .HostConfig.Mounts.Type .HostConfig.Mounts.ReadOnly
  .HostConfig.Mounts.Consistency .HostConfig.Mounts.BindOptions.Propagation
  .HostConfig.Mounts.BindOptions.NonRecursive .HostConfig.Mounts.BindOptions.CreateMountpoint
  .HostConfig.Mounts.BindOptions.ReadOnlyNonRecursive .HostConfig.Mounts.BindOptions.ReadOnlyForceRecursive
  .HostConfig.Mounts.VolumeOptions.NoCopy .HostConfig.Mounts.VolumeOptions.Labels
  .HostConfig.Mounts.VolumeOptions.DriverConfig .HostConfig.Mounts.VolumeOptions.Subpath
  .HostConfig.Mounts.ImageOptions.Subpath .HostConfig.Mounts.TmpfsOptions.SizeBytes
  .HostConfig.Mounts.TmpfsOptions.Mode .HostConfig.Mounts.TmpfsOptions.Options .HostConfig.ConsoleSize
  .HostConfig.Annotations .HostConfig.CapAdd .HostConfig.CapDrop .HostConfig.CgroupnsMode .HostConfig.Dns
  .HostConfig.DnsOptions .HostConfig.DnsSearch .HostConfig.ExtraHosts .HostConfig.GroupAdd .HostConfig.IpcMode
  .HostConfig.Cgroup .HostConfig.Links .HostConfig.OomScoreAdj .HostConfig.PidMode .HostConfig.Privileged
  .HostConfig.PublishAllPorts .HostConfig.ReadonlyRootfs .HostConfig.SecurityOpt .HostConfig.StorageOpt
  .HostConfig.Tmpfs .HostConfig.UTSMode .HostConfig.UsernsMode .HostConfig.ShmSize .HostConfig.Sysctls
  .HostConfig.Runtime .HostConfig.Isolation .HostConfig.MaskedPaths .HostConfig.ReadonlyPaths
  .NetworkingConfig.IPAMConfig .NetworkingConfig.Links .NetworkingConfig.MacAddress .NetworkingConfig.Aliases
  .NetworkingConfig.DriverOpts .NetworkingConfig.GwPriority .NetworkingConfig.NetworkID .NetworkingConfig.EndpointID
  .NetworkingConfig.Gateway .NetworkingConfig.IPAddress .NetworkingConfig.IPPrefixLen .NetworkingConfig.IPv6Gateway
  .NetworkingConfig.GlobalIPv6Address .NetworkingConfig.GlobalIPv6PrefixLen .NetworkingConfig.DNSNames
ContainerInspect GET /containers/{id}/json
  {id} ?size
ContainerTop GET /containers/{id}/top
  {id} ?ps_args
ContainerLogs GET /containers/{id}/logs
  {id} ?follow ?stdout ?stderr ?since ?until ?timestamps ?tail
ContainerChanges GET /containers/{id}/changes
  {id}
ContainerExport GET /containers/{id}/export
  {id}
ContainerStats GET /containers/{id}/stats
  {id} ?stream ?one-shot
ContainerResize POST /containers/{id}/resize
  {id} ?h ?w
ContainerStart POST /containers/{id}/start
  {id} ?detachKeys
ContainerStop POST /containers/{id}/stop
  {id} ?signal ?t
ContainerRestart POST /containers/{id}/restart
  {id} ?signal ?t
ContainerKill POST /containers/{id}/kill
  {id} ?signal
ContainerUpdate POST /containers/{id}/update
  {id} .CpuShares .Memory .CgroupParent .BlkioWeight .BlkioWeightDevice .BlkioDeviceReadBps .BlkioDeviceWriteBps
  .BlkioDeviceReadIOps .BlkioDeviceWriteIOps .CpuPeriod .CpuQuota .CpuRealtimePeriod .CpuRealtimeRuntime .CpusetCpus
  .CpusetMems .Devices .DeviceCgroupRules .DeviceRequests .KernelMemoryTCP .MemoryReservation .MemorySwap
  .MemorySwappiness .NanoCpus .OomKillDisable .Init .PidsLimit .Ulimits .CpuCount .CpuPercent .IOMaximumIOps
  .IOMaximumBandwidth .RestartPolicy
ContainerRename POST /containers/{id}/rename
  {id} ?name
ContainerPause POST /containers/{id}/pause
  {id}
ContainerUnpause POST /containers/{id}/unpause
  {id}
ContainerAttach POST /containers/{id}/attach
  {id} ?detachKeys ?logs ?stream ?stdin ?stdout ?stderr
ContainerAttachWebsocket GET /containers/{id}/attach/ws
  {id} ?detachKeys ?logs ?stream ?stdin ?stdout ?stderr
ContainerWait POST /containers/{id}/wait
  {id} ?condition
ContainerDelete DELETE /containers/{id}
  {id} ?v ?force ?link
ContainerArchiveInfo HEAD /containers/{id}/archive
  {id} ?path
ContainerArchive GET /containers/{id}/archive
  {id} ?path
PutContainerArchive PUT /containers/{id}/archive
  {id} ?path ?noOverwriteDirNonDir ?copyUIDGID .body
ContainerPrune POST /containers/prune
  ?filters=until ?filters=label ?filters=label!
ImageList GET /images/json
  ?all ?filters=before ?filters=dangling ?filters=label ?filters=reference ?filters=since ?filters=until ?shared-size
  ?digests ?manifests
ImageBuild POST /build
  .body ?dockerfile ?t ?extrahosts ?remote ?q ?nocache ?cachefrom ?pull ?rm ?forcerm ?memory ?memswap ?cpushares
  ?cpusetcpus ?cpuperiod ?cpuquota ?buildargs ?shmsize ?squash ?labels ?networkmode #Content-type #X-Registry-Config
  ?platform ?target ?outputs ?version
BuildPrune POST /build/prune
  ?keep-storage ?reserved-space ?max-used-space ?min-free-space ?all ?filters
ImageCreate POST /images/create
  ?fromImage ?fromSrc ?repo ?tag ?message .body #X-Registry-Auth ?changes ?platform
ImageInspect GET /images/{name}/json
  {name} ?manifests ?platform
ImageHistory GET /images/{name}/history
  {name} ?platform
ImagePush POST /images/{name}/push
  {name} ?tag ?platform #X-Registry-Auth
ImageTag POST /images/{name}/tag
  {name} ?repo ?tag
ImageDelete DELETE /images/{name}
  {name} ?force ?noprune ?platforms
ImageSearch GET /images/search
  ?term ?limit ?filters
ImagePrune POST /images/prune
  ?filters=dangling ?filters=until ?filters=label ?filters=label!
SystemAuth POST /auth
  .username .password .email .serveraddress
SystemInfo GET /info
SystemVersion GET /version
SystemPing GET /_ping
SystemPingHead HEAD /_ping
ImageCommit POST /commit
  .Hostname .Domainname .User .AttachStdin .AttachStdout .AttachStderr .ExposedPorts .Tty .OpenStdin .StdinOnce .Env
  .Cmd .Healthcheck .ArgsEscaped .Image .Volumes .WorkingDir .Entrypoint .NetworkDisabled .MacAddress .OnBuild .Labels
  .StopSignal .StopTimeout .Shell ?container ?repo ?tag ?comment ?author ?pause ?changes
SystemEvents GET /events
  ?since ?until ?filters=config ?filters=container ?filters=daemon ?filters=event ?filters=image ?filters=label
  ?filters=network ?filters=node ?filters=plugin ?filters=scope ?filters=secret ?filters=service ?filters=type
  ?filters=volume
SystemDataUsage GET /system/df
  ?type
ImageGet GET /images/{name}/get
  {name} ?platform
ImageGetAll GET /images/get
  ?names ?platform
ImageLoad POST /images/load
  .body ?quiet ?platform
ContainerExec POST /containers/{id}/exec
  .AttachStdin .AttachStdout .AttachStderr .ConsoleSize .DetachKeys .Tty .Env .Cmd .Privileged .User .WorkingDir {id}
ExecStart POST /exec/{id}/start
  .Detach .Tty .ConsoleSize {id}
ExecResize POST /exec/{id}/resize
  {id} ?h ?w
ExecInspect GET /exec/{id}/json
  {id}
VolumeList GET /volumes
  ?filters=dangling ?filters=driver ?filters=label ?filters=name
VolumeCreate POST /volumes/create
  .Name .Driver .DriverOpts .Labels .ClusterVolumeSpec
VolumeInspect GET /volumes/{name}
  {name}
VolumeUpdate PUT /volumes/{name}
  {name} .Spec ?version
VolumeDelete DELETE /volumes/{name}
  {name} ?force
VolumePrune POST /volumes/prune
  ?filters=label ?filters=label! ?filters=all
NetworkList GET /networks
  ?filters=dangling ?filters=driver ?filters=id ?filters=label ?filters=name ?filters=scope ?filters=type
NetworkInspect GET /networks/{id}
  {id} ?verbose ?scope
NetworkDelete DELETE /networks/{id}
  {id}
NetworkCreate POST /networks/create
  .Name .Driver .Scope .Internal .Attachable .Ingress .ConfigOnly .ConfigFrom .IPAM .EnableIPv4 .EnableIPv6 .Options
  .Labels
NetworkConnect POST /networks/{id}/connect
  {id} .Container .EndpointConfig
NetworkDisconnect POST /networks/{id}/disconnect
  {id} .Container .Force
NetworkPrune POST /networks/prune
  ?filters=until ?filters=label ?filters=label!
DistributionInspect GET /distribution/{name}/json
  {name}
Session POST /session
`;

export interface ApiOperation {
  id: string;
  method: string;
  path: string;
  parts: string[];
}

/** A line that begins with a space goes on with the operation before. */
export function apiOperations(): ApiOperation[] {
  const found: ApiOperation[] = [];
  for (const line of DOCKER_API.trim().split("\n")) {
    const words = line.trim().split(" ");
    if (line.startsWith(" ")) found.at(-1)!.parts.push(...words);
    else found.push({ id: words[0]!, method: words[1]!, path: words[2]!, parts: [] });
  }
  return found;
}

/** Rows of the ledger: `ContainerList`, `ContainerList?all`, `ContainerCreate.HostConfig.Memory`. */
export function apiRows(): string[] {
  return apiOperations().flatMap(({ id, parts }) => [id, ...parts.map((part) => `${id}${part}`)]);
}
