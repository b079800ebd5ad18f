// Statistics of a container in containerd's form, read from its init process's cgroups.
import { WharfError } from "../../common/errors.ts";
import { Metrics as MetricsV1 } from "../../common/gen/containerd/cgroups/v1.ts";
import { Metrics as MetricsV2 } from "../../common/gen/containerd/cgroups/v2.ts";
import { type AnyLike, packAny } from "../../common/protobuf/any.ts";
import { cgroupsOf } from "./cgroup.ts";
import { statsV1 } from "./stats-v1.ts";
import { statsV2 } from "./stats-v2.ts";

/** NotFound when the process has ended. */
export function readStats(process: { readonly stopped: boolean; readonly pid: number }): AnyLike {
  if (process.stopped || process.pid === 0) throw new WharfError("NotFound", "cgroup does not exist");
  const { unified, controllers } = cgroupsOf(process.pid);
  if (unified !== undefined) return packAny(MetricsV2, statsV2(unified));
  return packAny(MetricsV1, statsV1(controllers));
}
