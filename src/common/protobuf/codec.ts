// One codec for every message: walks the generated tables. Unknown fields are kept. Runs in both worlds.
import { WharfError } from "../errors.ts";
import { malformed, Reader } from "./reader.ts";
import { type Field, type Init, type MessageType, type Scalar, unknownFields, WIRE } from "./schema.ts";
import { Writer } from "./writer.ts";

export { type Init, type MessageType, unknownFields } from "./schema.ts";

type Fields = Record<string | symbol, unknown>;
const TWO32 = 4294967296;
const writer = new Writer();

const WIRE_OF: Record<Scalar | "message", number> = {
  double: WIRE.I64,
  float: WIRE.I32,
  int32: WIRE.VARINT,
  int64: WIRE.VARINT,
  uint32: WIRE.VARINT,
  uint64: WIRE.VARINT,
  sint32: WIRE.VARINT,
  sint64: WIRE.VARINT,
  fixed32: WIRE.I32,
  fixed64: WIRE.I64,
  sfixed32: WIRE.I32,
  sfixed64: WIRE.I64,
  bool: WIRE.VARINT,
  string: WIRE.LEN,
  bytes: WIRE.LEN,
  enum: WIRE.VARINT,
  message: WIRE.LEN,
};

function typeOf(field: Field): MessageType<unknown> {
  const { message } = field;
  return typeof message === "function" ? message() : message!;
}

/** The bytes of a message. Fields left out are not written. InvalidArgument for a value of the wrong type or range. */
export function encode<T>(type: MessageType<T>, value: Init<T>): Uint8Array<ArrayBuffer> {
  const start = writer.at;
  try {
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
  encodeFields(typeOf(field), v as Fields);
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

/** A message with every field: the given ones and defaults. Nested messages are filled as well. */
export function create<T>(type: MessageType<T>, init: Init<T>): T {
  return decode(type, encode(type, init));
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
  entry ??= blank(typeOf(field));
  const name = String(key);
  // "__proto__" is a key like any other
  if (name !== "__proto__") map[name] = entry;
  else Object.defineProperty(map, name, { value: entry, enumerable: true, configurable: true, writable: true });
}

/** A message that comes twice is merged into what came before. */
function decodeValue(reader: Reader, field: Field, before: unknown, end: number): unknown {
  if (field.type !== "message") return decodeScalar(reader, field.type, field.big, end);
  const type = typeOf(field);
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
