/**
 * Reads TOML 1.0 (https://toml.io/en/v1.0.0): all of it but dates, which no configuration of ours has.
 * Tables come as objects without prototype, so no key is special.
 */

import { WharfError } from "./errors.ts";

export type TomlValue = string | number | boolean | TomlValue[] | TomlTable;
export interface TomlTable {
  [key: string]: TomlValue;
}

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", '"': '"', "\\": "\\" };
const INTEGER = /^[+-]?(0|[1-9](_?\d)*)$/;
const RADIX = /^0(x[0-9a-fA-F](_?[0-9a-fA-F])*|o[0-7](_?[0-7])*|b[01](_?[01])*)$/;
const FLOAT = /^[+-]?(0|[1-9](_?\d)*)(\.\d(_?\d)*)?([eE][+-]?\d(_?\d)*)?$/;

/** Throws InvalidArgument with the line. */
export function parseToml(text: string): TomlTable {
  return new Parser(text.replaceAll("\r\n", "\n")).document();
}

class Parser {
  readonly #text: string;
  #at = 0;
  /** Tables that were defined by a header or value: they cannot be defined again. */
  readonly #closed = new WeakSet<object>();

  constructor(text: string) {
    this.#text = text;
  }

  document(): TomlTable {
    const root = table();
    let current = root;
    for (;;) {
      this.#blank(true);
      if (this.#at >= this.#text.length) return root;
      if (this.#take("[[")) {
        const keys = this.#keys();
        this.#expect("]]");
        current = this.#appendTable(root, keys);
      } else if (this.#take("[")) {
        const keys = this.#keys();
        this.#expect("]");
        current = this.#descend(root, keys);
        if (this.#closed.has(current)) throw this.#fail(`the table ${keys.join(".")} is defined twice`);
        this.#closed.add(current);
      } else this.#pair(current);
      this.#lineEnd();
    }
  }

  #pair(into: TomlTable): void {
    const keys = this.#keys();
    this.#expect("=");
    this.#blank(false);
    const last = keys.pop()!;
    const target = this.#descend(into, keys);
    if (Object.hasOwn(target, last)) throw this.#fail(`${last} is set twice`);
    target[last] = this.#value();
  }

  #descend(from: TomlTable, keys: readonly string[]): TomlTable {
    let at = from;
    for (const key of keys) {
      const next = Object.hasOwn(at, key) ? at[key] : (at[key] = table());
      const inner = Array.isArray(next) ? next.at(-1) : next;
      if (typeof inner !== "object" || Array.isArray(inner)) throw this.#fail(`${key} is no table`);
      at = inner;
    }
    return at;
  }

  #appendTable(root: TomlTable, keys: string[]): TomlTable {
    const last = keys.pop()!;
    const parent = this.#descend(root, keys);
    const list = Object.hasOwn(parent, last) ? parent[last] : (parent[last] = []);
    if (!Array.isArray(list) || this.#closed.has(list)) throw this.#fail(`${last} is no list of tables`);
    const added = table();
    list.push(added);
    return added;
  }

  #keys(): string[] {
    const keys: string[] = [];
    do {
      this.#blank(false);
      const char = this.#text[this.#at];
      if (char === '"' || char === "'") keys.push(this.#string());
      else {
        const bare = this.#match(/[A-Za-z0-9_-]+/y);
        if (bare === undefined) throw this.#fail("a key is missing");
        keys.push(bare);
      }
      this.#blank(false);
    } while (this.#take("."));
    return keys;
  }

  #value(): TomlValue {
    const char = this.#text[this.#at];
    if (char === '"' || char === "'") return this.#string();
    if (char === "[") return this.#array();
    if (char === "{") return this.#inlineTable();
    const word = this.#match(/[^\s,\]}#=]+/y) ?? "";
    if (word === "true" || word === "false") return word === "true";
    const digits = word.replaceAll("_", "");
    if (INTEGER.test(word) || FLOAT.test(word) || RADIX.test(word)) return Number(digits);
    if (/^[+-]?(inf|nan)$/.test(word))
      return word.endsWith("nan") ? Number.NaN : word.startsWith("-") ? -Infinity : Infinity;
    throw this.#fail(word === "" ? "a value is missing" : `${JSON.stringify(word)} is no value; text stands in quotes`);
  }

  #array(): TomlValue[] {
    this.#at++;
    const list: TomlValue[] = [];
    for (;;) {
      this.#blank(true);
      if (this.#take("]")) break;
      list.push(this.#value());
      this.#blank(true);
      if (this.#take("]")) break;
      if (!this.#take(",")) throw this.#fail("a comma or ] is missing in a list");
    }
    this.#closed.add(list);
    return list;
  }

  #inlineTable(): TomlTable {
    this.#at++;
    const result = table();
    this.#blank(false);
    if (!this.#take("}")) {
      do {
        this.#pair(result);
        this.#blank(false);
      } while (this.#take(","));
      this.#expect("}");
    }
    this.#closed.add(result);
    return result;
  }

  #string(): string {
    const quote = this.#text[this.#at]!;
    const long = this.#take(quote.repeat(3));
    if (!long) this.#at++;
    const end = long ? quote.repeat(3) : quote;
    if (long) this.#take("\n");
    let result = "";
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || (char === "\n" && !long)) throw this.#fail("a closing quote is missing");
      if (this.#take(end)) {
        // Up to two quotes may stand before the closing three.
        while (long && this.#text[this.#at] === quote) {
          result += quote;
          this.#at++;
        }
        return result;
      }
      this.#at++;
      result += char === "\\" && quote === '"' ? this.#escape(long) : char;
    }
  }

  #escape(long: boolean): string {
    if (long && this.#match(/[ \t]*\n\s*/y) !== undefined) return "";
    const char = this.#text[this.#at++] ?? "";
    if (char === "u" || char === "U") {
      const hex = this.#match(char === "u" ? /[0-9a-fA-F]{4}/y : /[0-9a-fA-F]{8}/y);
      const code = hex === undefined ? -1 : Number.parseInt(hex, 16);
      if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        throw this.#fail("a \\u escape is no character");
      return String.fromCodePoint(code);
    }
    const meant = Object.hasOwn(ESCAPES, char) ? ESCAPES[char] : undefined;
    if (meant === undefined) throw this.#fail(`\\${char} is no escape; use '…' for text as it is`);
    return meant;
  }

  /** Skips blanks and comments, with `lines` also line ends. */
  #blank(lines: boolean): void {
    this.#match(lines ? /(?:[ \t\n]|#[^\n]*)*/y : /[ \t]*/y);
  }

  #lineEnd(): void {
    this.#match(/[ \t]*(?:#[^\n]*)?/y);
    if (this.#at < this.#text.length && !this.#take("\n")) throw this.#fail("something follows the value on its line");
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #expect(text: string): void {
    this.#blank(false);
    if (!this.#take(text)) throw this.#fail(`${text} is missing`);
  }

  #fail(why: string): WharfError {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    return new WharfError("InvalidArgument", `line ${line}: ${why}`, { operation: "read TOML" });
  }
}

function table(): TomlTable {
  return Object.create(null) as TomlTable;
}

/** The line on which a setting stands, from 1: its own, or that of the table it is in, or the first. */
export function lineOf(text: string, path: readonly string[]): number {
  let table = "";
  let found = { depth: -1, line: 1 };
  for (const [at, line] of text.split("\n").entries()) {
    const header = /^\s*\[+\s*([^\]]+?)\s*\]+/.exec(line)?.[1];
    const key = /^\s*([^=#]+?)\s*=/.exec(line)?.[1];
    if (header !== undefined) table = `${header}.`;
    const name = header ?? (key === undefined ? undefined : table + key);
    if (name === undefined) continue;
    const plain = name.replaceAll(/["']/g, "");
    // The longest beginning of the path that a line names.
    for (let depth = path.length; depth > found.depth; depth--) {
      if (plain === path.slice(0, depth).join(".")) found = { depth, line: at + 1 };
    }
  }
  return found.line;
}
