/** When and how long to wait before a request is tried again: back-off with jitter, Retry-After. */

import { WharfError } from "../../common/errors.ts";

export interface RetryPolicy {
  /** Attempts in all, without progress between them. */
  attempts: number;
  /** First pause, doubled each time; milliseconds. */
  base: number;
  /** Longest pause of our own; milliseconds. */
  cap: number;
  /** Longest pause a server may ask for by Retry-After; a longer one is an error. Milliseconds. */
  patience: number;
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 5, base: 200, cap: 10_000, patience: 120_000 };

/** The pause before attempt `failures + 1`: between a half and the whole of an exponentially growing time. */
export function backoff(policy: RetryPolicy, failures: number): number {
  const whole = Math.min(policy.cap, policy.base * 2 ** (failures - 1));
  return whole / 2 + Math.random() * (whole / 2);
}

/** A Retry-After header (seconds or a date) in milliseconds from now; undefined when there is none. RFC 9110, 10.2.3. */
export function retryAfter(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** Statuses after which the same request may well succeed. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || status === 500 || status === 502 || status === 503 || status === 504;
}

/** Resolves after `milliseconds`; rejects with Canceled as soon as `signal` aborts. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(canceled(signal));
    const stop = (): void => {
      clearTimeout(timer);
      reject(canceled(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** The error of an aborted operation: the signal's own reason when that is one of ours. */
export function canceled(signal: AbortSignal | undefined): WharfError {
  if (signal?.reason instanceof WharfError) return signal.reason;
  const timeout = signal?.reason instanceof Error && signal.reason.name === "TimeoutError";
  return new WharfError(
    timeout ? "DeadlineExceeded" : "Canceled",
    timeout ? "the deadline has passed" : "it was canceled",
    {
      cause: signal?.reason instanceof Error && signal.reason.name !== "AbortError" ? signal.reason : undefined,
    },
  );
}

export function throwIfCanceled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw canceled(signal);
}
