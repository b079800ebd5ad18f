// Go's values as a template sees them, on JavaScript's: what is true, what is nil, how a value is printed.
import { encodeUtf8 } from "../utf8.ts";

/** A nil of a known kind, which prints and counts as Go's does: [] and map[] are empty, a pointer is <nil>. */
export class Nil {
  readonly kind: "slice" | "map" | "pointer";
  constructor(kind: "slice" | "map" | "pointer") {
    this.kind = kind;
  }
  toJSON(): null {
    return null;
  }
}

/** A value with a closed set of fields; functions are methods: without parameters they read like fields. */
export class Struct {
  readonly name: string;
  readonly fields: Readonly<Record<string, unknown>>;

  /** `name` stands in errors, as Go's type: "*formatter.ContainerContext". */
  constructor(name: string, fields: Readonly<Record<string, unknown>>) {
    this.name = name;
    this.fields = fields;
  }

  /** As docker's formatters are written: the fields and parameterless methods by name. */
  toJSON(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (const name of Object.keys(this.fields).sort()) {
      const value = this.fields[name];
      if (typeof value !== "function") object[name] = value;
      else if (value.length === 0) object[name] = (value as () => unknown)();
    }
    return object;
  }
}

export type GoMap = Record<string, unknown>;

export function isMap(value: unknown): value is GoMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Struct) &&
    !(value instanceof Nil)
  );
}

/** Go's notion of truth: not the zero value, not empty. */
export function truth(value: unknown): boolean {
  if (value === undefined || value === null || value instanceof Nil) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  if (value instanceof Struct) return true;
  return Boolean(value);
}

/** A number as %v prints it. */
function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return value.toFixed(0);
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return exponent(String(value));
}

/** JavaScript's exponent in Go's form: two digits at least. */
export function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

/** A value as %v prints it, inside other values. */
export function format(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "boolean") return String(value);
  if (value === undefined || value === null) return "<nil>";
  if (value instanceof Nil) return value.kind === "slice" ? "[]" : value.kind === "map" ? "map[]" : "<nil>";
  if (Array.isArray(value)) return `[${value.map(format).join(" ")}]`;
  if (value instanceof Struct) return `{${Object.values(value.toJSON()).map(format).join(" ")}}`;
  if (isMap(value)) {
    const keys = Object.keys(value).sort();
    return `map[${keys.map((key) => `${key}:${format(value[key])}`).join(" ")}]`;
  }
  return String(value);
}

/** What an action prints. */
export function printed(value: unknown): string {
  return value === undefined || value === null ? "<no value>" : format(value);
}

const NEEDS_NO_ESCAPE = /^[ !#-[\]-~]*$/;

/** A string in Go's quotes (strconv.Quote). */
export function quote(text: string): string {
  if (NEEDS_NO_ESCAPE.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const c of text) {
    const code = c.codePointAt(0)!;
    if (c === '"' || c === "\\") quoted += `\\${c}`;
    else if (c === "\n") quoted += "\\n";
    else if (c === "\t") quoted += "\\t";
    else if (c === "\r") quoted += "\\r";
    else if (c === "\x07") quoted += "\\a";
    else if (c === "\b") quoted += "\\b";
    else if (c === "\f") quoted += "\\f";
    else if (c === "\v") quoted += "\\v";
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code < 0x7f || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(c)) quoted += c;
    else if (code > 0xffff) quoted += `\\U${code.toString(16).padStart(8, "0")}`;
    else quoted += `\\u${code.toString(16).padStart(4, "0")}`;
  }
  return `${quoted}"`;
}

/** Bytes of a string, elements of anything else; undefined for what has no length. */
export function length(value: unknown): number | undefined {
  if (typeof value === "string") return encodeUtf8(value).length;
  if (Array.isArray(value)) return value.length;
  if (value instanceof Nil) return value.kind === "pointer" ? undefined : 0;
  return isMap(value) ? Object.keys(value).length : undefined;
}

/** A value's kind in error messages. */
export function typeName(value: unknown): string {
  if (typeof value === "string") return "string";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  if (typeof value === "boolean") return "bool";
  if (Array.isArray(value)) return "[]interface {}";
  if (value instanceof Struct) return value.name;
  return value === undefined || value === null ? "nil" : "map[string]interface {}";
}

const JSON_ESCAPES: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** Go's encoding/json, compact; HTML is escaped only in what marshals itself, as docker's rows do. */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value === undefined ? null : value) ?? "null";
  const escaped = value instanceof Struct ? /[<>&\u2028\u2029]/g : /[\u2028\u2029]/g;
  return text.replace(escaped, (c) => JSON_ESCAPES[c]!);
}
