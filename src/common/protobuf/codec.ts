// One codec for every message, in both worlds: walks the generated tables. Unknown fields are kept.
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import type { Init, MessageType } from "./schema.ts";

export { decode } from "./decode.ts";
export { encode } from "./encode.ts";
export { type Init, type MessageType, unknownFields } from "./schema.ts";

/** A message with every field: the given ones and defaults. Nested messages are filled as well. */
export function create<T>(type: MessageType<T>, init: Init<T>): T {
  return decode(type, encode(type, init));
}
