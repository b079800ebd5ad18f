/** Names, numbers and types of events, of what requests and answers hold, of runtime options and of transfers. How to read it: api.ts. */
export const TYPES_API = `
containerd.events.ContainerCreate
  1 id string, 2 image string, 3 runtime containerd.events.ContainerCreate.Runtime
containerd.events.ContainerCreate.Runtime
  1 name string, 2 options google.protobuf.Any
containerd.events.ContainerUpdate
  1 id string, 2 image string, 3 labels map<string,string>, 4 snapshot_key string
containerd.events.ContainerDelete
  1 id string
containerd.events.ContentCreate
  1 digest string, 2 size int64
containerd.events.ContentDelete
  1 digest string
containerd.services.images.v1.ImageCreate
  1 name string, 2 labels map<string,string>
containerd.services.images.v1.ImageUpdate
  1 name string, 2 labels map<string,string>
containerd.services.images.v1.ImageDelete
  1 name string
containerd.events.NamespaceCreate
  1 name string, 2 labels map<string,string>
containerd.events.NamespaceUpdate
  1 name string, 2 labels map<string,string>
containerd.events.NamespaceDelete
  1 name string
containerd.events.SandboxCreate
  1 sandbox_id string
containerd.events.SandboxStart
  1 sandbox_id string
containerd.events.SandboxExit
  1 sandbox_id string, 2 exit_status uint32, 3 exited_at google.protobuf.Timestamp
containerd.events.SnapshotPrepare
  1 key string, 2 parent string, 5 snapshotter string
containerd.events.SnapshotCommit
  1 key string, 2 name string, 5 snapshotter string
containerd.events.SnapshotRemove
  1 key string, 5 snapshotter string
containerd.events.TaskCreate
  1 container_id string, 2 bundle string, 3 rootfs containerd.types.Mount[], 4 io containerd.events.TaskIO,
  5 checkpoint string, 6 pid uint32
containerd.events.TaskStart
  1 container_id string, 2 pid uint32
containerd.events.TaskDelete
  1 container_id string, 2 pid uint32, 3 exit_status uint32, 4 exited_at google.protobuf.Timestamp, 5 id string
containerd.events.TaskIO
  1 stdin string, 2 stdout string, 3 stderr string, 4 terminal bool
containerd.events.TaskExit
  1 container_id string, 2 id string, 3 pid uint32, 4 exit_status uint32, 5 exited_at google.protobuf.Timestamp
containerd.events.TaskOOM
  1 container_id string
containerd.events.TaskExecAdded
  1 container_id string, 2 exec_id string
containerd.events.TaskExecStarted
  1 container_id string, 2 exec_id string, 3 pid uint32
containerd.events.TaskPaused
  1 container_id string
containerd.events.TaskResumed
  1 container_id string
containerd.events.TaskCheckpointed
  1 container_id string, 2 checkpoint string
containerd.types.Descriptor
  1 media_type string, 2 digest string, 3 size int64, 5 annotations map<string,string>
containerd.types.Envelope
  1 timestamp google.protobuf.Timestamp, 2 namespace string, 3 topic string, 4 event google.protobuf.Any
containerd.types.RuntimeRequest
  1 runtime_path string, 2 options google.protobuf.Any
containerd.types.RuntimeVersion
  1 version string, 2 revision string
containerd.types.RuntimeInfo
  1 name string, 2 version containerd.types.RuntimeVersion, 3 options google.protobuf.Any,
  4 features google.protobuf.Any, 5 annotations map<string,string>
containerd.types.Metric
  1 timestamp google.protobuf.Timestamp, 2 id string, 3 data google.protobuf.Any
containerd.types.Mount
  1 type string, 2 source string, 3 target string, 4 options string[]
containerd.types.Platform
  1 os string, 2 architecture string, 3 variant string, 4 os_version string
containerd.runc.v1.Options
  1 no_pivot_root bool, 2 no_new_keyring bool, 3 shim_cgroup string, 4 io_uid uint32, 5 io_gid uint32,
  6 binary_name string, 7 root string, 9 systemd_cgroup bool, 10 criu_image_path string, 11 criu_work_path string,
  12 task_api_address string, 13 task_api_version uint32
containerd.runc.v1.CheckpointOptions
  1 exit bool, 2 open_tcp bool, 3 external_unix_sockets bool, 4 terminal bool, 5 file_locks bool,
  6 empty_namespaces string[], 7 cgroups_mode string, 8 image_path string, 9 work_path string
containerd.runc.v1.ProcessDetails
  1 exec_id string
runtimeoptions.v1.Options
  1 type_url string, 2 config_path string, 3 config_body bytes
containerd.types.Sandbox
  1 sandbox_id string, 2 runtime containerd.types.Sandbox.Runtime, 3 spec google.protobuf.Any,
  4 labels map<string,string>, 5 created_at google.protobuf.Timestamp, 6 updated_at google.protobuf.Timestamp,
  7 extensions map<string,google.protobuf.Any>, 10 sandboxer string
containerd.types.Sandbox.Runtime
  1 name string, 2 options google.protobuf.Any
enum containerd.v1.types.Status
  0 UNKNOWN, 1 CREATED, 2 RUNNING, 3 STOPPED, 4 PAUSED, 5 PAUSING
containerd.v1.types.Process
  1 container_id string, 2 id string, 3 pid uint32, 4 status containerd.v1.types.Status, 5 stdin string,
  6 stdout string, 7 stderr string, 8 terminal bool, 9 exit_status uint32, 10 exited_at google.protobuf.Timestamp
containerd.v1.types.ProcessInfo
  1 pid uint32, 2 info google.protobuf.Any
containerd.types.transfer.ImageStore
  1 name string, 2 labels map<string,string>, 3 platforms containerd.types.Platform[], 4 all_metadata bool,
  5 manifest_limit uint32, 6 extra_references containerd.types.transfer.ImageReference[],
  10 unpacks containerd.types.transfer.UnpackConfiguration[]
containerd.types.transfer.UnpackConfiguration
  1 platform containerd.types.Platform, 2 snapshotter string
containerd.types.transfer.ImageReference
  1 name string, 2 is_prefix bool, 3 allow_overwrite bool, 4 add_digest bool, 5 skip_named_digest bool
containerd.types.transfer.ImageImportStream
  1 stream string, 2 media_type string, 3 force_compress bool
containerd.types.transfer.ImageExportStream
  1 stream string, 2 media_type string, 3 platforms containerd.types.Platform[], 4 all_platforms bool,
  5 skip_compatibility_manifest bool, 6 skip_non_distributable bool
containerd.types.transfer.Progress
  1 event string, 2 name string, 3 parents string[], 4 progress int64, 5 total int64,
  6 desc containerd.types.Descriptor
enum containerd.types.transfer.HTTPDebug
  0 DISABLED, 1 DEBUG, 2 TRACE, 3 BOTH
enum containerd.types.transfer.AuthType
  0 NONE, 1 CREDENTIALS, 2 REFRESH, 3 HEADER
containerd.types.transfer.OCIRegistry
  1 reference string, 2 resolver containerd.types.transfer.RegistryResolver
containerd.types.transfer.RegistryResolver
  1 auth_stream string, 2 headers map<string,string>, 3 host_dir string, 4 default_scheme string,
  5 http_debug containerd.types.transfer.HTTPDebug, 6 logs_stream string
containerd.types.transfer.AuthRequest
  1 host string, 2 reference string, 3 wwwauthenticate string[]
containerd.types.transfer.AuthResponse
  1 authType containerd.types.transfer.AuthType, 2 secret string, 3 username string,
  4 expire_at google.protobuf.Timestamp
containerd.types.transfer.Data
  1 data bytes
containerd.types.transfer.WindowUpdate
  1 update int32
`;
