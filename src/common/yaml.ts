/**
 * YAML as configuration files use it, read into plain values: mappings, sequences, scalars of all styles, flow collections on one line, comments, one
 * document. Anchors, aliases, tags, complex keys and flow collections over several lines are refused with the line's number.
 */
import { WharfError } from "./errors.ts";

interface Line {
  number: number;
  indent: number;
  text: string;
}

/** InvalidArgument with the line for what cannot be read. */
export function parseYaml(text: string): unknown {
  return new Parser(text).document();
}

function fault(line: number, message: string): WharfError {
  return new WharfError("InvalidArgument", `line ${line}: ${message}`);
}

const KEY = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'[\]{},#&*!|>%@`-][^#]*?|-[^\s#][^#]*?)\s*:(?:\s+(.*))?$/;

class Parser {
  readonly #raw: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#raw = text
      .replace(/^\ufeff/, "")
      .replace(/\r?\n$/, "")
      .split(/\r?\n/);
  }

  document(): unknown {
    const first = this.#peek();
    if (!first) return null;
    const value = this.#block(first.indent);
    const rest = this.#peek();
    if (rest) throw fault(rest.number, `${JSON.stringify(rest.text)} is not expected here`);
    return value;
  }

  /** The next line that says something, without a comment behind it. */
  #peek(): Line | undefined {
    for (; this.#at < this.#raw.length; this.#at++) {
      const raw = this.#raw[this.#at]!;
      if (/^\s*(#|$)/.test(raw) || /^%/.test(raw)) continue;
      if (/^---(\s|$)/.test(raw)) {
        if (raw.trim() !== "---") throw fault(this.#at + 1, "a value behind --- is not supported");
        continue;
      }
      if (/^\.\.\.\s*$/.test(raw)) return undefined;
      const indent = raw.search(/[^ ]/);
      if (raw[indent] === "\t") throw fault(this.#at + 1, "tabs cannot indent");
      return { number: this.#at + 1, indent, text: raw.slice(indent).trimEnd() };
    }
    return undefined;
  }

  /** What begins at the next line, all of it at this indent or deeper. */
  #block(indent: number): unknown {
    const line = this.#peek()!;
    if (/^-(\s|$)/.test(line.text)) return this.#sequence(indent);
    if (KEY.test(line.text)) return this.#mapping(indent);
    this.#at++;
    return this.#value(line.text, line.number, indent);
  }

  #sequence(indent: number): unknown[] {
    const items: unknown[] = [];
    for (;;) {
      const line = this.#peek();
      if (!line || line.indent < indent || !/^-(\s|$)/.test(line.text)) return items;
      if (line.indent !== indent) throw fault(line.number, "the item is indented otherwise than the ones before it");
      const rest = line.text.slice(1).trimStart();
      const inner = indent + line.text.length - rest.length;
      if (rest === "" || rest.startsWith("#")) {
        this.#at++;
        items.push(this.#nested(indent, false));
      } else if (/^-(\s|$)/.test(rest) || KEY.test(rest)) {
        // a mapping or sequence that begins behind the dash
        (this.#raw as string[])[this.#at] = " ".repeat(inner) + rest;
        items.push(this.#block(inner));
      } else {
        this.#at++;
        items.push(this.#value(rest, line.number, indent));
      }
    }
  }

  #mapping(indent: number): Record<string, unknown> {
    const found: Record<string, unknown> = {};
    for (;;) {
      const line = this.#peek();
      if (!line || line.indent < indent) return found;
      const match = KEY.exec(line.text);
      if (line.indent !== indent || !match) {
        if (line.indent === indent && /^-(\s|$)/.test(line.text)) return found;
        throw fault(line.number, `${JSON.stringify(line.text)} is no key with a value`);
      }
      const key = String(/^["']/.test(match[1]!) ? scalar(match[1]!, line.number) : match[1]!);
      if (Object.hasOwn(found, key)) throw fault(line.number, `${JSON.stringify(key)} is there twice`);
      this.#at++;
      const rest = match[2] ?? "";
      const empty = rest === "" || rest.startsWith("#");
      const value = empty ? this.#nested(indent, true) : this.#value(rest, line.number, indent);
      Object.defineProperty(found, key, { value, enumerable: true, configurable: true, writable: true });
    }
  }

  /** What stands below a key or a dash; null when nothing does. A key's sequence may be as far left as the key. */
  #nested(indent: number, ofKey: boolean): unknown {
    const line = this.#peek();
    if (!line) return null;
    if (line.indent > indent) return this.#block(line.indent);
    return ofKey && line.indent === indent && /^-(\s|$)/.test(line.text) ? this.#sequence(indent) : null;
  }

  #value(text: string, number: number, indent: number): unknown {
    const block = /^([|>])([+-]?)\s*(#.*)?$/.exec(text);
    if (block) return this.#text(indent, block[1] === ">", block[2]!);
    if (/^[&*!|>@`%]/.test(text)) throw fault(number, `${JSON.stringify(text)} is not supported`);
    if (/^["'[{]/.test(text)) return new Flow(text, number).whole();
    let plain = text.replace(/\s+#.*$/, "");
    // plain text goes on in deeper lines
    for (let next = this.#peek(); next && next.indent > indent; next = this.#peek()) {
      if (KEY.test(next.text) || /^-(\s|$)/.test(next.text)) throw fault(next.number, "a value has something below it");
      plain += ` ${next.text.replace(/\s+#.*$/, "")}`;
      this.#at++;
    }
    return scalar(plain, number);
  }

  /** A text of several lines, kept or folded. */
  #text(indent: number, folded: boolean, chomp: string): string {
    const lines: string[] = [];
    let own: number | undefined;
    for (; this.#at < this.#raw.length; this.#at++) {
      const raw = this.#raw[this.#at]!;
      const depth = raw.search(/[^ ]/);
      if (depth < 0) {
        lines.push("");
        continue;
      }
      own ??= depth;
      if (depth < own || depth <= indent) break;
      lines.push(raw.slice(own));
    }
    let trailing = 0;
    while (lines.at(-1) === "") {
      lines.pop();
      trailing++;
    }
    const body = folded ? lines.join("\n").replace(/([^\n])\n(?=[^\n ])/g, "$1 ") : lines.join("\n");
    if (chomp === "-" || lines.length === 0) return body;
    return `${body}\n${chomp === "+" ? "\n".repeat(trailing) : ""}`;
  }
}

/** Quoted text and collections on one line. */
class Flow {
  readonly #text: string;
  readonly #line: number;
  #at = 0;

  constructor(text: string, line: number) {
    this.#text = text;
    this.#line = line;
  }

  whole(): unknown {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length && this.#text[this.#at] !== "#") throw this.#fault("has something behind it");
    return value;
  }

  #fault(what: string): WharfError {
    return fault(this.#line, `${JSON.stringify(this.#text)} ${what}`);
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #value(): unknown {
    if (this.#take("[")) {
      const items: unknown[] = [];
      while (!this.#take("]")) {
        items.push(this.#value());
        if (!this.#take(",") && this.#text[this.#at] !== "]") throw this.#fault("is not closed on its line");
      }
      return items;
    }
    if (this.#take("{")) {
      const found: Record<string, unknown> = {};
      while (!this.#take("}")) {
        const key = String(this.#value());
        const value = this.#take(":") ? this.#value() : null;
        Object.defineProperty(found, key, { value, enumerable: true, configurable: true, writable: true });
        if (!this.#take(",") && this.#text[this.#at] !== "}") throw this.#fault("is not closed on its line");
      }
      return found;
    }
    this.#space();
    const rest = this.#text.slice(this.#at);
    const match =
      /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/.exec(rest) ??
      /^[^"'[\]{},&*!|>%@`][^,[\]{}]*?(?=\s*([,\]}]|:(\s|$)|$))/.exec(rest);
    if (!match) throw this.#fault("is not closed on its line");
    this.#at += match[0].length;
    return scalar(match[0], this.#line);
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", "0": "\0", e: "\x1b", a: "\x07" },
  ...{ _: "\u00a0", N: "\u0085", L: "\u2028", P: "\u2029" },
};

function scalar(text: string, line: number): string | number | boolean | null {
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  if (text.startsWith('"')) {
    return text.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/g, (_, code: string) => {
      if (code.length > 1) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
      if (/[ "/\\]/.test(code)) return code;
      const found = ESCAPES[code];
      if (found === undefined) throw fault(line, `\\${code} is no escape`);
      return found;
    });
  }
  if (/^(~|null|Null|NULL|)$/.test(text)) return null;
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  // as YAML 1.1 has it, which most programs still read: a zero in front is octal
  const octal = /^[+-]?0o?([0-7]+)$/.exec(text);
  if (octal) return (text.startsWith("-") ? -1 : 1) * Number.parseInt(octal[1]!, 8);
  if (/^[+-]?(\d+|0x[0-9a-fA-F]+)$/.test(text)) return Number(text);
  if (/^[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?$/.test(text)) return Number(text);
  return text;
}
