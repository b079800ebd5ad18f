/** The event service as a namespace sees it. */

import type { Envelope, EventService } from "../api/events.ts";
import type { Any, CallOptions, Filters } from "../api/types.ts";
import type { Scope } from "../core/scope.ts";

export class LocalEvents implements EventService {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async publish(topic: string, event: Any): Promise<void> {
    this.#scope.shared.hub.emit(this.#scope.namespace, { topic, event });
  }

  async forward(envelope: Envelope): Promise<void> {
    this.#scope.shared.hub.forward(envelope);
  }

  subscribe(filters?: Filters, options?: CallOptions): AsyncIterable<Envelope> {
    return this.#scope.shared.hub.subscribe(filters, options);
  }
}
