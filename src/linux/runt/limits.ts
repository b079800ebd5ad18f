// Resource limits and OOM score of a process, set while the host's /proc is still there.

import { WharfError } from "../../common/errors.ts";
import type { Process } from "../../common/oci/runtime.ts";
import { isErrno } from "../sys/call.ts";
import { writeProc } from "../sys/procfs.ts";
import { setRlimit } from "../sys/rlimit.ts";

export type Warn = (text: string) => void;

export function setOomScore(score: number, warn: Warn): void {
  try {
    writeProc("self/oom_score_adj", String(score));
  } catch (error) {
    if (!isErrno(error, "EACCES", "EPERM")) throw error;
    warn(`process.oomScoreAdj: ${score} needs CAP_SYS_RESOURCE, which is missing here; left as it is`);
  }
}

export function setRlimits(process: Process, warn: Warn): void {
  const seen = new Set<string>();
  for (const { type, soft, hard } of process.rlimits ?? []) {
    if (seen.has(type)) throw new WharfError("InvalidArgument", `process.rlimits: ${type} is given twice`);
    seen.add(type);
    if (!setRlimit(type, soft, hard)) {
      const wanted = `${soft}:${hard}`;
      warn(`process.rlimits: raising ${type} to ${wanted} needs CAP_SYS_RESOURCE; set as high as this host allows`);
    }
  }
}
