// The functions a template may call: Go's own and those docker adds. `and` and `or` are part of the execution.
import { decodeUtf8, encodeUtf8 } from "../utf8.ts";
import { sprint, sprintf, sprintln } from "./printf.ts";
import { format, isMap, length, Nil, toJson, truth, typeName } from "./values.ts";

export type TemplateFunction = (...args: unknown[]) => unknown;

/** What a function throws: the message Go gives. */
export class FunctionFault extends Error {
  /** Which argument is of the wrong type, where that is the fault. */
  readonly argument: number | undefined;
  constructor(message: string, argument?: number) {
    super(message);
    this.argument = argument;
  }
}

function fault(message: string): FunctionFault {
  return new FunctionFault(message);
}

function text(value: unknown, argument: number): string {
  if (typeof value === "string") return value;
  throw new FunctionFault(`wrong type for value; expected string; got ${typeName(value)}`, argument);
}

function integer(value: unknown, argument: number): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw new FunctionFault(`wrong type for value; expected int; got ${typeName(value)}`, argument);
}

/** An index into a list or string. */
function position(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw fault(
    value === undefined ? "cannot index slice/array with nil" : `cannot index slice/array with type ${typeName(value)}`,
  );
}

type Kind = "string" | "number" | "boolean" | "nil" | "other";

function kind(value: unknown): Kind {
  if (value === undefined || value === null || value instanceof Nil) return "nil";
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" ? type : "other";
}

function equal(a: unknown, b: unknown): boolean {
  const kinds = [kind(a), kind(b)];
  if (kinds.includes("nil")) return kinds[0] === kinds[1];
  if (kinds.includes("other")) throw fault(`non-comparable type ${format(a)}: ${typeName(a)}`);
  if (kinds[0] !== kinds[1]) throw incompatible(a, b);
  return a === b;
}

function less(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number") return a < b;
  if (typeof a === "string" && typeof b === "string") return a < b;
  if (kind(a) === kind(b)) throw fault("invalid type for comparison");
  throw incompatible(a, b);
}

function incompatible(a: unknown, b: unknown): FunctionFault {
  return fault(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
}

function index(value: unknown, ...keys: unknown[]): unknown {
  let at = value;
  for (const key of keys) {
    if (at === undefined || at === null) throw fault("index of untyped nil");
    if (at instanceof Nil && at.kind === "pointer") throw fault("index of nil pointer");
    if (at instanceof Nil && at.kind === "map") at = {};
    if (at instanceof Nil) at = [];
    if (Array.isArray(at) || typeof at === "string") {
      const i = position(key);
      const size = length(at)!;
      if (i < 0 || i >= size) throw fault(`index out of range: ${i}`);
      at = typeof at === "string" ? encodeUtf8(at)[i] : at[i];
    } else if (isMap(at)) {
      if (typeof key !== "string") throw fault(`value has type ${typeName(key)}; should be string`);
      // A map of strings has the empty string for what is not there.
      const strings = Object.values(at).every((entry) => typeof entry === "string");
      at = Object.hasOwn(at, key) ? at[key] : strings ? "" : undefined;
    } else throw fault(`can't index item of type ${typeName(at)}`);
  }
  return at;
}

function slice(value: unknown, ...bounds: unknown[]): unknown {
  const size = length(value);
  if (size === undefined || isMap(value)) throw fault(`can't slice item of type ${typeName(value)}`);
  const [from = 0, to = size] = bounds.map((bound) => position(bound));
  if (from < 0 || to > size || from > to) throw fault(`index out of range: ${Math.max(from, to)}`);
  if (typeof value === "string") return decodeUtf8(encodeUtf8(value).slice(from, to));
  return (value as unknown[]).slice(from, to);
}

const HTML: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
  "\0": "\uFFFD",
};

function js(value: string): string {
  return value.replace(/[\\'"<>&=\x00-\x1f]/g, (c) =>
    "\\'\"".includes(c) ? `\\${c}` : `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
}

/** Go's own functions. */
const BUILTIN: Readonly<Record<string, TemplateFunction>> = {
  not: (value) => !truth(value),
  len: (value) => {
    const size = length(value);
    if (size !== undefined) return size;
    throw fault(
      value === undefined || value === null || value instanceof Nil
        ? "len of nil pointer"
        : `len of type ${typeName(value)}`,
    );
  },
  index,
  slice,
  print: (...args) => sprint(args),
  println: (...args) => sprintln(args),
  printf: (form, ...args) => sprintf(text(form, 0), args),
  eq: (first, ...others) => {
    if (others.length === 0) throw fault("missing argument for comparison");
    return others.some((other) => equal(first, other));
  },
  ne: (a, b) => !equal(a, b),
  lt: less,
  le: (a, b) => less(a, b) || equal(a, b),
  gt: (a, b) => less(b, a),
  ge: (a, b) => !less(a, b),
  html: (...args) => sprint(args).replace(/[&<>"'\0]/g, (c) => HTML[c]!),
  js: (...args) => js(sprint(args)),
  urlquery: (...args) => encodeURIComponent(sprint(args)).replaceAll("%20", "+"),
  call: (target, ...args) => {
    if (typeof target !== "function") throw fault(`non-function of type ${typeName(target)}`);
    return (target as TemplateFunction)(...args);
  },
};

/** Those docker adds (docker/cli templates). */
const DOCKER: Readonly<Record<string, TemplateFunction>> = {
  json: (value) => toJson(value),
  split: (value, separator) => text(value, 0).split(text(separator, 1)),
  join: (list, separator) => {
    if (list instanceof Nil && list.kind === "slice") return "";
    if (!Array.isArray(list))
      throw new FunctionFault(`wrong type for value; expected []string; got ${typeName(list)}`, 0);
    return list.map((entry) => text(entry, 0)).join(text(separator, 1));
  },
  title: (value) =>
    text(value, 0).replace(
      /(^|[^\p{L}\p{Nd}_'])(\p{L})/gu,
      (_w, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  lower: (value) => text(value, 0).toLowerCase(),
  upper: (value) => text(value, 0).toUpperCase(),
  pad: (value, before, after) => {
    const source = text(value, 0);
    return source === "" ? "" : " ".repeat(integer(before, 1)) + source + " ".repeat(integer(after, 2));
  },
  truncate: (value, size) => {
    const bytes = encodeUtf8(text(value, 0));
    return decodeUtf8(bytes.slice(0, Math.min(bytes.length, integer(size, 1))));
  },
};

export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map([
  ...Object.entries(BUILTIN),
  ...Object.entries(DOCKER),
]);

const unchanged: TemplateFunction = (value) => value;

/** For a table's heading: the column's name must come out as it is. */
export const HEADER_FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map([
  ...FUNCTIONS,
  ...["json", "split", "join", "title", "lower", "upper", "truncate"].map((name) => [name, unchanged] as const),
]);
