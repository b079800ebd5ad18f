/**
 * Any in the store: the name of its type as text, and its value. Fields of Any that nobody knows are kept as containerd keeps them: in base64 on a last line
 * of that text, which is there for names that have several lines, too, so that it is known by the first line break.
 */

import { unknownFields } from "../../../common/protobuf/schema.ts";
import type { Any } from "../api/types.ts";

type Known = Any & { [unknownFields]?: Uint8Array };

/** The columns of a type and a value; null where there is none. */
export function anyColumns(any: Any | undefined): [type: string | null, value: Uint8Array | null] {
  return any ? [typeText(any), any.value] : [null, null];
}

export function typeText(any: Any): string {
  const { typeUrl, [unknownFields]: unknown } = any as Known;
  if (!unknown && !typeUrl.includes("\n")) return typeUrl;
  return `${typeUrl}\n${unknown ? Buffer.from(unknown).toString("base64") : ""}`;
}

/** Undefined for null. */
export function readAny(type: unknown, value: unknown): Any | undefined {
  if (type === null) return undefined;
  const text = type as string;
  const at = text.lastIndexOf("\n");
  if (at < 0) return { typeUrl: text, value: value as Uint8Array };
  const any: Known = { typeUrl: text.slice(0, at), value: value as Uint8Array };
  const unknown = Buffer.from(text.slice(at + 1), "base64");
  if (unknown.length > 0) any[unknownFields] = unknown;
  return any;
}
