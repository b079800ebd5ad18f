/** Fail points of a daemon process: from the environment, ending it as SIGKILL does. */

import { writeSync } from "node:fs";
import { enableFailpoints } from "../../common/failpoint.ts";

/**
 * Arms what WHARF_FAILPOINT names (`name` or `name:n`, the n-th time). With `*` nothing is killed, but each point reached is
 * written to standard error as `failpoint NAME`.
 */
export function armFailpoints(spec = process.env.WHARF_FAILPOINT): void {
  enableFailpoints(spec, (name) => {
    if (spec === "*") writeSync(2, `failpoint ${name}\n`);
    else process.kill(process.pid, "SIGKILL");
  });
}
