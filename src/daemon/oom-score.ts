/** How readily the kernel takes the daemon when memory is short (proc_pid_oom_score_adj(5)). */

import { writeFileSync } from "node:fs";
import { WharfError } from "../common/errors.ts";

/** For this process and what it starts: the agent has the same, a shim one more, and a container what its specification says. PermissionDenied. */
export function setOomScore(score: number, file = "/proc/self/oom_score_adj"): void {
  try {
    writeFileSync(file, String(score));
  } catch (cause) {
    throw new WharfError("PermissionDenied", `cannot set oom-score to ${score}`, {
      operation: "set OOM score",
      hint: "to be taken later than others needs CAP_SYS_RESOURCE",
      cause,
    });
  }
}
