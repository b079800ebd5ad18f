// D-Bus messages: header and body (D-Bus specification, "Message Protocol").
import { WharfError } from "../../common/errors.ts";
import { Reader, type Value, type Variant, Writer } from "./wire.ts";

export const CALL = 1;
export const REPLY = 2;
export const ERROR = 3;
export const SIGNAL = 4;

const FIELDS = {
  path: [1, "o"],
  interface: [2, "s"],
  member: [3, "s"],
  errorName: [4, "s"],
  replySerial: [5, "u"],
  destination: [6, "s"],
  sender: [7, "s"],
  signature: [8, "g"],
} as const;

export interface Message {
  type: number;
  serial: number;
  path?: string;
  interface?: string;
  member?: string;
  errorName?: string;
  replySerial?: number;
  destination?: string;
  sender?: string;
  signature?: string;
  body: readonly Value[];
}

const VERSION = 1;
const LITTLE = 108;
/** Byte order, type, flags, version, body length, serial. */
export const FIXED = 16;
const MAX_LENGTH = 1 << 27;

export function encodeMessage(message: Message): Uint8Array {
  const body = new Writer();
  if (message.signature) body.putAll(message.signature, message.body);
  const header = new Writer();
  header.raw(new Uint8Array([LITTLE, message.type, 0, VERSION]));
  header.put("u", body.length);
  header.put("u", message.serial);
  const fields: Value[] = [];
  for (const [name, [code, signature]] of Object.entries(FIELDS)) {
    const value = message[name as keyof typeof FIELDS];
    if (value !== undefined) fields.push([code, { signature, value }]);
  }
  header.put("a(yv)", fields);
  header.pad(8);
  header.raw(body.bytes);
  return header.bytes;
}

/** The whole length of the message whose first 16 bytes are given. */
export function messageLength(start: Uint8Array): number {
  const little = start[0] === LITTLE;
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  const fields = view.getUint32(12, little);
  const body = view.getUint32(4, little);
  const length = FIXED + Math.ceil(fields / 8) * 8 + body;
  if ((!little && start[0] !== 66) || start[3] !== VERSION || length > MAX_LENGTH) {
    throw new WharfError("DataLoss", "what came is no D-Bus message");
  }
  return length;
}

export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new Reader(bytes, bytes[0] === LITTLE, 8);
  const message: Message = { type: bytes[1]!, serial: reader.get("u") as number, body: [] };
  const known = new Map(Object.entries(FIELDS).map(([name, [code]]) => [code as number, name]));
  for (const [code, variant] of reader.get("a(yv)") as [number, Variant][]) {
    const name = known.get(code);
    if (name) Object.assign(message, { [name]: variant.value });
  }
  reader.pad(8);
  if (message.signature) message.body = reader.getAll(message.signature);
  return message;
}
