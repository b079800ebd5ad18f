/**
 * The OCI runtime as functions: what the verbs of the command line call, and what the shim calls in a forked child of its own.
 *
 * All are synchronous. A process they make (a container's first, an exec) is a child of the calling process, or with
 * `cloneParent` of its parent. The caller's descriptors 0, 1 and 2 become its streams unless it has a terminal; above them
 * nothing is passed on but what `preserveFds` asks for. Errors are WharfErrors whose message names the field of config.json
 * that could not be carried out.
 */
export { checkpoint } from "./checkpoint/dump.ts";
export { restore } from "./checkpoint/restore.ts";
export { pause, pids, thaw, update } from "./control.ts";
export { type Created, type CreateOptions, create, type LaunchOptions } from "./create.ts";
export { remove } from "./delete.ts";
export { type ExecOptions, type Executed, exec } from "./exec.ts";
export { kill } from "./kill.ts";
export { parseResources } from "./resources.ts";
export { PlainStart, start, startsPlainly } from "./start.ts";
export { type ContainerRecord, DEFAULT_ROOT, loadRecord, type Status } from "./state.ts";
export { type ContainerState, list, state } from "./view.ts";
