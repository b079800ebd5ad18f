// Encoding: walks a message by its table.
import { WharfError } from "../errors.ts";
import {
  type Field,
  type Init,
  type MessageType,
  messageOf,
  type Scalar,
  unknownFields,
  WIRE,
  WIRE_OF,
} from "./schema.ts";
import { Writer } from "./writer.ts";

type Fields = Record<string | symbol, unknown>;
const writer = new Writer();

/**
 * The bytes of a message, with room for so many others `before` it, zeros. Fields left out are not written. InvalidArgument for a value of the
 * wrong type or range.
 */
export function encode<T>(type: MessageType<T>, value: Init<T>, before = 0): Uint8Array<ArrayBuffer> {
  const start = writer.at;
  try {
    for (let i = 0; i < before; i++) writer.varint(0);
    encodeFields(type, value as Fields);
  } catch (error) {
    writer.at = start;
    throw error;
  }
  return writer.take(start);
}

function encodeFields(type: MessageType<unknown>, value: Fields): void {
  for (const field of type.fields) {
    const { name, presence } = field;
    if (presence === "oneof") {
      const chosen = value[field.oneof!] as { case?: string; value?: unknown } | undefined;
      if (chosen?.case === name) encodeOne(type, field, chosen.value);
      continue;
    }
    const v = value[name];
    if (v === undefined) continue;
    if (presence === "implicit") {
      if (v === 0 ? !Object.is(v, -0) : v === "" || v === false || v === 0n) continue;
      if (field.type === "bytes" && (v as Uint8Array).length === 0) continue;
      encodeOne(type, field, v);
    } else if (presence === "explicit") encodeOne(type, field, v);
    else if (presence === "repeated") encodeRepeated(type, field, v as readonly unknown[]);
    else encodeMap(type, field, v as Record<string, unknown>);
  }
  const unknown = value[unknownFields] as Uint8Array | undefined;
  if (unknown) writer.raw(unknown);
}

function encodeOne(type: MessageType<unknown>, field: Field, v: unknown): void {
  writer.varint(((field.no << 3) | WIRE_OF[field.type]) >>> 0);
  encodeValue(type, field, v);
}

function encodeRepeated(type: MessageType<unknown>, field: Field, list: readonly unknown[]): void {
  if (!Array.isArray(list)) throw wrong(type, field, list);
  if (WIRE_OF[field.type] === WIRE.LEN) {
    for (const v of list) encodeOne(type, field, v);
  } else if (list.length > 0) {
    writer.varint(((field.no << 3) | WIRE.LEN) >>> 0);
    const start = writer.begin();
    for (const v of list) encodeValue(type, field, v);
    writer.end(start);
  }
}

function encodeMap(type: MessageType<unknown>, field: Field, map: Record<string, unknown>): void {
  const key = field.key!;
  for (const name of Object.keys(map)) {
    const v = map[name];
    if (v === undefined) continue;
    writer.varint(((field.no << 3) | WIRE.LEN) >>> 0);
    const start = writer.begin();
    writer.varint(8 | WIRE_OF[key]);
    encodeScalar(type, field, key, key === "string" ? name : key === "bool" ? name === "true" : Number(name));
    writer.varint(16 | WIRE_OF[field.type]);
    encodeValue(type, field, v);
    writer.end(start);
  }
}

function encodeValue(type: MessageType<unknown>, field: Field, v: unknown): void {
  if (field.type !== "message") {
    encodeScalar(type, field, field.type, v);
    return;
  }
  if (typeof v !== "object" || v === null) throw wrong(type, field, v);
  const start = writer.begin();
  encodeFields(messageOf(field), v as Fields);
  writer.end(start);
}

function wrong(type: MessageType<unknown>, field: Field, v: unknown): WharfError {
  const shown = typeof v === "bigint" ? `${v}n` : typeof v === "object" ? String(v) : JSON.stringify(v);
  return new WharfError("InvalidArgument", `${type.typeName}.${field.name}: ${shown} is no ${field.type}`);
}

function encodeScalar(type: MessageType<unknown>, field: Field, kind: Scalar, v: unknown): void {
  switch (kind) {
    case "string":
      if (typeof v !== "string") throw wrong(type, field, v);
      writer.string(v);
      break;
    case "bytes":
      if (!(v instanceof Uint8Array)) throw wrong(type, field, v);
      writer.bytes(v);
      break;
    case "bool":
      if (typeof v !== "boolean") throw wrong(type, field, v);
      writer.varint(v ? 1 : 0);
      break;
    case "double":
    case "float":
      if (typeof v !== "number") throw wrong(type, field, v);
      writer.float(v, kind === "double" ? 8 : 4);
      break;
    case "int32":
    case "enum":
    case "sint32":
    case "sfixed32": {
      if (v !== ((v as number) | 0)) throw wrong(type, field, v);
      if (kind === "sfixed32") writer.fixed32(v);
      else if (kind === "sint32") writer.varint(((v << 1) ^ (v >> 31)) >>> 0);
      else if (v < 0) writer.varint64(v >>> 0, 0xffffffff);
      else writer.varint(v);
      break;
    }
    case "uint32":
    case "fixed32":
      if (v !== (v as number) >>> 0) throw wrong(type, field, v);
      if (kind === "uint32") writer.varint(v);
      else writer.fixed32(v);
      break;
    default:
      encode64(type, field, kind, v);
  }
}

/** A bigint is taken everywhere; a number must be exact. */
function encode64(type: MessageType<unknown>, field: Field, kind: Scalar, v: unknown): void {
  const unsigned = kind === "uint64" || kind === "fixed64";
  if (typeof v === "bigint") {
    if (v !== (unsigned ? BigInt.asUintN(64, v) : BigInt.asIntN(64, v))) throw wrong(type, field, v);
  } else if (!Number.isSafeInteger(v) || (unsigned && (v as number) < 0)) throw wrong(type, field, v);
  const n = v as number | bigint;
  if (kind === "fixed64" || kind === "sfixed64") writer.fixed64(n);
  else if (kind === "sint64") {
    const wide = BigInt(n);
    writer.integer64((wide << 1n) ^ (wide >> 63n));
  } else writer.integer64(n);
}
