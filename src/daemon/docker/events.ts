/** Docker's events: told to all who listen, the last ones kept for `since`. */

import type { EventMessage } from "../../common/docker/system.ts";
import { millis } from "../clock.ts";
import type { Filters } from "../http/query.ts";

/** Events kept, as dockerd keeps them. */
const KEPT = 256;

type Listener = (event: EventMessage) => void;

export class Events {
  readonly #listeners = new Set<Listener>();
  readonly #kept: EventMessage[] = [];
  #lastNano = 0n;

  get listeners(): number {
    return this.#listeners.size;
  }

  emit(type: string, action: string, id: string, attributes: Record<string, string>): void {
    const nano = this.#now();
    const event: EventMessage = {
      ...(type === "container" || type === "image" ? { status: action, id } : {}),
      ...(type === "container" && attributes.image !== undefined ? { from: attributes.image } : {}),
      Type: type,
      Action: action,
      Actor: { ID: id, Attributes: attributes },
      scope: "local",
      time: Number(nano / 1_000_000_000n),
      timeNano: Number(nano),
    };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Calls `listener` for every event from now on, until disposed of; `past` are those kept, oldest first. */
  subscribe(listener: Listener): Disposable & { past: readonly EventMessage[] } {
    this.#listeners.add(listener);
    return { past: [...this.#kept], [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** Nanoseconds since the epoch, never the same twice, also as JSON numbers, which lose the last 256: clients sort by them. */
  #now(): bigint {
    const now = BigInt(Math.round(millis() * 1000)) * 1000n;
    this.#lastNano = now > this.#lastNano ? now : this.#lastNano + 1000n;
    return this.#lastNano;
  }
}

/** Whether an event is one of those asked for. Filters of one name are alternatives, different names must all hold. */
export function eventMatches(event: EventMessage, filters: Filters): boolean {
  const { Type, Action, Actor, scope } = event;
  const attributes = Actor.Attributes;
  for (const [name, values] of filters) {
    const holds = (test: (value: string) => boolean) => values.some(test);
    // Of whatever type the event is, as dockerd has it.
    const actor = (value: string) => Actor.ID.startsWith(value) || attributes.name?.startsWith(value) === true;
    const ok =
      name === "type"
        ? holds((value) => value === Type)
        : name === "event"
          ? holds((value) => value === Action || Action.startsWith(`${value}:`))
          : name === "label"
            ? holds((value) => labelMatches(attributes, value))
            : name === "scope"
              ? holds((value) => value === scope)
              : name === "image"
                ? holds((value) =>
                    Type === "image"
                      ? Actor.ID === value || imageName(attributes.name) === value || attributes.name === value
                      : imageName(attributes.image) === value || attributes.image === value,
                  )
                : ["container", "volume", "network", "daemon", "plugin"].includes(name)
                  ? holds(actor)
                  : true;
    if (!ok) return false;
  }
  return true;
}

export function labelMatches(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  if (equals < 0) return labels[wanted] !== undefined;
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}

function imageName(name: string | undefined): string | undefined {
  const colon = name?.lastIndexOf(":") ?? -1;
  return name !== undefined && colon > name.lastIndexOf("/") ? name.slice(0, colon) : name;
}
