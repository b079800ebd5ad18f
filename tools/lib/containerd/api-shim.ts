/** Names, numbers and types of what shims speak: ttrpc itself, the task service (versions 2 and 3), the sandbox service, and the service for their events. How to read it: api.ts. */
export const SHIM_API = `
containerd.runtime.sandbox.v1.CreateSandboxRequest
  1 sandbox_id string, 2 bundle_path string, 3 rootfs containerd.types.Mount[], 4 options google.protobuf.Any,
  5 netns_path string, 6 annotations map<string,string>
containerd.runtime.sandbox.v1.CreateSandboxResponse
containerd.runtime.sandbox.v1.StartSandboxRequest
  1 sandbox_id string
containerd.runtime.sandbox.v1.StartSandboxResponse
  1 pid uint32, 2 created_at google.protobuf.Timestamp
containerd.runtime.sandbox.v1.PlatformRequest
  1 sandbox_id string
containerd.runtime.sandbox.v1.PlatformResponse
  1 platform containerd.types.Platform
containerd.runtime.sandbox.v1.StopSandboxRequest
  1 sandbox_id string, 2 timeout_secs uint32
containerd.runtime.sandbox.v1.StopSandboxResponse
containerd.runtime.sandbox.v1.UpdateSandboxRequest
  1 sandbox_id string, 2 resources google.protobuf.Any, 3 annotations map<string,string>
containerd.runtime.sandbox.v1.WaitSandboxRequest
  1 sandbox_id string
containerd.runtime.sandbox.v1.WaitSandboxResponse
  1 exit_status uint32, 2 exited_at google.protobuf.Timestamp
containerd.runtime.sandbox.v1.UpdateSandboxResponse
containerd.runtime.sandbox.v1.SandboxStatusRequest
  1 sandbox_id string, 2 verbose bool
containerd.runtime.sandbox.v1.SandboxStatusResponse
  1 sandbox_id string, 2 pid uint32, 3 state string, 4 info map<string,string>,
  5 created_at google.protobuf.Timestamp, 6 exited_at google.protobuf.Timestamp, 7 extra google.protobuf.Any
containerd.runtime.sandbox.v1.PingRequest
  1 sandbox_id string
containerd.runtime.sandbox.v1.PingResponse
containerd.runtime.sandbox.v1.ShutdownSandboxRequest
  1 sandbox_id string
containerd.runtime.sandbox.v1.ShutdownSandboxResponse
containerd.runtime.sandbox.v1.SandboxMetricsRequest
  1 sandbox_id string
containerd.runtime.sandbox.v1.SandboxMetricsResponse
  1 metrics containerd.types.Metric
service containerd.runtime.sandbox.v1.Sandbox
 
  CreateSandbox containerd.runtime.sandbox.v1.CreateSandboxRequest containerd.runtime.sandbox.v1.CreateSandboxResponse,
  StartSandbox containerd.runtime.sandbox.v1.StartSandboxRequest containerd.runtime.sandbox.v1.StartSandboxResponse,
  Platform containerd.runtime.sandbox.v1.PlatformRequest containerd.runtime.sandbox.v1.PlatformResponse,
  StopSandbox containerd.runtime.sandbox.v1.StopSandboxRequest containerd.runtime.sandbox.v1.StopSandboxResponse,
  WaitSandbox containerd.runtime.sandbox.v1.WaitSandboxRequest containerd.runtime.sandbox.v1.WaitSandboxResponse,
  SandboxStatus containerd.runtime.sandbox.v1.SandboxStatusRequest containerd.runtime.sandbox.v1.SandboxStatusResponse,
  PingSandbox containerd.runtime.sandbox.v1.PingRequest containerd.runtime.sandbox.v1.PingResponse,
  ShutdownSandbox containerd.runtime.sandbox.v1.ShutdownSandboxRequest containerd.runtime.sandbox.v1.ShutdownSandboxResponse,
  SandboxMetrics containerd.runtime.sandbox.v1.SandboxMetricsRequest containerd.runtime.sandbox.v1.SandboxMetricsResponse
containerd.task.v2.CreateTaskRequest
  1 id string, 2 bundle string, 3 rootfs containerd.types.Mount[], 4 terminal bool, 5 stdin string, 6 stdout string,
  7 stderr string, 8 checkpoint string, 9 parent_checkpoint string, 10 options google.protobuf.Any
containerd.task.v2.CreateTaskResponse
  1 pid uint32
containerd.task.v2.DeleteRequest
  1 id string, 2 exec_id string
containerd.task.v2.DeleteResponse
  1 pid uint32, 2 exit_status uint32, 3 exited_at google.protobuf.Timestamp
containerd.task.v2.ExecProcessRequest
  1 id string, 2 exec_id string, 3 terminal bool, 4 stdin string, 5 stdout string, 6 stderr string,
  7 spec google.protobuf.Any
containerd.task.v2.ExecProcessResponse
containerd.task.v2.ResizePtyRequest
  1 id string, 2 exec_id string, 3 width uint32, 4 height uint32
containerd.task.v2.StateRequest
  1 id string, 2 exec_id string
containerd.task.v2.StateResponse
  1 id string, 2 bundle string, 3 pid uint32, 4 status containerd.v1.types.Status, 5 stdin string, 6 stdout string,
  7 stderr string, 8 terminal bool, 9 exit_status uint32, 10 exited_at google.protobuf.Timestamp, 11 exec_id string
containerd.task.v2.KillRequest
  1 id string, 2 exec_id string, 3 signal uint32, 4 all bool
containerd.task.v2.CloseIORequest
  1 id string, 2 exec_id string, 3 stdin bool
containerd.task.v2.PidsRequest
  1 id string
containerd.task.v2.PidsResponse
  1 processes containerd.v1.types.ProcessInfo[]
containerd.task.v2.CheckpointTaskRequest
  1 id string, 2 path string, 3 options google.protobuf.Any
containerd.task.v2.UpdateTaskRequest
  1 id string, 2 resources google.protobuf.Any, 3 annotations map<string,string>
containerd.task.v2.StartRequest
  1 id string, 2 exec_id string
containerd.task.v2.StartResponse
  1 pid uint32
containerd.task.v2.WaitRequest
  1 id string, 2 exec_id string
containerd.task.v2.WaitResponse
  1 exit_status uint32, 2 exited_at google.protobuf.Timestamp
containerd.task.v2.StatsRequest
  1 id string
containerd.task.v2.StatsResponse
  1 stats google.protobuf.Any
containerd.task.v2.ConnectRequest
  1 id string
containerd.task.v2.ConnectResponse
  1 shim_pid uint32, 2 task_pid uint32, 3 version string
containerd.task.v2.ShutdownRequest
  1 id string, 2 now bool
containerd.task.v2.PauseRequest
  1 id string
containerd.task.v2.ResumeRequest
  1 id string
service containerd.task.v2.Task
  State containerd.task.v2.StateRequest containerd.task.v2.StateResponse,
  Create containerd.task.v2.CreateTaskRequest containerd.task.v2.CreateTaskResponse,
  Start containerd.task.v2.StartRequest containerd.task.v2.StartResponse,
  Delete containerd.task.v2.DeleteRequest containerd.task.v2.DeleteResponse,
  Pids containerd.task.v2.PidsRequest containerd.task.v2.PidsResponse,
  Pause containerd.task.v2.PauseRequest google.protobuf.Empty,
  Resume containerd.task.v2.ResumeRequest google.protobuf.Empty,
  Checkpoint containerd.task.v2.CheckpointTaskRequest google.protobuf.Empty,
  Kill containerd.task.v2.KillRequest google.protobuf.Empty,
  Exec containerd.task.v2.ExecProcessRequest google.protobuf.Empty,
  ResizePty containerd.task.v2.ResizePtyRequest google.protobuf.Empty,
  CloseIO containerd.task.v2.CloseIORequest google.protobuf.Empty,
  Update containerd.task.v2.UpdateTaskRequest google.protobuf.Empty,
  Wait containerd.task.v2.WaitRequest containerd.task.v2.WaitResponse,
  Stats containerd.task.v2.StatsRequest containerd.task.v2.StatsResponse,
  Connect containerd.task.v2.ConnectRequest containerd.task.v2.ConnectResponse,
  Shutdown containerd.task.v2.ShutdownRequest google.protobuf.Empty
containerd.task.v3.CreateTaskRequest
  1 id string, 2 bundle string, 3 rootfs containerd.types.Mount[], 4 terminal bool, 5 stdin string, 6 stdout string,
  7 stderr string, 8 checkpoint string, 9 parent_checkpoint string, 10 options google.protobuf.Any
containerd.task.v3.CreateTaskResponse
  1 pid uint32
containerd.task.v3.DeleteRequest
  1 id string, 2 exec_id string
containerd.task.v3.DeleteResponse
  1 pid uint32, 2 exit_status uint32, 3 exited_at google.protobuf.Timestamp
containerd.task.v3.ExecProcessRequest
  1 id string, 2 exec_id string, 3 terminal bool, 4 stdin string, 5 stdout string, 6 stderr string,
  7 spec google.protobuf.Any
containerd.task.v3.ExecProcessResponse
containerd.task.v3.ResizePtyRequest
  1 id string, 2 exec_id string, 3 width uint32, 4 height uint32
containerd.task.v3.StateRequest
  1 id string, 2 exec_id string
containerd.task.v3.StateResponse
  1 id string, 2 bundle string, 3 pid uint32, 4 status containerd.v1.types.Status, 5 stdin string, 6 stdout string,
  7 stderr string, 8 terminal bool, 9 exit_status uint32, 10 exited_at google.protobuf.Timestamp, 11 exec_id string
containerd.task.v3.KillRequest
  1 id string, 2 exec_id string, 3 signal uint32, 4 all bool
containerd.task.v3.CloseIORequest
  1 id string, 2 exec_id string, 3 stdin bool
containerd.task.v3.PidsRequest
  1 id string
containerd.task.v3.PidsResponse
  1 processes containerd.v1.types.ProcessInfo[]
containerd.task.v3.CheckpointTaskRequest
  1 id string, 2 path string, 3 options google.protobuf.Any
containerd.task.v3.UpdateTaskRequest
  1 id string, 2 resources google.protobuf.Any, 3 annotations map<string,string>
containerd.task.v3.StartRequest
  1 id string, 2 exec_id string
containerd.task.v3.StartResponse
  1 pid uint32
containerd.task.v3.WaitRequest
  1 id string, 2 exec_id string
containerd.task.v3.WaitResponse
  1 exit_status uint32, 2 exited_at google.protobuf.Timestamp
containerd.task.v3.StatsRequest
  1 id string
containerd.task.v3.StatsResponse
  1 stats google.protobuf.Any
containerd.task.v3.ConnectRequest
  1 id string
containerd.task.v3.ConnectResponse
  1 shim_pid uint32, 2 task_pid uint32, 3 version string
containerd.task.v3.ShutdownRequest
  1 id string, 2 now bool
containerd.task.v3.PauseRequest
  1 id string
containerd.task.v3.ResumeRequest
  1 id string
service containerd.task.v3.Task
  State containerd.task.v3.StateRequest containerd.task.v3.StateResponse,
  Create containerd.task.v3.CreateTaskRequest containerd.task.v3.CreateTaskResponse,
  Start containerd.task.v3.StartRequest containerd.task.v3.StartResponse,
  Delete containerd.task.v3.DeleteRequest containerd.task.v3.DeleteResponse,
  Pids containerd.task.v3.PidsRequest containerd.task.v3.PidsResponse,
  Pause containerd.task.v3.PauseRequest google.protobuf.Empty,
  Resume containerd.task.v3.ResumeRequest google.protobuf.Empty,
  Checkpoint containerd.task.v3.CheckpointTaskRequest google.protobuf.Empty,
  Kill containerd.task.v3.KillRequest google.protobuf.Empty,
  Exec containerd.task.v3.ExecProcessRequest google.protobuf.Empty,
  ResizePty containerd.task.v3.ResizePtyRequest google.protobuf.Empty,
  CloseIO containerd.task.v3.CloseIORequest google.protobuf.Empty,
  Update containerd.task.v3.UpdateTaskRequest google.protobuf.Empty,
  Wait containerd.task.v3.WaitRequest containerd.task.v3.WaitResponse,
  Stats containerd.task.v3.StatsRequest containerd.task.v3.StatsResponse,
  Connect containerd.task.v3.ConnectRequest containerd.task.v3.ConnectResponse,
  Shutdown containerd.task.v3.ShutdownRequest google.protobuf.Empty
containerd.services.events.ttrpc.v1.ForwardRequest
  1 envelope containerd.types.Envelope
service containerd.services.events.ttrpc.v1.Events
  Forward containerd.services.events.ttrpc.v1.ForwardRequest google.protobuf.Empty
ttrpc.Request
  1 service string, 2 method string, 3 payload bytes, 4 timeout_nano int64, 5 metadata ttrpc.KeyValue[]
ttrpc.Response
  1 status google.rpc.Status, 2 payload bytes
ttrpc.StringList
  1 list string[]
ttrpc.KeyValue
  1 key string, 2 value string
`;
