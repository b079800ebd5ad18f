/** containerd.services.diff.v1: a thin layer over DiffService. */

import { DiffService } from "../../../common/gen/containerd/services/diff.ts";
import type { ContainerdCore } from "../../containerd/api.ts";
import { clientOf } from "../context.ts";
import { fromDescriptor, fromLabels, fromMounts, fromTime, required, toDescriptor } from "../convert.ts";
import type { Router } from "../router.ts";

export function addDiff(router: Router, core: ContainerdCore): void {
  router.add(DiffService, {
    apply: async ({ diff, mounts, syncFs }, call) => {
      const layer = fromDescriptor(required(diff, "diff"));
      const options = { syncFs, signal: call.signal };
      const { applied } = await clientOf(core, call).diff.apply(layer, fromMounts(mounts), options);
      return { applied: toDescriptor(applied) };
    },
    diff: async ({ left, right, mediaType, ref, labels, sourceDateEpoch }, call) => {
      const made = await clientOf(core, call).diff.diff(fromMounts(left), fromMounts(right), {
        mediaType: mediaType || undefined,
        ref: ref || undefined,
        labels: fromLabels(labels),
        sourceDateEpoch: sourceDateEpoch && fromTime(sourceDateEpoch),
        signal: call.signal,
      });
      return { diff: toDescriptor(made) };
    },
  });
}
