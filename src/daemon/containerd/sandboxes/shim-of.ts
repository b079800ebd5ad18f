/** Which shim holds a container that belongs to a sandbox. */

import { WharfError } from "../../../common/errors.ts";
import { Options } from "../../../common/gen/containerd/runc/options.ts";
import { isAny, unpackAny } from "../../../common/protobuf/any.ts";
import type { ShimAddress } from "../../shim/launch.ts";
import type { Any } from "../api/types.ts";
import type { Scope } from "../core/scope.ts";
import type { Pods } from "./pods.ts";
import { LocalSandboxes } from "./store.ts";

/** Shims from this version of the task API on hold a sandbox's containers without being started for each. */
const SANDBOX_VERSION = 3;

/**
 * Where the options say, or the running sandbox's. Undefined where the container gets its own shim, or one that finds its group by itself: a
 * sandbox that is not in the store, or whose shim has no sandbox API. NotFound when the sandbox does not run.
 */
export function sandboxShim(scope: Scope, pods: Pods, id: string, options: Any | undefined): ShimAddress | undefined {
  if (id === "" || !new LocalSandboxes(scope).find(id)) return undefined;
  const { taskApiAddress = "", taskApiVersion = 0 } = runcOptions(options) ?? {};
  if (taskApiAddress !== "") return taskEndpoint(taskApiAddress, taskApiVersion);
  const pod = pods.find(scope.namespace, id);
  if (!pod || pod.dead || pod.record.exit) {
    throw new WharfError("NotFound", `sandbox ${JSON.stringify(id)} does not run`, {
      subject: id,
      hint: "start it before its containers' tasks are created",
    });
  }
  return pod.record.shim.version >= SANDBOX_VERSION ? pod.record.shim : undefined;
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
