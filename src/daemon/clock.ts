/** The machine's time, finer than Date.now() tells it. */

/** Milliseconds since the epoch when the process's own clock began, to the microsecond. */
let origin = performance.timeOrigin;

/** Milliseconds since the epoch, to the microsecond, unlike Date.now(): clients compare with their own clocks. */
export function millis(): number {
  const coarse = Date.now();
  const fine = origin + performance.now();
  // The machine's clock has been set, runs at another pace, or the machine has slept.
  if (fine < coarse) origin += coarse - fine;
  else if (fine >= coarse + 1.5) origin -= fine - coarse - 1;
  return origin + performance.now();
}
