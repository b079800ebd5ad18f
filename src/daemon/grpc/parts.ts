/** Long answers, each part of which is encoded when it comes: what it was made of is young garbage then, and other callers get their turn between. */

import { RawMessage } from "../../common/grpc/message.ts";
import { encode } from "../../common/protobuf/codec.ts";
import type { Init, MessageType } from "../../common/protobuf/schema.ts";
import { giveBack } from "../given-back.ts";

/**
 * A message of nothing but a repeated field: `wire` makes one of a page of items. Encoded messages one after the other are one message
 * with the items of all (https://protobuf.dev/programming-guides/encoding/, "Last One Wins").
 */
export async function listing<T, M>(
  type: MessageType<M>,
  pages: AsyncIterable<readonly T[]>,
  wire: (some: readonly T[]) => Init<M>,
): Promise<Init<M>> {
  const parts: Uint8Array[] = [];
  for await (const page of pages) if (page.length > 0) parts.push(encode(type, wire(page)));
  // What stands for an encoded message, the call sends as it is.
  return new RawMessage(new Uint8Array(), parts, () => parts.forEach(giveBack)) as never;
}
