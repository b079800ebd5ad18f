/** EventService over gRPC. */

import type { EventsService } from "../../../common/gen/containerd/services/events.ts";
import type { Envelope, EventService } from "../../containerd/api/events.ts";
import type { Any, CallOptions, Filters } from "../../containerd/api/types.ts";
import { fromTime, required, toTime } from "../convert.ts";
import type { ClientFor } from "./call.ts";

export class RemoteEvents implements EventService {
  readonly #client: ClientFor<typeof EventsService>;

  constructor(client: ClientFor<typeof EventsService>) {
    this.#client = client;
  }

  async publish(topic: string, event: Any): Promise<void> {
    await this.#client.publish({ topic, event });
  }

  async forward(envelope: Envelope): Promise<void> {
    await this.#client.forward({ envelope: { ...envelope, timestamp: toTime(envelope.timestamp) } });
  }

  /** Asked for with this call; the events of other connections' calls may come before the daemon has taken it up. */
  subscribe(filters: Filters = [], { signal }: CallOptions = {}): AsyncIterable<Envelope> {
    return envelopes(this.#client.subscribe({ filters }, { signal }), signal);
  }
}

type Subscription = ReturnType<ClientFor<typeof EventsService>["subscribe"]>;

async function* envelopes(subscription: Subscription, signal: AbortSignal | undefined): AsyncGenerator<Envelope> {
  try {
    for await (const { timestamp, namespace, topic, event } of subscription) {
      yield { timestamp: fromTime(timestamp), namespace, topic, event: required(event, "event") };
    }
  } catch (error) {
    // The signal is the proper end.
    if (!signal?.aborted) throw error;
  }
}
