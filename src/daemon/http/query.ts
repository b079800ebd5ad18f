/** Query parameters: declared beside their operation, read as Docker reads them. */

import { WharfError } from "../../common/errors.ts";

interface Parameter<K extends string> {
  readonly kind: K;
  readonly doc?: string | undefined;
}
/** Present and none of "", 0, no, false, none. */
export type BooleanParameter = Parameter<"boolean">;
/** Undefined when absent or empty. */
export type IntegerParameter = Parameter<"integer">;
/** Undefined when absent. */
export type StringParameter = Parameter<"string">;
/** Given any number of times. */
export type StringsParameter = Parameter<"strings">;
/** JSON: {"name": ["value", …]}, or the older {"name": {"value": true}}. */
export type FiltersParameter = Parameter<"filters">;

export type QueryFields = Readonly<
  Record<string, BooleanParameter | IntegerParameter | StringParameter | StringsParameter | FiltersParameter>
>;

/** Filter values by filter name. */
export type Filters = ReadonlyMap<string, readonly string[]>;

type Value<K> = K extends "boolean"
  ? boolean
  : K extends "integer"
    ? number | undefined
    : K extends "string"
      ? string | undefined
      : K extends "strings"
        ? string[]
        : Filters;
export type Query<F extends QueryFields> = { readonly [K in keyof F]: Value<F[K]["kind"]> };

export const flag = (doc?: string): BooleanParameter => ({ kind: "boolean", doc });
export const int = (doc?: string): IntegerParameter => ({ kind: "integer", doc });
export const text = (doc?: string): StringParameter => ({ kind: "string", doc });
export const texts = (doc?: string): StringsParameter => ({ kind: "strings", doc });
export const filters = (doc?: string): FiltersParameter => ({ kind: "filters", doc });

/** Reads what an operation declares; other parameters are ignored. InvalidArgument names the parameter. */
export function readQuery<F extends QueryFields>(fields: F, given: URLSearchParams): Query<F> {
  const result: Record<string, unknown> = {};
  for (const [name, { kind }] of Object.entries(fields)) {
    const value = given.get(name);
    if (kind === "boolean") result[name] = isTrue(value);
    else if (kind === "integer") result[name] = value === null || value === "" ? undefined : integer(name, value);
    else if (kind === "string") result[name] = value ?? undefined;
    else if (kind === "strings") result[name] = given.getAll(name);
    else result[name] = readFilters(value);
  }
  return result as Query<F>;
}

function isTrue(value: string | null): boolean {
  return value !== null && !["", "0", "no", "false", "none"].includes(value.trim().toLowerCase());
}

function integer(name: string, value: string): number {
  if (!/^[+-]?\d+$/.test(value)) throw bad(name, `must be a whole number, not ${JSON.stringify(value)}`);
  return Number(value);
}

function readFilters(value: string | null): Filters {
  const found = new Map<string, string[]>();
  if (value === null || value === "") return found;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (cause) {
    throw new WharfError("InvalidArgument", "the parameter filters is not JSON", { operation: "read request", cause });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw bad("filters", 'must be an object like {"label": ["a=b"]}');
  for (const [name, values] of Object.entries(parsed)) {
    if (Array.isArray(values) && values.every((one) => typeof one === "string")) found.set(name, values);
    else if (typeof values === "object" && values !== null && !Array.isArray(values))
      found.set(
        name,
        Object.keys(values).filter((key) => (values as Record<string, unknown>)[key] === true),
      );
    else throw bad("filters", `must give a list of texts for ${JSON.stringify(name)}`);
  }
  return found;
}

function bad(name: string, why: string): WharfError {
  return new WharfError("InvalidArgument", `the parameter ${name} ${why}`, {
    operation: "read request",
    subject: name,
  });
}
