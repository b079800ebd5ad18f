// `docker-init --pause`: does nothing, so that a pod's namespaces have a process; takes in what is orphaned, ends when told to.
import { isErrno } from "../sys/call.ts";
import { signalSet } from "../sys/loop.ts";
import { NR } from "../sys/nr.ts";
import { SIGNALS, WNOHANG, wait } from "../sys/process.ts";

const SIG_BLOCK = 0;

/** Process 1 of a PID namespace has the orphans of the whole pod. */
function reap(): void {
  try {
    while (wait(-1, WNOHANG));
  } catch (error) {
    if (!isErrno(error, "ECHILD")) throw error;
  }
}

export function pause(): number {
  const set = signalSet([SIGNALS.INT, SIGNALS.TERM, SIGNALS.CHLD]);
  native.syscall(NR.rt_sigprocmask, SIG_BLOCK, set, 0, 8);
  native.trim();
  for (;;) {
    const signal = native.syscall(NR.rt_sigtimedwait, set, 0, 0, 8);
    if (signal === SIGNALS.CHLD) reap();
    else if (signal > 0) return 0;
  }
}
