/** Which shim holds a container that belongs to a sandbox. */

import { WharfError } from "../../../common/errors.ts";
import { Options } from "../../../common/gen/containerd/runc/options.ts";
import { isAny, unpackAny } from "../../../common/protobuf/any.ts";
import type { ShimAddress } from "../../shim/launch.ts";
import { PODSANDBOX_SANDBOXER } from "../api/sandboxes.ts";
import type { Any } from "../api/types.ts";
import type { Scope } from "../core/scope.ts";
import type { ShimManager } from "../tasks/shims.ts";
import type { Pods } from "./pods.ts";
import { LocalSandboxes } from "./store.ts";

/** Shims from this version of the task API on hold a sandbox's containers without being started for each. */
const SANDBOX_VERSION = 3;

/**
 * Where the options say, or the running sandbox's. Undefined where the container gets its own shim, or one that finds its group by itself: a
 * sandbox that is not in the store, or whose shim has no sandbox API. NotFound when the sandbox does not run.
 */
export function sandboxShim(
  scope: Scope,
  { pods, shims }: { pods: Pods; shims: ShimManager },
  id: string,
  options: Any | undefined,
): ShimAddress | undefined {
  const sandbox = id === "" ? undefined : new LocalSandboxes(scope).find(id);
  if (!sandbox) return undefined;
  const { taskApiAddress = "", taskApiVersion = 0 } = runcOptions(options) ?? {};
  if (taskApiAddress !== "") return taskEndpoint(taskApiAddress, taskApiVersion);
  const shim =
    sandbox.sandboxer === PODSANDBOX_SANDBOXER
      ? holderShim(shims, scope.namespace, id)
      : podShim(pods, scope.namespace, id);
  if (!shim) {
    throw new WharfError("NotFound", `sandbox ${JSON.stringify(id)} does not run`, {
      subject: id,
      hint: "start it before its containers' tasks are created",
    });
  }
  return shim.version >= SANDBOX_VERSION ? shim : undefined;
}

function podShim(pods: Pods, namespace: string, id: string): ShimAddress | undefined {
  const pod = pods.find(namespace, id);
  return pod && !pod.dead && !pod.record.exit ? pod.record.shim : undefined;
}

/** That of the container which holds the sandbox. */
function holderShim(shims: ShimManager, namespace: string, id: string): ShimAddress | undefined {
  const task = shims.find(namespace, id);
  return task && !task.dead && !shims.exits.find({ namespace, task: id, exec: "" }) ? task.record.shim : undefined;
}

/** As containerd's clients are told of it. */
export function endpointOf({ address, version }: ShimAddress): { address: string; version: number } {
  return { address: `ttrpc+${address.includes("://") ? address : `unix://${address}`}`, version };
}

function runcOptions(options: Any | undefined): Options | undefined {
  return options && isAny(options, Options) ? unpackAny(Options, options) : undefined;
}

/** `ttrpc+unix:///path` as containerd's clients name a task API. InvalidArgument. */
function taskEndpoint(given: string, version: number): ShimAddress {
  const [, address] = /^ttrpc\+(unix:\/\/.+)$/.exec(given) ?? [];
  if (address !== undefined) return { address, version: version || SANDBOX_VERSION };
  throw new WharfError("InvalidArgument", `bad address of a task API: ${JSON.stringify(given)}`, {
    hint: "known here is ttrpc+unix:///path",
  });
}
