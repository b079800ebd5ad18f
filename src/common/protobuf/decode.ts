// Decoding: what the table of a message does not know is kept.
import { WharfError } from "../errors.ts";
import { malformed, Reader } from "./reader.ts";
import { type Field, type MessageType, messageOf, type Scalar, unknownFields, WIRE, WIRE_OF } from "./schema.ts";

type Fields = Record<string | symbol, unknown>;
const TWO32 = 4294967296;

/**
 * Reads a message; every field of its type is there, with its default where the bytes have none. InvalidArgument for
 * malformed bytes, OutOfRange for a 64-bit integer that no number holds exactly. Enum values that the schema does not
 * know are kept as numbers.
 */
export function decode<T>(type: MessageType<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value = blank(type);
  decodeFields(reader, type, value, bytes.length);
  return value as T;
}

function zero(field: Field): unknown {
  switch (field.type) {
    case "string":
      return "";
    case "bool":
      return false;
    case "bytes":
      return new Uint8Array(0);
    case "message":
      return undefined;
    default:
      return field.big ? 0n : 0;
  }
}

function blank(type: MessageType<unknown>): Fields {
  const value: Fields = {};
  for (const field of type.fields) {
    const { presence } = field;
    if (presence === "implicit") value[field.name] = zero(field);
    else if (presence === "repeated") value[field.name] = [];
    else if (presence === "map") value[field.name] = {};
    else value[presence === "oneof" ? field.oneof! : field.name] = undefined;
  }
  return value;
}

function fieldOf(type: MessageType<unknown>, no: number): Field | undefined {
  return no < type.byNumber.length ? type.byNumber[no] : type.fields.find((field) => field.no === no);
}

function decodeFields(reader: Reader, type: MessageType<unknown>, value: Fields, end: number): void {
  reader.enter();
  while (reader.at < end) {
    const from = reader.at;
    const tag = reader.varint(end);
    const no = tag >>> 3;
    const wire = tag & 7;
    if (no === 0 || reader.high !== 0) throw malformed(`bad field number in ${type.typeName}`);
    const field = fieldOf(type, no);
    const known = field && decodeField(reader, field, value, wire, end);
    if (known) continue;
    reader.skip(wire, no, end);
    keep(value, reader.buffer.subarray(from, reader.at));
  }
  reader.depth--;
}

function keep(value: Fields, bytes: Uint8Array): void {
  const before = value[unknownFields] as Uint8Array | undefined;
  const all = new Uint8Array((before?.length ?? 0) + bytes.length);
  if (before) all.set(before);
  all.set(bytes, all.length - bytes.length);
  value[unknownFields] = all;
}

/** False when the wire type is not the field's: it then counts as unknown. */
function decodeField(reader: Reader, field: Field, value: Fields, wire: number, end: number): boolean {
  const { name, presence } = field;
  const expected = WIRE_OF[field.type];
  if (presence === "map") {
    if (wire !== WIRE.LEN) return false;
    decodeEntry(reader, field, value[name] as Fields, end);
  } else if (wire === expected) {
    if (presence === "repeated") (value[name] as unknown[]).push(decodeValue(reader, field, undefined, end));
    else if (presence === "oneof") {
      const before = value[field.oneof!] as { case: string; value: unknown } | undefined;
      const old = before?.case === name ? before.value : undefined;
      value[field.oneof!] = { case: name, value: decodeValue(reader, field, old, end) };
    } else value[name] = decodeValue(reader, field, value[name], end);
  } else if (presence === "repeated" && wire === WIRE.LEN) {
    const to = reader.until(end);
    const list = value[name] as unknown[];
    while (reader.at < to) list.push(decodeScalar(reader, field.type as Scalar, field.big, to));
  } else return false;
  return true;
}

function decodeEntry(reader: Reader, field: Field, map: Fields, end: number): void {
  const to = reader.until(end);
  let key: unknown = field.key === "string" ? "" : field.key === "bool" ? false : 0;
  let entry: unknown = field.type === "message" ? undefined : zero(field);
  while (reader.at < to) {
    const tag = reader.varint(to);
    if (tag === (8 | WIRE_OF[field.key!])) key = decodeScalar(reader, field.key!, false, to);
    else if (tag === (16 | WIRE_OF[field.type])) entry = decodeValue(reader, field, entry, to);
    else reader.skip(tag & 7, tag >>> 3, to);
  }
  entry ??= blank(messageOf(field));
  const name = String(key);
  // "__proto__" is a key like any other
  if (name !== "__proto__") map[name] = entry;
  else Object.defineProperty(map, name, { value: entry, enumerable: true, configurable: true, writable: true });
}

/** A message that comes twice is merged into what came before. */
function decodeValue(reader: Reader, field: Field, before: unknown, end: number): unknown {
  if (field.type !== "message") return decodeScalar(reader, field.type, field.big, end);
  const type = messageOf(field);
  const value = (before as Fields | undefined) ?? blank(type);
  decodeFields(reader, type, value, reader.until(end));
  return value;
}

function decodeScalar(reader: Reader, kind: Scalar, big: boolean, end: number): unknown {
  switch (kind) {
    case "string":
      return reader.string(end);
    case "bytes":
      return reader.bytes(end);
    case "bool":
      return (reader.varint(end) | reader.high) !== 0;
    case "int32":
    case "enum":
      return reader.varint(end) | 0;
    case "uint32":
      return reader.varint(end) >>> 0;
    case "sint32":
      return (reader.varint(end) >>> 1) ^ -(reader.low & 1);
    case "fixed32":
      return reader.fixed32(end);
    case "sfixed32":
      return reader.fixed32(end) | 0;
    case "float":
      return reader.float(4, end);
    case "double":
      return reader.float(8, end);
    case "fixed64":
    case "sfixed64":
      reader.fixed64(end);
      return integer64(reader, kind === "sfixed64", big);
    case "sint64": {
      reader.varint(end);
      const odd = -(reader.low & 1);
      const low = ((reader.low >>> 1) | (reader.high << 31)) ^ odd;
      reader.high = ((reader.high >>> 1) ^ odd) >>> 0;
      reader.low = low >>> 0;
      return integer64(reader, true, big);
    }
    default:
      reader.varint(end);
      return integer64(reader, kind === "int64", big);
  }
}

function integer64(reader: Reader, signed: boolean, big: boolean): number | bigint {
  const { low, high } = reader;
  if (big) {
    const wide = (BigInt(high) << 32n) | BigInt(low);
    return signed ? BigInt.asIntN(64, wide) : wide;
  }
  const value = (signed ? high | 0 : high) * TWO32 + (low >>> 0);
  if (!Number.isSafeInteger(value)) {
    throw new WharfError("OutOfRange", `protobuf: 64-bit integer near ${value} is not held exactly by a number`);
  }
  return value;
}
