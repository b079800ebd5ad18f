/** Names, numbers and types of the services of containerd 2.1.9 that are served over gRPC. How to read it: api.ts. */
export const SERVICES_API = `
containerd.services.containers.v1.Container
  1 id string, 2 labels map<string,string>, 3 image string,
  4 runtime containerd.services.containers.v1.Container.Runtime, 5 spec google.protobuf.Any, 6 snapshotter string,
  7 snapshot_key string, 8 created_at google.protobuf.Timestamp, 9 updated_at google.protobuf.Timestamp,
  10 extensions map<string,google.protobuf.Any>, 11 sandbox string
containerd.services.containers.v1.Container.Runtime
  1 name string, 2 options google.protobuf.Any
containerd.services.containers.v1.GetContainerRequest
  1 id string
containerd.services.containers.v1.GetContainerResponse
  1 container containerd.services.containers.v1.Container
containerd.services.containers.v1.ListContainersRequest
  1 filters string[]
containerd.services.containers.v1.ListContainersResponse
  1 containers containerd.services.containers.v1.Container[]
containerd.services.containers.v1.CreateContainerRequest
  1 container containerd.services.containers.v1.Container
containerd.services.containers.v1.CreateContainerResponse
  1 container containerd.services.containers.v1.Container
containerd.services.containers.v1.UpdateContainerRequest
  1 container containerd.services.containers.v1.Container, 2 update_mask google.protobuf.FieldMask
containerd.services.containers.v1.UpdateContainerResponse
  1 container containerd.services.containers.v1.Container
containerd.services.containers.v1.DeleteContainerRequest
  1 id string
containerd.services.containers.v1.ListContainerMessage
  1 container containerd.services.containers.v1.Container
service containerd.services.containers.v1.Containers
  Get containerd.services.containers.v1.GetContainerRequest containerd.services.containers.v1.GetContainerResponse,
  List containerd.services.containers.v1.ListContainersRequest containerd.services.containers.v1.ListContainersResponse,
  ListStream containerd.services.containers.v1.ListContainersRequest stream containerd.services.containers.v1.ListContainerMessage,
  Create containerd.services.containers.v1.CreateContainerRequest containerd.services.containers.v1.CreateContainerResponse,
  Update containerd.services.containers.v1.UpdateContainerRequest containerd.services.containers.v1.UpdateContainerResponse,
  Delete containerd.services.containers.v1.DeleteContainerRequest google.protobuf.Empty
enum containerd.services.content.v1.WriteAction
  0 STAT, 1 WRITE, 2 COMMIT
containerd.services.content.v1.Info
  1 digest string, 2 size int64, 3 created_at google.protobuf.Timestamp, 4 updated_at google.protobuf.Timestamp,
  5 labels map<string,string>
containerd.services.content.v1.InfoRequest
  1 digest string
containerd.services.content.v1.InfoResponse
  1 info containerd.services.content.v1.Info
containerd.services.content.v1.UpdateRequest
  1 info containerd.services.content.v1.Info, 2 update_mask google.protobuf.FieldMask
containerd.services.content.v1.UpdateResponse
  1 info containerd.services.content.v1.Info
containerd.services.content.v1.ListContentRequest
  1 filters string[]
containerd.services.content.v1.ListContentResponse
  1 info containerd.services.content.v1.Info[]
containerd.services.content.v1.DeleteContentRequest
  1 digest string
containerd.services.content.v1.ReadContentRequest
  1 digest string, 2 offset int64, 3 size int64
containerd.services.content.v1.ReadContentResponse
  1 offset int64, 2 data bytes
containerd.services.content.v1.Status
  1 started_at google.protobuf.Timestamp, 2 updated_at google.protobuf.Timestamp, 3 ref string, 4 offset int64,
  5 total int64, 6 expected string
containerd.services.content.v1.StatusRequest
  1 ref string
containerd.services.content.v1.StatusResponse
  1 status containerd.services.content.v1.Status
containerd.services.content.v1.ListStatusesRequest
  1 filters string[]
containerd.services.content.v1.ListStatusesResponse
  1 statuses containerd.services.content.v1.Status[]
containerd.services.content.v1.WriteContentRequest
  1 action containerd.services.content.v1.WriteAction, 2 ref string, 3 total int64, 4 expected string, 5 offset int64,
  6 data bytes, 7 labels map<string,string>
containerd.services.content.v1.WriteContentResponse
  1 action containerd.services.content.v1.WriteAction, 2 started_at google.protobuf.Timestamp,
  3 updated_at google.protobuf.Timestamp, 4 offset int64, 5 total int64, 6 digest string
containerd.services.content.v1.AbortRequest
  1 ref string
service containerd.services.content.v1.Content
  Info containerd.services.content.v1.InfoRequest containerd.services.content.v1.InfoResponse,
  Update containerd.services.content.v1.UpdateRequest containerd.services.content.v1.UpdateResponse,
  List containerd.services.content.v1.ListContentRequest stream containerd.services.content.v1.ListContentResponse,
  Delete containerd.services.content.v1.DeleteContentRequest google.protobuf.Empty,
  Read containerd.services.content.v1.ReadContentRequest stream containerd.services.content.v1.ReadContentResponse,
  Status containerd.services.content.v1.StatusRequest containerd.services.content.v1.StatusResponse,
  ListStatuses containerd.services.content.v1.ListStatusesRequest containerd.services.content.v1.ListStatusesResponse,
  Write stream containerd.services.content.v1.WriteContentRequest stream containerd.services.content.v1.WriteContentResponse,
  Abort containerd.services.content.v1.AbortRequest google.protobuf.Empty
containerd.services.diff.v1.ApplyRequest
  1 diff containerd.types.Descriptor, 2 mounts containerd.types.Mount[], 3 payloads map<string,google.protobuf.Any>,
  4 sync_fs bool
containerd.services.diff.v1.ApplyResponse
  1 applied containerd.types.Descriptor
containerd.services.diff.v1.DiffRequest
  1 left containerd.types.Mount[], 2 right containerd.types.Mount[], 3 media_type string, 4 ref string,
  5 labels map<string,string>, 6 source_date_epoch google.protobuf.Timestamp
containerd.services.diff.v1.DiffResponse
  3 diff containerd.types.Descriptor
service containerd.services.diff.v1.Diff
  Apply containerd.services.diff.v1.ApplyRequest containerd.services.diff.v1.ApplyResponse,
  Diff containerd.services.diff.v1.DiffRequest containerd.services.diff.v1.DiffResponse
containerd.services.events.v1.PublishRequest
  1 topic string, 2 event google.protobuf.Any
containerd.services.events.v1.ForwardRequest
  1 envelope containerd.types.Envelope
containerd.services.events.v1.SubscribeRequest
  1 filters string[]
service containerd.services.events.v1.Events
  Publish containerd.services.events.v1.PublishRequest google.protobuf.Empty,
  Forward containerd.services.events.v1.ForwardRequest google.protobuf.Empty,
  Subscribe containerd.services.events.v1.SubscribeRequest stream containerd.types.Envelope
containerd.services.images.v1.Image
  1 name string, 2 labels map<string,string>, 3 target containerd.types.Descriptor,
  7 created_at google.protobuf.Timestamp, 8 updated_at google.protobuf.Timestamp
containerd.services.images.v1.GetImageRequest
  1 name string
containerd.services.images.v1.GetImageResponse
  1 image containerd.services.images.v1.Image
containerd.services.images.v1.CreateImageRequest
  1 image containerd.services.images.v1.Image, 2 source_date_epoch google.protobuf.Timestamp
containerd.services.images.v1.CreateImageResponse
  1 image containerd.services.images.v1.Image
containerd.services.images.v1.UpdateImageRequest
  1 image containerd.services.images.v1.Image, 2 update_mask google.protobuf.FieldMask,
  3 source_date_epoch google.protobuf.Timestamp
containerd.services.images.v1.UpdateImageResponse
  1 image containerd.services.images.v1.Image
containerd.services.images.v1.ListImagesRequest
  1 filters string[]
containerd.services.images.v1.ListImagesResponse
  1 images containerd.services.images.v1.Image[]
containerd.services.images.v1.DeleteImageRequest
  1 name string, 2 sync bool, 3 target containerd.types.Descriptor?
service containerd.services.images.v1.Images
  Get containerd.services.images.v1.GetImageRequest containerd.services.images.v1.GetImageResponse,
  List containerd.services.images.v1.ListImagesRequest containerd.services.images.v1.ListImagesResponse,
  Create containerd.services.images.v1.CreateImageRequest containerd.services.images.v1.CreateImageResponse,
  Update containerd.services.images.v1.UpdateImageRequest containerd.services.images.v1.UpdateImageResponse,
  Delete containerd.services.images.v1.DeleteImageRequest google.protobuf.Empty
containerd.services.introspection.v1.Plugin
  1 type string, 2 id string, 3 requires string[], 4 platforms containerd.types.Platform[],
  5 exports map<string,string>, 6 capabilities string[], 7 init_err google.rpc.Status
containerd.services.introspection.v1.PluginsRequest
  1 filters string[]
containerd.services.introspection.v1.PluginsResponse
  1 plugins containerd.services.introspection.v1.Plugin[]
containerd.services.introspection.v1.ServerResponse
  1 uuid string, 2 pid uint64, 3 pidns uint64,
  4 deprecations containerd.services.introspection.v1.DeprecationWarning[]
containerd.services.introspection.v1.DeprecationWarning
  1 id string, 2 message string, 3 last_occurrence google.protobuf.Timestamp
containerd.services.introspection.v1.PluginInfoRequest
  1 type string, 2 id string, 3 options google.protobuf.Any
containerd.services.introspection.v1.PluginInfoResponse
  1 plugin containerd.services.introspection.v1.Plugin, 2 extra google.protobuf.Any
service containerd.services.introspection.v1.Introspection
  Plugins containerd.services.introspection.v1.PluginsRequest containerd.services.introspection.v1.PluginsResponse,
  Server google.protobuf.Empty containerd.services.introspection.v1.ServerResponse,
  PluginInfo containerd.services.introspection.v1.PluginInfoRequest containerd.services.introspection.v1.PluginInfoResponse
containerd.services.leases.v1.Lease
  1 id string, 2 created_at google.protobuf.Timestamp, 3 labels map<string,string>
containerd.services.leases.v1.CreateRequest
  1 id string, 3 labels map<string,string>
containerd.services.leases.v1.CreateResponse
  1 lease containerd.services.leases.v1.Lease
containerd.services.leases.v1.DeleteRequest
  1 id string, 2 sync bool
containerd.services.leases.v1.ListRequest
  1 filters string[]
containerd.services.leases.v1.ListResponse
  1 leases containerd.services.leases.v1.Lease[]
containerd.services.leases.v1.Resource
  1 id string, 2 type string
containerd.services.leases.v1.AddResourceRequest
  1 id string, 2 resource containerd.services.leases.v1.Resource
containerd.services.leases.v1.DeleteResourceRequest
  1 id string, 2 resource containerd.services.leases.v1.Resource
containerd.services.leases.v1.ListResourcesRequest
  1 id string
containerd.services.leases.v1.ListResourcesResponse
  1 resources containerd.services.leases.v1.Resource[]
service containerd.services.leases.v1.Leases
  Create containerd.services.leases.v1.CreateRequest containerd.services.leases.v1.CreateResponse,
  Delete containerd.services.leases.v1.DeleteRequest google.protobuf.Empty,
  List containerd.services.leases.v1.ListRequest containerd.services.leases.v1.ListResponse,
  AddResource containerd.services.leases.v1.AddResourceRequest google.protobuf.Empty,
  DeleteResource containerd.services.leases.v1.DeleteResourceRequest google.protobuf.Empty,
  ListResources containerd.services.leases.v1.ListResourcesRequest containerd.services.leases.v1.ListResourcesResponse
containerd.services.namespaces.v1.Namespace
  1 name string, 2 labels map<string,string>
containerd.services.namespaces.v1.GetNamespaceRequest
  1 name string
containerd.services.namespaces.v1.GetNamespaceResponse
  1 namespace containerd.services.namespaces.v1.Namespace
containerd.services.namespaces.v1.ListNamespacesRequest
  1 filter string
containerd.services.namespaces.v1.ListNamespacesResponse
  1 namespaces containerd.services.namespaces.v1.Namespace[]
containerd.services.namespaces.v1.CreateNamespaceRequest
  1 namespace containerd.services.namespaces.v1.Namespace
containerd.services.namespaces.v1.CreateNamespaceResponse
  1 namespace containerd.services.namespaces.v1.Namespace
containerd.services.namespaces.v1.UpdateNamespaceRequest
  1 namespace containerd.services.namespaces.v1.Namespace, 2 update_mask google.protobuf.FieldMask
containerd.services.namespaces.v1.UpdateNamespaceResponse
  1 namespace containerd.services.namespaces.v1.Namespace
containerd.services.namespaces.v1.DeleteNamespaceRequest
  1 name string
service containerd.services.namespaces.v1.Namespaces
  Get containerd.services.namespaces.v1.GetNamespaceRequest containerd.services.namespaces.v1.GetNamespaceResponse,
  List containerd.services.namespaces.v1.ListNamespacesRequest containerd.services.namespaces.v1.ListNamespacesResponse,
  Create containerd.services.namespaces.v1.CreateNamespaceRequest containerd.services.namespaces.v1.CreateNamespaceResponse,
  Update containerd.services.namespaces.v1.UpdateNamespaceRequest containerd.services.namespaces.v1.UpdateNamespaceResponse,
  Delete containerd.services.namespaces.v1.DeleteNamespaceRequest google.protobuf.Empty
containerd.services.sandbox.v1.StoreCreateRequest
  1 sandbox containerd.types.Sandbox
containerd.services.sandbox.v1.StoreCreateResponse
  1 sandbox containerd.types.Sandbox
containerd.services.sandbox.v1.StoreUpdateRequest
  1 sandbox containerd.types.Sandbox, 2 fields string[]
containerd.services.sandbox.v1.StoreUpdateResponse
  1 sandbox containerd.types.Sandbox
containerd.services.sandbox.v1.StoreDeleteRequest
  1 sandbox_id string
containerd.services.sandbox.v1.StoreDeleteResponse
containerd.services.sandbox.v1.StoreListRequest
  1 filters string[]
containerd.services.sandbox.v1.StoreListResponse
  1 list containerd.types.Sandbox[]
containerd.services.sandbox.v1.StoreGetRequest
  1 sandbox_id string
containerd.services.sandbox.v1.StoreGetResponse
  1 sandbox containerd.types.Sandbox
containerd.services.sandbox.v1.ControllerCreateRequest
  1 sandbox_id string, 2 rootfs containerd.types.Mount[], 3 options google.protobuf.Any, 4 netns_path string,
  5 annotations map<string,string>, 6 sandbox containerd.types.Sandbox, 10 sandboxer string
containerd.services.sandbox.v1.ControllerCreateResponse
  1 sandbox_id string
containerd.services.sandbox.v1.ControllerStartRequest
  1 sandbox_id string, 10 sandboxer string
containerd.services.sandbox.v1.ControllerStartResponse
  1 sandbox_id string, 2 pid uint32, 3 created_at google.protobuf.Timestamp, 4 labels map<string,string>,
  5 address string, 6 version uint32
containerd.services.sandbox.v1.ControllerPlatformRequest
  1 sandbox_id string, 10 sandboxer string
containerd.services.sandbox.v1.ControllerPlatformResponse
  1 platform containerd.types.Platform
containerd.services.sandbox.v1.ControllerStopRequest
  1 sandbox_id string, 2 timeout_secs uint32, 10 sandboxer string
containerd.services.sandbox.v1.ControllerStopResponse
containerd.services.sandbox.v1.ControllerWaitRequest
  1 sandbox_id string, 10 sandboxer string
containerd.services.sandbox.v1.ControllerWaitResponse
  1 exit_status uint32, 2 exited_at google.protobuf.Timestamp
containerd.services.sandbox.v1.ControllerStatusRequest
  1 sandbox_id string, 2 verbose bool, 10 sandboxer string
containerd.services.sandbox.v1.ControllerStatusResponse
  1 sandbox_id string, 2 pid uint32, 3 state string, 4 info map<string,string>,
  5 created_at google.protobuf.Timestamp, 6 exited_at google.protobuf.Timestamp, 7 extra google.protobuf.Any,
  8 address string, 9 version uint32
containerd.services.sandbox.v1.ControllerShutdownRequest
  1 sandbox_id string, 10 sandboxer string
containerd.services.sandbox.v1.ControllerShutdownResponse
containerd.services.sandbox.v1.ControllerMetricsRequest
  1 sandbox_id string, 10 sandboxer string
containerd.services.sandbox.v1.ControllerMetricsResponse
  1 metrics containerd.types.Metric
containerd.services.sandbox.v1.ControllerUpdateRequest
  1 sandbox_id string, 2 sandboxer string, 3 sandbox containerd.types.Sandbox, 4 fields string[]
containerd.services.sandbox.v1.ControllerUpdateResponse
service containerd.services.sandbox.v1.Store
  Create containerd.services.sandbox.v1.StoreCreateRequest containerd.services.sandbox.v1.StoreCreateResponse,
  Update containerd.services.sandbox.v1.StoreUpdateRequest containerd.services.sandbox.v1.StoreUpdateResponse,
  Delete containerd.services.sandbox.v1.StoreDeleteRequest containerd.services.sandbox.v1.StoreDeleteResponse,
  List containerd.services.sandbox.v1.StoreListRequest containerd.services.sandbox.v1.StoreListResponse,
  Get containerd.services.sandbox.v1.StoreGetRequest containerd.services.sandbox.v1.StoreGetResponse
service containerd.services.sandbox.v1.Controller
 
  Create containerd.services.sandbox.v1.ControllerCreateRequest containerd.services.sandbox.v1.ControllerCreateResponse,
  Start containerd.services.sandbox.v1.ControllerStartRequest containerd.services.sandbox.v1.ControllerStartResponse,
  Platform containerd.services.sandbox.v1.ControllerPlatformRequest containerd.services.sandbox.v1.ControllerPlatformResponse,
  Stop containerd.services.sandbox.v1.ControllerStopRequest containerd.services.sandbox.v1.ControllerStopResponse,
  Wait containerd.services.sandbox.v1.ControllerWaitRequest containerd.services.sandbox.v1.ControllerWaitResponse,
  Status containerd.services.sandbox.v1.ControllerStatusRequest containerd.services.sandbox.v1.ControllerStatusResponse,
  Shutdown containerd.services.sandbox.v1.ControllerShutdownRequest containerd.services.sandbox.v1.ControllerShutdownResponse,
  Metrics containerd.services.sandbox.v1.ControllerMetricsRequest containerd.services.sandbox.v1.ControllerMetricsResponse,
  Update containerd.services.sandbox.v1.ControllerUpdateRequest containerd.services.sandbox.v1.ControllerUpdateResponse
enum containerd.services.snapshots.v1.Kind
  0 UNKNOWN, 1 VIEW, 2 ACTIVE, 3 COMMITTED
containerd.services.snapshots.v1.PrepareSnapshotRequest
  1 snapshotter string, 2 key string, 3 parent string, 4 labels map<string,string>
containerd.services.snapshots.v1.PrepareSnapshotResponse
  1 mounts containerd.types.Mount[]
containerd.services.snapshots.v1.ViewSnapshotRequest
  1 snapshotter string, 2 key string, 3 parent string, 4 labels map<string,string>
containerd.services.snapshots.v1.ViewSnapshotResponse
  1 mounts containerd.types.Mount[]
containerd.services.snapshots.v1.MountsRequest
  1 snapshotter string, 2 key string
containerd.services.snapshots.v1.MountsResponse
  1 mounts containerd.types.Mount[]
containerd.services.snapshots.v1.RemoveSnapshotRequest
  1 snapshotter string, 2 key string
containerd.services.snapshots.v1.CommitSnapshotRequest
  1 snapshotter string, 2 name string, 3 key string, 4 labels map<string,string>
containerd.services.snapshots.v1.StatSnapshotRequest
  1 snapshotter string, 2 key string
containerd.services.snapshots.v1.Info
  1 name string, 2 parent string, 3 kind containerd.services.snapshots.v1.Kind,
  4 created_at google.protobuf.Timestamp, 5 updated_at google.protobuf.Timestamp, 6 labels map<string,string>
containerd.services.snapshots.v1.StatSnapshotResponse
  1 info containerd.services.snapshots.v1.Info
containerd.services.snapshots.v1.UpdateSnapshotRequest
  1 snapshotter string, 2 info containerd.services.snapshots.v1.Info, 3 update_mask google.protobuf.FieldMask
containerd.services.snapshots.v1.UpdateSnapshotResponse
  1 info containerd.services.snapshots.v1.Info
containerd.services.snapshots.v1.ListSnapshotsRequest
  1 snapshotter string, 2 filters string[]
containerd.services.snapshots.v1.ListSnapshotsResponse
  1 info containerd.services.snapshots.v1.Info[]
containerd.services.snapshots.v1.UsageRequest
  1 snapshotter string, 2 key string
containerd.services.snapshots.v1.UsageResponse
  1 size int64, 2 inodes int64
containerd.services.snapshots.v1.CleanupRequest
  1 snapshotter string
service containerd.services.snapshots.v1.Snapshots
 
  Prepare containerd.services.snapshots.v1.PrepareSnapshotRequest containerd.services.snapshots.v1.PrepareSnapshotResponse,
  View containerd.services.snapshots.v1.ViewSnapshotRequest containerd.services.snapshots.v1.ViewSnapshotResponse,
  Mounts containerd.services.snapshots.v1.MountsRequest containerd.services.snapshots.v1.MountsResponse,
  Commit containerd.services.snapshots.v1.CommitSnapshotRequest google.protobuf.Empty,
  Remove containerd.services.snapshots.v1.RemoveSnapshotRequest google.protobuf.Empty,
  Stat containerd.services.snapshots.v1.StatSnapshotRequest containerd.services.snapshots.v1.StatSnapshotResponse,
  Update containerd.services.snapshots.v1.UpdateSnapshotRequest containerd.services.snapshots.v1.UpdateSnapshotResponse,
  List containerd.services.snapshots.v1.ListSnapshotsRequest stream containerd.services.snapshots.v1.ListSnapshotsResponse,
  Usage containerd.services.snapshots.v1.UsageRequest containerd.services.snapshots.v1.UsageResponse,
  Cleanup containerd.services.snapshots.v1.CleanupRequest google.protobuf.Empty
containerd.services.streaming.v1.StreamInit
  1 id string
service containerd.services.streaming.v1.Streaming
  Stream stream google.protobuf.Any stream google.protobuf.Any
containerd.services.tasks.v1.CreateTaskRequest
  1 container_id string, 3 rootfs containerd.types.Mount[], 4 stdin string, 5 stdout string, 6 stderr string,
  7 terminal bool, 8 checkpoint containerd.types.Descriptor, 9 options google.protobuf.Any, 10 runtime_path string
containerd.services.tasks.v1.CreateTaskResponse
  1 container_id string, 2 pid uint32
containerd.services.tasks.v1.StartRequest
  1 container_id string, 2 exec_id string
containerd.services.tasks.v1.StartResponse
  1 pid uint32
containerd.services.tasks.v1.DeleteTaskRequest
  1 container_id string
containerd.services.tasks.v1.DeleteResponse
  1 id string, 2 pid uint32, 3 exit_status uint32, 4 exited_at google.protobuf.Timestamp
containerd.services.tasks.v1.DeleteProcessRequest
  1 container_id string, 2 exec_id string
containerd.services.tasks.v1.GetRequest
  1 container_id string, 2 exec_id string
containerd.services.tasks.v1.GetResponse
  1 process containerd.v1.types.Process
containerd.services.tasks.v1.ListTasksRequest
  1 filter string
containerd.services.tasks.v1.ListTasksResponse
  1 tasks containerd.v1.types.Process[]
containerd.services.tasks.v1.KillRequest
  1 container_id string, 2 exec_id string, 3 signal uint32, 4 all bool
containerd.services.tasks.v1.ExecProcessRequest
  1 container_id string, 2 stdin string, 3 stdout string, 4 stderr string, 5 terminal bool,
  6 spec google.protobuf.Any, 7 exec_id string
containerd.services.tasks.v1.ExecProcessResponse
containerd.services.tasks.v1.ResizePtyRequest
  1 container_id string, 2 exec_id string, 3 width uint32, 4 height uint32
containerd.services.tasks.v1.CloseIORequest
  1 container_id string, 2 exec_id string, 3 stdin bool
containerd.services.tasks.v1.PauseTaskRequest
  1 container_id string
containerd.services.tasks.v1.ResumeTaskRequest
  1 container_id string
containerd.services.tasks.v1.ListPidsRequest
  1 container_id string
containerd.services.tasks.v1.ListPidsResponse
  1 processes containerd.v1.types.ProcessInfo[]
containerd.services.tasks.v1.CheckpointTaskRequest
  1 container_id string, 2 parent_checkpoint string, 3 options google.protobuf.Any
containerd.services.tasks.v1.CheckpointTaskResponse
  1 descriptors containerd.types.Descriptor[]
containerd.services.tasks.v1.UpdateTaskRequest
  1 container_id string, 2 resources google.protobuf.Any, 3 annotations map<string,string>
containerd.services.tasks.v1.MetricsRequest
  1 filters string[]
containerd.services.tasks.v1.MetricsResponse
  1 metrics containerd.types.Metric[]
containerd.services.tasks.v1.WaitRequest
  1 container_id string, 2 exec_id string
containerd.services.tasks.v1.WaitResponse
  1 exit_status uint32, 2 exited_at google.protobuf.Timestamp
service containerd.services.tasks.v1.Tasks
  Create containerd.services.tasks.v1.CreateTaskRequest containerd.services.tasks.v1.CreateTaskResponse,
  Start containerd.services.tasks.v1.StartRequest containerd.services.tasks.v1.StartResponse,
  Delete containerd.services.tasks.v1.DeleteTaskRequest containerd.services.tasks.v1.DeleteResponse,
  DeleteProcess containerd.services.tasks.v1.DeleteProcessRequest containerd.services.tasks.v1.DeleteResponse,
  Get containerd.services.tasks.v1.GetRequest containerd.services.tasks.v1.GetResponse,
  List containerd.services.tasks.v1.ListTasksRequest containerd.services.tasks.v1.ListTasksResponse,
  Kill containerd.services.tasks.v1.KillRequest google.protobuf.Empty,
  Exec containerd.services.tasks.v1.ExecProcessRequest google.protobuf.Empty,
  ResizePty containerd.services.tasks.v1.ResizePtyRequest google.protobuf.Empty,
  CloseIO containerd.services.tasks.v1.CloseIORequest google.protobuf.Empty,
  Pause containerd.services.tasks.v1.PauseTaskRequest google.protobuf.Empty,
  Resume containerd.services.tasks.v1.ResumeTaskRequest google.protobuf.Empty,
  ListPids containerd.services.tasks.v1.ListPidsRequest containerd.services.tasks.v1.ListPidsResponse,
  Checkpoint containerd.services.tasks.v1.CheckpointTaskRequest containerd.services.tasks.v1.CheckpointTaskResponse,
  Update containerd.services.tasks.v1.UpdateTaskRequest google.protobuf.Empty,
  Metrics containerd.services.tasks.v1.MetricsRequest containerd.services.tasks.v1.MetricsResponse,
  Wait containerd.services.tasks.v1.WaitRequest containerd.services.tasks.v1.WaitResponse
containerd.services.transfer.v1.TransferRequest
  1 source google.protobuf.Any, 2 destination google.protobuf.Any,
  3 options containerd.services.transfer.v1.TransferOptions
containerd.services.transfer.v1.TransferOptions
  1 progress_stream string
service containerd.services.transfer.v1.Transfer
  Transfer containerd.services.transfer.v1.TransferRequest google.protobuf.Empty
containerd.services.version.v1.VersionResponse
  1 version string, 2 revision string
service containerd.services.version.v1.Version
  Version google.protobuf.Empty containerd.services.version.v1.VersionResponse
`;
