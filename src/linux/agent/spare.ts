// A shim that waits for its container: forked while nobody waits for that, so that a start has one at once.
import { closeOthers } from "../layer/part.ts";
import { SHIM } from "../shim/flags.ts";
import { adjustOomScore, Embryo } from "../shim/start.ts";
import { close, dup3, O, open } from "../sys/fs.ts";
import { clearSignalMask, loop, resetLoop } from "../sys/loop.ts";
import { setTitle } from "../sys/process.ts";

/**
 * How long after one was taken the next is made, ms: while that container is made there is work for two processors without it, and one that starts after it
 * has not come so soon.
 */
const LATER_MS = 8;

let spare: Embryo | undefined;
let due = false;

/** In the new process: holds nothing of the agent's but the channel, whose end ends it. */
function born(channel: number): void {
  resetLoop();
  clearSignalMask();
  closeOthers(channel);
  const nothing = open("/dev/null", O.RDWR);
  for (let fd = 0; fd < 3; fd++) dup3(nothing, fd);
  if (nothing > 2) close(nothing);
  setTitle(SHIM, ["spare"]);
}

function make(): Embryo {
  const embryo = new Embryo(born);
  adjustOomScore(embryo.pid);
  return embryo;
}

function refill(): void {
  due = false;
  try {
    spare ??= make();
  } catch {
    // no process is to be had: the next start tries itself
  }
}

/** The one that waits, or a new one. The next is made a moment later. */
export function takeSpare(): Embryo {
  const taken = spare ?? make();
  spare = undefined;
  if (!due) loop().timer(LATER_MS, refill);
  due = true;
  return taken;
}
