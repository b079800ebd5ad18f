/** The runtime as functions, for the shim; synchronous, to be called in a process of their own. */
export { type Created, type CreateOptions, create } from "./create.ts";
export { type ExecOptions, type Executed, exec } from "./exec.ts";
export {
  type ContainerState,
  kill,
  list,
  pause,
  processes,
  remove,
  resume,
  start,
  state,
  update,
} from "./lifecycle.ts";
export { type ContainerRecord, DEFAULT_ROOT, loadRecord, type Status } from "./state.ts";
