/**
 * containerd's filters: `name==foo,labels."a.b"~=^x` (pkg/filters). A filter is a comma-separated list of selectors that must
 * all match; of several filters any may.
 *
 *     selectors := selector ("," selector)*
 *     selector  := fieldpath [operator value]
 *     fieldpath := field ("." field)*
 *     field     := quoted | [A-Za-z0-9_]+
 *     operator  := "==" | "!=" | "~="
 *     value     := quoted | [^\s,]+
 *     quoted    := Go string syntax; a value of ~= may also stand in /…/ or |…|
 */

import { WharfError } from "./errors.ts";
import { goRegExp } from "./go-regexp.ts";

/** Answers a field's value, or undefined where the object has none. */
export type FieldAdaptor = (path: readonly string[]) => string | undefined;

export type Filter = (adaptor: FieldAdaptor) => boolean;

/** True when any of `filters` matches; without any, always. InvalidArgument that shows where the text is wrong. */
export function parseFilters(filters: readonly string[] = []): Filter {
  if (filters.length === 0) return () => true;
  const parsed = filters.map(parseFilter);
  return (adaptor) => parsed.some((filter) => filter(adaptor));
}

/** One filter. The empty text matches everything. */
export function parseFilter(text: string): Filter {
  if (text === "") return () => true;
  const parser = new Parser(text);
  const selectors = parser.selectors();
  return (adaptor) => selectors.every((selector) => selector(adaptor));
}

/** A map's field: the rest of the path, joined again by dots, is the key. */
export function mapField(path: readonly string[], map: Readonly<Record<string, string>>): string | undefined {
  const key = path.join(".");
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

const FIELD = /[A-Za-z0-9_]+/y;
const OPERATOR = /[=!~]+/y;
const VALUE = /[^\s,\p{Cc}]+/uy;
const SPACE = /\s*/y;

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  selectors(): Filter[] {
    const selectors = [this.#selector()];
    while (!this.#done()) {
      if (this.#text[this.#at] !== ",") throw this.#fault('expected "," or the end');
      this.#at++;
      selectors.push(this.#selector());
    }
    return selectors;
  }

  #selector(): Filter {
    const path = this.#fieldPath();
    this.#skipSpace();
    const operator = this.#match(OPERATOR);
    if (operator === undefined) return (adaptor) => adaptor(path) !== undefined;
    switch (operator) {
      case "==": {
        const value = this.#value(false);
        return (adaptor) => adaptor(path) === value;
      }
      case "!=": {
        const value = this.#value(false);
        return (adaptor) => adaptor(path) !== value;
      }
      case "~=": {
        const pattern = this.#pattern();
        return (adaptor) => {
          const value = adaptor(path);
          return value !== undefined && pattern.test(value);
        };
      }
      default:
        this.#at -= operator.length;
        throw this.#fault(`unsupported operator ${JSON.stringify(operator)}`);
    }
  }

  #fieldPath(): string[] {
    const path = [this.#field()];
    while (this.#text[this.#at] === ".") {
      this.#at++;
      path.push(this.#field());
    }
    return path;
  }

  #field(): string {
    this.#skipSpace();
    if (this.#text[this.#at] === '"') return this.#quoted();
    const field = this.#match(FIELD);
    if (field === undefined) throw this.#fault("expected a field");
    return field;
  }

  #value(alternatives: boolean): string {
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === '"' || (alternatives && (first === "/" || first === "|"))) return this.#quoted();
    if (first === "/" || first === "|") throw this.#fault("only a value of ~= may be quoted by / or |");
    const value = this.#match(VALUE);
    if (value === undefined) throw this.#fault("expected a value");
    return value;
  }

  #pattern(): RegExp {
    const start = this.#at;
    const source = this.#value(true);
    try {
      // Other than in Go, time is not bounded: filters come from trusted clients.
      return goRegExp(source);
    } catch (cause) {
      this.#at = start;
      throw this.#fault(`bad regular expression ${JSON.stringify(source)}`, cause);
    }
  }

  /** Go's escapes; the closing quote is the opening one. A backslash before the quote in /…/ and |…| is dropped, others stay. */
  #quoted(): string {
    const quote = this.#text[this.#at++]!;
    let out = "";
    for (;;) {
      const c = this.#text[this.#at++];
      if (c === undefined || c === "\n") throw this.#fault("quoted text is not ended");
      if (c === quote) return out;
      out += c === "\\" ? this.#escape(quote) : c;
    }
  }

  #escape(quote: string): string {
    const c = this.#text[this.#at++];
    if (c === quote) return quote;
    // In a regular expression between / or | the escapes are the expression's own.
    if (quote !== '"') return `\\${c ?? ""}`;
    const simple = c === undefined ? undefined : SIMPLE_ESCAPES[c];
    if (simple !== undefined) return simple;
    const [digits, radix] =
      c === "x" ? [2, 16] : c === "u" ? [4, 16] : c === "U" ? [8, 16] : /[0-7]/.test(c ?? "") ? [3, 8] : [0, 0];
    const start = radix === 8 ? this.#at - 1 : this.#at;
    const text = this.#text.slice(start, start + digits);
    const allowed = radix === 8 ? /^[0-7]+$/ : /^[0-9A-Fa-f]+$/;
    const code = Number.parseInt(text, radix || 10);
    if (digits === 0 || text.length !== digits || !allowed.test(text) || code > 0x10ffff) {
      throw this.#fault("illegal escape");
    }
    this.#at = start + digits;
    return String.fromCodePoint(code);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  #done(): boolean {
    this.#skipSpace();
    return this.#at >= this.#text.length;
  }

  #fault(message: string, cause?: unknown): WharfError {
    const around = `${this.#text.slice(0, this.#at)} >>>> ${this.#text.slice(this.#at)}`;
    return new WharfError("InvalidArgument", `bad filter: ${message}: [${around}]`, {
      operation: "parse filter",
      subject: this.#text,
      cause,
    });
  }
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};
