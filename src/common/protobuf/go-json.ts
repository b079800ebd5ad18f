// Messages as Go's encoding/json has them, which is not protobuf's own JSON: fields by their names in the .proto file, enums and all integers
// as numbers, what is empty left out. For messages without bytes, oneofs and integers beyond 2^53.
import { WharfError } from "../errors.ts";
import { create } from "./codec.ts";
import { type Field, type Init, type MessageType, messageOf } from "./schema.ts";

type Fields = Record<string, unknown>;

function goName({ name }: Field): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function toGoJson<T>(type: MessageType<T>, message: T): Fields {
  const json: Fields = {};
  for (const field of type.fields) {
    const value = (message as Fields)[field.name];
    if (!isEmpty(field, value)) json[goName(field)] = written(field, value);
  }
  return json;
}

function isEmpty({ presence }: Field, value: unknown): boolean {
  if (value === undefined || value === "" || value === 0 || value === false) return true;
  // A message that is there is written, whatever it holds.
  return (presence === "repeated" || presence === "map") && Object.keys(value as object).length === 0;
}

function written(field: Field, value: unknown): unknown {
  if (field.presence === "repeated") return (value as unknown[]).map((one) => writtenOne(field, one));
  if (field.presence !== "map") return writtenOne(field, value);
  return Object.fromEntries(Object.entries(value as Fields).map(([key, one]) => [key, writtenOne(field, one)]));
}

function writtenOne(field: Field, value: unknown): unknown {
  return field.type === "message" ? toGoJson(messageOf(field), value) : value;
}

/** Names that the type does not have are passed over, as Go does. InvalidArgument names the field whose value is of another kind. */
export function fromGoJson<T>(type: MessageType<T>, json: unknown): T {
  return create(type, read(type, json, type.typeName) as Init<T>);
}

function read(type: MessageType<unknown>, json: unknown, path: string): Fields {
  const message: Fields = {};
  const given = objectOf(json, path);
  for (const field of type.fields) {
    const name = goName(field);
    const value = given[name];
    if (value !== undefined && value !== null) message[field.name] = readField(field, value, `${path}.${name}`);
  }
  return message;
}

function readField(field: Field, value: unknown, path: string): unknown {
  const one = (v: unknown, at: string) =>
    field.type === "message" ? read(messageOf(field), v, at) : scalar(field, v, at);
  if (field.presence === "map") {
    return Object.fromEntries(Object.entries(objectOf(value, path)).map(([key, v]) => [key, one(v, `${path}.${key}`)]));
  }
  if (field.presence !== "repeated") return one(value, path);
  if (!Array.isArray(value)) throw wrong(path, "a list");
  return value.map((v, at) => one(v, `${path}[${at}]`));
}

function scalar({ type }: Field, value: unknown, path: string): unknown {
  const kind = type === "string" ? "string" : type === "bool" ? "boolean" : "number";
  if (typeof value !== kind) throw wrong(path, `a ${kind}`);
  return value;
}

function objectOf(value: unknown, path: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw wrong(path, "an object");
}

function wrong(path: string, what: string): WharfError {
  return new WharfError("InvalidArgument", `${path} must be ${what}`, { subject: path });
}
