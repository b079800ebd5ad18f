/**
 * Shapes of the Docker API declared as values, once: TypeScript types are inferred from them (`Infer`), requests are
 * checked by them (`parse`), and the OpenAPI document is made from them.
 *
 * Requests are read as Go's encoding/json reads them: null counts as absent, unknown fields are ignored, field names match
 * without regard to case when no exact one does.
 */

import { WharfError } from "../errors.ts";

interface Common {
  /** What the field is for. */
  readonly doc?: string | undefined;
}
export interface StringSchema extends Common {
  readonly kind: "string";
  readonly values?: readonly string[] | undefined;
}
export interface NumberSchema extends Common {
  /** An `integer` is checked to have no fraction. */
  readonly kind: "integer" | "number";
}
export interface BooleanSchema extends Common {
  readonly kind: "boolean";
}
/** Taken as it is. */
export interface AnySchema extends Common {
  readonly kind: "any";
}
export interface ArraySchema<T extends Schema = Schema> extends Common {
  readonly kind: "array";
  readonly of: T;
}
export interface MapSchema<T extends Schema = Schema> extends Common {
  readonly kind: "map";
  readonly of: T;
}
export interface ObjectSchema<F extends Fields = Fields> extends Common {
  readonly kind: "object";
  /** Name of the definition in the OpenAPI document; empty for an inline one. */
  readonly name: string;
  readonly fields: F;
}
/** May be left out. */
export interface OptionalSchema<T extends Schema = Schema> extends Common {
  readonly kind: "optional";
  readonly of: T;
}
/** Always there in answers, but may be null. */
export interface NullableSchema<T extends Schema = Schema> extends Common {
  readonly kind: "nullable";
  readonly of: T;
}
export type Schema =
  | StringSchema
  | NumberSchema
  | BooleanSchema
  | AnySchema
  | ArraySchema
  | MapSchema
  | ObjectSchema
  | OptionalSchema
  | NullableSchema;
export type Fields = Readonly<Record<string, Schema>>;

type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K] extends OptionalSchema ? K : never }[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };

/** The TypeScript type of a schema. */
export type Infer<S extends Schema> = S extends { kind: "string"; values: readonly (infer V)[] }
  ? V
  : S extends StringSchema
    ? string
    : S extends NumberSchema
      ? number
      : S extends BooleanSchema
        ? boolean
        : S extends AnySchema
          ? unknown
          : S extends ArraySchema<infer T>
            ? Infer<T>[]
            : S extends MapSchema<infer T>
              ? Record<string, Infer<T>>
              : S extends ObjectSchema<infer F>
                ? InferFields<F>
                : S extends OptionalSchema<infer T>
                  ? Infer<T> | undefined
                  : S extends NullableSchema<infer T>
                    ? Infer<T> | null
                    : never;

export type InferFields<F extends Fields> = Flat<
  { -readonly [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> } & {
    -readonly [K in OptionalKeys<F>]?: Infer<F[K]>;
  }
>;

export const string = (doc?: string): StringSchema => ({ kind: "string", doc });
export const integer = (doc?: string): NumberSchema => ({ kind: "integer", doc });
export const number = (doc?: string): NumberSchema => ({ kind: "number", doc });
export const boolean = (doc?: string): BooleanSchema => ({ kind: "boolean", doc });
export const any = (doc?: string): AnySchema => ({ kind: "any", doc });
export const array = <T extends Schema>(of: T, doc?: string): ArraySchema<T> => ({ kind: "array", of, doc });
export const map = <T extends Schema>(of: T, doc?: string): MapSchema<T> => ({ kind: "map", of, doc });
export const optional = <T extends Schema>(of: T): OptionalSchema<T> => ({ kind: "optional", of });
export const nullable = <T extends Schema>(of: T): NullableSchema<T> => ({ kind: "nullable", of });
export const object = <F extends Fields>(name: string, fields: F, doc?: string): ObjectSchema<F> => ({
  kind: "object",
  name,
  fields,
  doc,
});
export const oneOf = <V extends string>(...values: V[]): StringSchema & { values: readonly V[] } => ({
  kind: "string",
  values,
});

/** All fields optional: what a request may leave out of a shape that answers give whole. */
export type PartialSchema<F extends Fields> = ObjectSchema<{ [K in keyof F]: OptionalSchema<Bare<F[K]>> }>;
type Bare<S extends Schema> = S extends OptionalSchema<infer T> | NullableSchema<infer T> ? T : S;

export function partial<F extends Fields>(of: ObjectSchema<F>): PartialSchema<F> {
  const fields: Record<string, Schema> = {};
  for (const [name, field] of Object.entries(of.fields)) fields[name] = optional(bareSchema(field));
  return { kind: "object", name: of.name, fields, doc: of.doc } as unknown as PartialSchema<F>;
}

/** Without the marks that it may be left out or null. */
export function bareSchema(schema: Schema): Schema {
  return schema.kind === "optional" || schema.kind === "nullable" ? bareSchema(schema.of) : schema;
}

/**
 * Checks `value` and answers it reduced to the declared fields. Throws InvalidArgument which names the field:
 * `HostConfig.Memory must be a whole number, not "1g"`.
 */
export function parse<S extends Schema>(schema: S, value: unknown, path = "the request body"): Infer<S> {
  return read(schema, value, path, true) as Infer<S>;
}

/** As `parse`, where the schema is known only at run time. */
export function check(schema: Schema, value: unknown, path = "the request body"): unknown {
  return read(schema, value, path, true);
}

function read(schema: Schema, value: unknown, path: string, root: boolean): unknown {
  switch (schema.kind) {
    case "any":
      return value;
    case "optional":
      return value === null || value === undefined ? undefined : read(schema.of, value, path, root);
    case "nullable":
      return value === null || value === undefined ? null : read(schema.of, value, path, root);
    case "string":
      if (typeof value !== "string") throw wrong(path, "a string", value);
      if (schema.values && !schema.values.includes(value))
        throw wrong(path, `one of ${schema.values.join(", ")}`, value);
      return value;
    case "integer":
      if (!Number.isInteger(value)) throw wrong(path, "a whole number", value);
      return value;
    case "number":
      if (typeof value !== "number") throw wrong(path, "a number", value);
      return value;
    case "boolean":
      if (typeof value !== "boolean") throw wrong(path, "true or false", value);
      return value;
    case "array":
      if (!Array.isArray(value)) throw wrong(path, "a list", value);
      return value.map((entry, at) => read(schema.of, entry, `${path}[${at}]`, false));
    case "map": {
      const source = asObject(value, path);
      // No prototype: a key "__proto__" is a key like any other.
      const result: Record<string, unknown> = Object.create(null);
      for (const key of Object.keys(source)) result[key] = read(schema.of, source[key], join(path, key, root), false);
      return result;
    }
    case "object": {
      const source = asObject(value, path);
      const result: Record<string, unknown> = {};
      for (const [name, field] of Object.entries(schema.fields)) {
        const given = read(field, lookup(source, name), join(path, name, root), false);
        if (given !== undefined) result[name] = given;
      }
      return result;
    }
  }
}

function lookup(source: Record<string, unknown>, name: string): unknown {
  if (Object.hasOwn(source, name)) return source[name];
  const lower = name.toLowerCase();
  for (const key of Object.keys(source))
    if (key.length === name.length && key.toLowerCase() === lower) return source[key];
  return undefined;
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(path, "an object", value);
  return value as Record<string, unknown>;
}

function join(path: string, name: string, root: boolean): string {
  return root ? name : `${path}.${name}`;
}

function wrong(path: string, wanted: string, value: unknown): WharfError {
  const shown = value === undefined ? "missing" : (JSON.stringify(value) ?? String(value));
  const text = shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
  return new WharfError(
    "InvalidArgument",
    value === undefined ? `${path} is missing` : `${path} must be ${wanted}, not ${text}`,
    { operation: "read request", subject: path },
  );
}
