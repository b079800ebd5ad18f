/** Waits that a signal may cut short. */

import { WharfError } from "../../../common/errors.ts";

/** The promise's outcome, or Canceled as soon as the signal says so. `what` is waited for. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () =>
      reject(new WharfError("Canceled", `waiting for the ${what} was canceled`, { cause: signal.reason }));
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
