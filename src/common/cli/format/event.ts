// Events as docker prints them.
import { inspectTemplate } from "./inspect.ts";
import { type Clock, rfc3339 } from "./time.ts";

/** An event in the answer of GET /events. */
export interface EventMessage {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> | null };
  /** Seconds since the epoch. */
  readonly time: number;
  readonly timeNano?: number;
}

/** `2026-01-02T15:04:05.123456789Z container start 0123… (image=busybox, name=web)` */
export function eventLine(event: EventMessage, clock: Clock): string {
  const { Type, Action, Actor } = event;
  const whole = rfc3339(event.time, clock);
  // The nanoseconds are more than a number holds exactly; what it holds is printed.
  const nano = String(Math.max(0, (event.timeNano ?? 0) - event.time * 1e9)).padStart(9, "0");
  const time = `${whole.slice(0, 19)}.${nano.slice(0, 9)}${whole.slice(19)}`;
  const attributes = Object.entries(Actor.Attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  return `${time} ${Type} ${Action} ${Actor.ID}${attributes.length > 0 ? ` (${attributes.join(", ")})` : ""}`;
}

/** What --format makes of the JSON of an event. */
export function eventTemplate(format: string): (json: string) => string {
  return format === "json" ? (json) => json : inspectTemplate(format);
}
