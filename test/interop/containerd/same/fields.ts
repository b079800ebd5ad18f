// Which fields of the API's messages a conversation had: what is in the ledger as shown by it has to have been there.
import { type AnyLike, anyName } from "../../../../src/common/protobuf/any.ts";
import { decode } from "../../../../src/common/protobuf/codec.ts";
import { type Field, type MessageType, messageOf } from "../../../../src/common/protobuf/schema.ts";
import { ownApi } from "../../../../tools/lib/containerd/own.ts";

const { messages } = await ownApi();

/** `full.name.of.Message#number` of each field that was there and not empty, in messages within messages and in what Any holds, too. */
export class FieldsSeen {
  readonly seen = new Set<string>();

  /** A message as it went over the wire. */
  add(type: MessageType<unknown>, bytes: Uint8Array): void {
    this.#message(type, decode(type, bytes));
  }

  #message(type: MessageType<unknown>, value: unknown): void {
    const record = value as Record<string, unknown>;
    for (const field of type.fields) {
      const chosen = record[field.oneof ?? field.name];
      const one = field.oneof ? (chosen as { value?: unknown } | undefined)?.value : chosen;
      if (isEmpty(one)) continue;
      this.seen.add(`${type.typeName}#${field.no}`);
      for (const inner of field.presence === "map" || field.presence === "repeated"
        ? Object.values(one as object)
        : [one])
        this.#inner(field, inner);
    }
  }

  #inner(field: Field, value: unknown): void {
    if (field.type !== "message") return;
    const type = messageOf(field);
    this.#message(type, value);
    if (type.typeName !== "google.protobuf.Any") return;
    const held = messages.get(anyName(value as AnyLike));
    try {
      if (held) this.add(held, (value as AnyLike).value);
    } catch {
      // what was said to be of that type is not: the test asked so
    }
  }
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === "" || value === false || value === 0 || value === 0n) return true;
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0;
  return (
    typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype && Object.keys(value!).length === 0
  );
}
