// google.protobuf.Any: a message with the name of its type. containerd writes the bare name, others a URL that ends with it.
import { WharfError } from "../errors.ts";
import { decode, encode } from "./codec.ts";
import type { Init, MessageType } from "./schema.ts";

export interface AnyLike {
  typeUrl: string;
  value: Uint8Array;
}

/** The message's name without a URL before it. */
export function anyName(any: AnyLike): string {
  return any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1);
}

export function isAny(any: AnyLike, type: MessageType<unknown>): boolean {
  return anyName(any) === type.typeName;
}

export function packAny<T>(type: MessageType<T>, value: Init<T>): AnyLike {
  return { typeUrl: type.typeName, value: encode(type, value) };
}

/** InvalidArgument when it holds another type. */
export function unpackAny<T>(type: MessageType<T>, any: AnyLike): T {
  if (!isAny(any, type)) {
    throw new WharfError("InvalidArgument", `expected a ${type.typeName}, not a ${JSON.stringify(any.typeUrl)}`);
  }
  return decode(type, any.value);
}

/** Undefined when it holds another type, or bytes that are no such message: of what others have sent for others. */
export function unpackIf<T>(type: MessageType<T>, any: AnyLike): T | undefined {
  if (!isAny(any, type)) return undefined;
  try {
    return decode(type, any.value);
  } catch {
    return undefined;
  }
}
