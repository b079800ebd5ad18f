// Values as text, as GVariant writes them: true, 5, uint64 5, 'text', ["a", "b"], [byte 0x01], {'key': <1>}, @as []. What annotations
// org.systemd.property.* hold. Source: GLib, "GVariant Text Format".
import { WharfError } from "../../common/errors.ts";
import { typeEnd, type Value, type Variant } from "./wire.ts";

const KEYWORDS: Readonly<Record<string, string>> = {
  boolean: "b",
  byte: "y",
  int16: "n",
  uint16: "q",
  int32: "i",
  uint32: "u",
  int64: "x",
  uint64: "t",
  double: "d",
  string: "s",
  objectpath: "o",
  signature: "g",
};

const RANGE: Readonly<Record<string, readonly [bigint, bigint]>> = {
  y: [0n, 255n],
  n: [-32768n, 32767n],
  q: [0n, 65535n],
  i: [-2147483648n, 2147483647n],
  u: [0n, 4294967295n],
  x: [-9223372036854775808n, 9223372036854775807n],
  t: [0n, 18446744073709551615n],
};

const ESCAPES: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

class Parser {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  fail(what: string): WharfError {
    return new WharfError("InvalidArgument", `${JSON.stringify(this.text)} is no D-Bus value: ${what}`, {
      hint: "as GVariant's text format writes them: true, uint64 5, 'text', ['a', 'b']",
    });
  }

  /** Passes `pattern` by, if it stands here. */
  take(pattern: RegExp): string | undefined {
    this.at += /^\s*/.exec(this.text.slice(this.at))![0].length;
    const found = pattern.exec(this.text.slice(this.at))?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  need(pattern: RegExp, what: string): void {
    if (this.take(pattern) === undefined) throw this.fail(`expected ${what} at position ${this.at}`);
  }

  /** `wanted`: the type that was named before, or of the array's other elements. */
  value(wanted?: string): Variant {
    const named = this.take(/^@[^\s]+/)?.slice(1);
    if (named !== undefined) {
      if (typeEnd(named, 0) !== named.length) throw this.fail(`bad type @${named}`);
      return this.value(named);
    }
    const word = this.take(/^[a-z][a-z0-9]*(?=\s|$|[,\]})>:])/);
    if (word === "true" || word === "false") return this.typed("b", wanted, word === "true");
    if (word !== undefined) {
      const type = KEYWORDS[word];
      if (!type) throw this.fail(`unknown word ${word}`);
      return this.value(type);
    }
    if (this.take(/^\[/)) return this.array(wanted);
    if (this.take(/^\{/)) return this.dictionary(wanted);
    if (this.take(/^\(/)) return this.tuple(wanted);
    if (this.take(/^</)) {
      const inner = this.value();
      this.need(/^>/, ">");
      return this.typed("v", wanted, inner);
    }
    const quoted = this.take(/^(?:"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*')/);
    if (quoted !== undefined) return this.string(quoted, wanted);
    return this.number(wanted);
  }

  typed(type: string, wanted: string | undefined, value: Value): Variant {
    if (wanted !== undefined && wanted !== type) throw this.fail(`a value of type ${type} where ${wanted} is wanted`);
    return { signature: type, value };
  }

  string(quoted: string, wanted: string | undefined): Variant {
    const text = quoted.slice(1, -1).replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[\s\S])/g, (_, code: string) => {
      if (code.length > 1) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
      return ESCAPES[code] ?? code;
    });
    return this.typed(wanted && "sog".includes(wanted) ? wanted : "s", wanted, text);
  }

  number(wanted: string | undefined): Variant {
    const text = this.take(/^[-+]?(?:0[xX][0-9a-fA-F]+|\d[\d.]*(?:[eE][-+]?\d+)?|\.\d+)/);
    if (text === undefined) throw this.fail(`expected a value at position ${this.at}`);
    const whole = /^([-+]?)(0[xX][0-9a-fA-F]+|\d+)$/.exec(text);
    const type = wanted ?? (whole ? "i" : "d");
    if (type === "d") return { signature: "d", value: Number(text) };
    const range = RANGE[type];
    if (!whole || !range) throw this.fail(`a number where ${type} is wanted`);
    const size = BigInt(/^0\d/.test(whole[2]!) ? `0o${whole[2]!.slice(1)}` : whole[2]!);
    const number = whole[1] === "-" ? -size : size;
    if (number < range[0] || number > range[1]) throw this.fail(`${text} is out of range for type ${type}`);
    return { signature: type, value: type === "x" || type === "t" ? number : Number(number) };
  }

  array(wanted: string | undefined): Variant {
    if (wanted !== undefined && wanted[0] !== "a") throw this.fail(`an array where ${wanted} is wanted`);
    let element = wanted?.slice(1);
    const values: Value[] = [];
    while (this.take(/^\]/) === undefined) {
      if (values.length > 0) this.need(/^,/, ", or ]");
      const next = this.value(element);
      element = next.signature;
      values.push(element === "v" && next.signature !== "v" ? next : next.value);
    }
    if (element === undefined) throw this.fail("an empty array needs a type: @as []");
    return { signature: `a${element}`, value: values };
  }

  dictionary(wanted: string | undefined): Variant {
    if (wanted !== undefined && !wanted.startsWith("a{")) throw this.fail(`a dictionary where ${wanted} is wanted`);
    let [key, value] = wanted === undefined ? [] : [wanted[2], wanted.slice(3, -1)];
    const entries: Value[] = [];
    while (this.take(/^\}/) === undefined) {
      if (entries.length > 0) this.need(/^,/, ", or }");
      const name = this.value(key);
      this.need(/^:/, ":");
      const held = this.value(value);
      [key, value] = [name.signature, held.signature];
      entries.push([name.value, held.value]);
    }
    if (key === undefined) throw this.fail("an empty dictionary needs a type: @a{sv} {}");
    return { signature: `a{${key}${value}}`, value: entries };
  }

  tuple(wanted: string | undefined): Variant {
    const types: string[] = [];
    const values: Value[] = [];
    let at = 1;
    while (this.take(/^\)/) === undefined) {
      if (values.length > 0 && this.take(/^,\s*\)/) !== undefined) break;
      if (values.length > 0) this.need(/^,/, ", or )");
      const end = wanted === undefined ? at : typeEnd(wanted, at);
      const next = this.value(wanted?.slice(at, end));
      at = end;
      types.push(next.signature);
      values.push(next.value);
    }
    return this.typed(`(${types.join("")})`, wanted, values);
  }
}

/** Parses one value. InvalidArgument says what is wrong where. */
export function parseValue(text: string): Variant {
  const parser = new Parser(text);
  const value = parser.value();
  if (parser.take(/^[\s\S]/) !== undefined) throw parser.fail(`something follows at position ${parser.at - 1}`);
  return value;
}
