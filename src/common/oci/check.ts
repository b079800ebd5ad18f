/** Checks JSON from outside against a shape and names the first field that does not fit. */

import { WharfError } from "../errors.ts";

/** What a value must look like. `check` answers why a value of the right type is wrong all the same. */
export type Shape =
  | { kind: "string"; check?: (value: string) => string | undefined }
  | { kind: "number"; check?: (value: number) => string | undefined }
  | { kind: "boolean" }
  /** Any object, whatever its fields. */
  | { kind: "object"; fields?: Readonly<Record<string, Shape>> }
  | { kind: "array"; of: Shape; max?: number }
  /** An object used as a map. */
  | { kind: "map"; of: Shape }
  /** Absent and null are fine: Go writes null for what is empty. */
  | { kind: "optional"; of: Shape };

export function shape(fields: Readonly<Record<string, Shape>>): Shape {
  return { kind: "object", fields };
}

export function optional(of: Shape): Shape {
  return { kind: "optional", of };
}

export function arrayOf(of: Shape): Shape {
  return { kind: "array", of };
}

/**
 * Throws InvalidArgument when `value` does not fit: "manifest.layers[2].size is no size in bytes: -1". `path` is what
 * the value is called in that message, `subject` what it belongs to.
 */
export function field(wanted: Shape, value: unknown, path: string, subject: string): void {
  const fault = (why: string): WharfError =>
    new WharfError("InvalidArgument", value === undefined ? `${path} ${why}` : `${path} ${why}: ${show(value)}`, {
      operation: "read image",
      subject,
    });
  switch (wanted.kind) {
    case "optional":
      if (value !== undefined && value !== null) field(wanted.of, value, path, subject);
      return;
    case "string":
    case "number": {
      if (value === undefined) throw fault("is missing");
      if (typeof value !== wanted.kind) throw fault(`must be a ${wanted.kind}`);
      const why = (wanted.check as ((value: unknown) => string | undefined) | undefined)?.(value);
      if (why !== undefined) throw fault(why);
      return;
    }
    case "boolean":
      if (typeof value !== "boolean") throw fault("must be true or false");
      return;
    case "array":
      if (value === undefined) throw fault("is missing");
      if (!Array.isArray(value)) throw fault("must be a list");
      if (wanted.max !== undefined && value.length > wanted.max) {
        throw fault(`has ${value.length} entries, ${wanted.max} are allowed`);
      }
      value.forEach((entry, at) => {
        field(wanted.of, entry, `${path}[${at}]`, subject);
      });
      return;
    case "map":
    case "object": {
      if (value === undefined) throw fault("is missing");
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw fault("must be an object");
      const object = value as Record<string, unknown>;
      if (wanted.kind === "map") {
        for (const key of Object.keys(object))
          field(wanted.of, object[key], `${path}[${JSON.stringify(key)}]`, subject);
      } else if (wanted.fields) {
        for (const key of Object.keys(wanted.fields)) {
          field(wanted.fields[key]!, Object.hasOwn(object, key) ? object[key] : undefined, `${path}.${key}`, subject);
        }
      }
      return;
    }
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
