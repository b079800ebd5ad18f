// Which fields of containerd's messages a conversation had: what the ledger says is shown by a test has to have been there.
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { relative } from "node:path";
import { type AnyLike, anyName } from "../../src/common/protobuf/any.ts";
import { decode } from "../../src/common/protobuf/codec.ts";
import { type Field, type MessageType, messageOf } from "../../src/common/protobuf/schema.ts";
import { ownApi } from "../../tools/lib/containerd/own.ts";
import { claimsOf, readShown } from "../../tools/lib/containerd/shown.ts";
import { ROOT } from "../../tools/lib/native.ts";

const { messages } = await ownApi();
const SHOWN = readShown();

export class FieldsSeen {
  /** `full.name.of.Message.field` of each that was there and not empty, in messages within messages and in what Any holds, too. */
  readonly seen = new Set<string>();

  /** A message as it went over the wire. */
  add(type: MessageType<unknown>, bytes: Uint8Array): void {
    this.addValue(type, decode(type, bytes));
  }

  addValue(type: MessageType<unknown>, value: unknown): void {
    const record = value as Record<string, unknown>;
    for (const field of type.fields) {
      const chosen = record[field.oneof ?? field.name];
      const one = field.oneof ? oneOf(chosen, field) : chosen;
      if (isEmpty(one)) continue;
      this.seen.add(`${type.typeName}.${field.name}`);
      const many = field.presence === "map" || field.presence === "repeated";
      for (const inner of many ? Object.values(one as object) : [one]) this.#inner(field, inner);
    }
    if (type.typeName === "google.protobuf.Any") this.#held(value as AnyLike);
  }

  #inner(field: Field, value: unknown): void {
    if (field.type === "message") this.addValue(messageOf(field), value);
  }

  #held(any: AnyLike): void {
    const held = messages.get(anyName(any));
    try {
      if (held) this.add(held, any.value);
    } catch {
      // what was said to be of that type is not: the test asked so
    }
  }
}

/**
 * Fails unless the test has had all that the ledger says it shows. With WHARF_FIELDS=FILE it is written down there instead, for
 * tools/containerd-fields.ts.
 */
export function checkShown(file: string, title: string, seen: ReadonlySet<string>): void {
  const key = `${relative(ROOT, file)}: ${title}`;
  const record = process.env.WHARF_FIELDS;
  if (record) {
    appendFileSync(record, `${JSON.stringify({ key, seen: [...seen] })}\n`);
    return;
  }
  const missing = claimsOf(SHOWN, key).filter((field) => !seen.has(field));
  assert.deepEqual(
    missing,
    [],
    "the ledger says that these fields are shown by this test (tools/containerd-fields.ts)",
  );
}

function oneOf(chosen: unknown, { name }: Field): unknown {
  const { case: which, value } = (chosen ?? {}) as { case?: string; value?: unknown };
  return which === name ? value : undefined;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === "" || value === false || value === 0 || value === 0n) return true;
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0;
  return (
    typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype && Object.keys(value!).length === 0
  );
}
