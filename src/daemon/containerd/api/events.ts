/** Events: what happened, to all who listen. Topics are containerd's: `/tasks/exit`, `/images/create` … */

import type { Any, CallOptions, Filters, Timestamp } from "./types.ts";

/** Filters see `namespace`, `topic` and `event.<field>` (fields in the spelling of the .proto: `event.container_id`). */
export interface Envelope {
  timestamp: Timestamp;
  namespace: string;
  topic: string;
  event: Any;
}

export interface EventService {
  /** InvalidArgument for a topic that is not `/a/b…`. */
  publish(topic: string, event: Any): Promise<void>;
  /** Takes an event over as it is, with its own time and namespace: what shims do. */
  forward(envelope: Envelope): Promise<void>;
  /**
   * Every event of all namespaces (filter with `namespace==…`) from the time of this call on, in order, until the signal or the end of
   * the iteration. None is left out: a reader that falls behind by more than the hub holds for it is ended with
   * ResourceExhausted.
   */
  subscribe(filters?: Filters, options?: CallOptions): AsyncIterable<Envelope>;
}
