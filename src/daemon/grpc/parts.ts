/** Long answers, which are encoded in parts so that other callers get their turn meanwhile. */

import { RawMessage } from "../../common/grpc/message.ts";
import { encode } from "../../common/protobuf/codec.ts";
import type { Init, MessageType } from "../../common/protobuf/schema.ts";
import { nextTurn, PART } from "../turn.ts";

/**
 * A message of nothing but a repeated field: `wire` makes one of some of the items. Encoded messages one after the other are one message
 * with the items of all (https://protobuf.dev/programming-guides/encoding/, "Last One Wins").
 */
export async function listing<T, M>(
  type: MessageType<M>,
  items: readonly T[],
  wire: (some: readonly T[]) => Init<M>,
): Promise<Init<M>> {
  if (items.length <= PART) return wire(items);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < items.length; at += PART) {
    parts.push(encode(type, wire(items.slice(at, at + PART))));
    await nextTurn();
  }
  // What stands for an encoded message, the call sends as it is.
  const [head = new Uint8Array(), tail = new Uint8Array(), ...more] = parts;
  return new RawMessage(head, tail, undefined, more) as never;
}
