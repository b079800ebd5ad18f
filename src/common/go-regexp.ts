/**
 * Go's regular expressions (package regexp/syntax, RE2) as JavaScript's: groups by name, flags in the midst, classes of POSIX and Unicode, literal
 * parts, `\A` and `\z`, and a dot, anchors and white space that mean what they mean there. What Go does not know, such as looking ahead, is refused.
 */

/** Tells what is wrong with one that Go would refuse. Matches anywhere, as Go does; time is not bounded as in Go. */
export function goRegExp(source: string): RegExp {
  return new RegExp(new Translator(source).all(), "v");
}

interface Flags {
  i: boolean;
  m: boolean;
  s: boolean;
  U: boolean;
}

const SPACE = "\\t\\n\\f\\r\\u{20}";
const CLASSES: Readonly<Record<string, string>> = {
  d: "[0-9]",
  D: "[^0-9]",
  w: "[0-9A-Za-z_]",
  W: "[^0-9A-Za-z_]",
  s: `[${SPACE}]`,
  S: `[^${SPACE}]`,
};
const POSIX: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\0-\\x7f",
  blank: "\\t\\u{20}",
  cntrl: "\\0-\\x1f\\x7f",
  digit: "0-9",
  graph: "\\x21-\\x7e",
  lower: "a-z",
  print: "\\x20-\\x7e",
  punct: "\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e",
  space: "\\t\\n\\v\\f\\r\\u{20}",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
const CONTROLS: Readonly<Record<string, string>> = { a: "\x07", f: "\f", t: "\t", n: "\n", r: "\r", v: "\v" };
const MAX_REPEAT = 1000;

class Translator {
  readonly #source: string;
  #at = 0;
  /** Between `\Q` and `\E`. */
  #quoted = false;

  constructor(source: string) {
    this.#source = source;
  }

  all(): string {
    const out = this.#alternatives({ i: false, m: false, s: false, U: false });
    if (this.#at < this.#source.length) throw new Error("unexpected )");
    return out;
  }

  /** Up to the end of a group. Flags set in it hold to its end. */
  #alternatives(outer: Flags): string {
    const flags = { ...outer };
    let out = "";
    for (;;) {
      if (this.#at >= this.#source.length || (!this.#quoted && this.#source[this.#at] === ")")) return out;
      if (!this.#quoted && this.#take("|")) {
        out += "|";
        continue;
      }
      const atom = this.#quoted ? cased(literal(this.#next()), flags) : this.#atom(flags);
      if (this.#quoted && this.#take("\\E")) this.#quoted = false;
      if (atom === undefined) continue;
      const repeat = this.#quoted ? "" : this.#repetition(flags);
      out += repeat === "" ? atom : `(?:${atom})${repeat}`;
      if (repeat !== "" && this.#repetition(flags) !== "") throw new Error("invalid nested repetition operator");
    }
  }

  /** Undefined for what only says how to read on. */
  #atom(flags: Flags): string | undefined {
    const character = this.#next();
    switch (character) {
      case "(":
        return this.#group(flags);
      case "[":
        return cased(this.#class(), flags);
      case ".":
        return flags.s ? "[\\s\\S]" : "[^\\n]";
      case "^":
        return flags.m ? "(?<![^\\n])" : "(?<![\\s\\S])";
      case "$":
        return flags.m ? "(?![^\\n])" : "(?![\\s\\S])";
      case "*":
      case "+":
      case "?":
      case "{":
        if (character === "{" && !/^\d+(?:,\d*)?\}/.test(this.#source.slice(this.#at))) return literal(character);
        throw new Error("missing argument to repetition operator");
      case "\\":
        break;
      default:
        return cased(literal(character), flags);
    }
    if (this.#take("A")) return "(?<![\\s\\S])";
    if (this.#take("z")) return "(?![\\s\\S])";
    if (this.#take("b")) return "\\b";
    if (this.#take("B")) return "\\B";
    if (this.#take("Q")) {
      this.#quoted = true;
      return undefined;
    }
    return cased(this.#escape(), flags);
  }

  #group(flags: Flags): string | undefined {
    let inner = flags;
    if (this.#take("?")) {
      const [head = "", name, set = "", unset = "", end] =
        /^(?:P?<(\w+)>|([imsU]*)(?:-([imsU]+))?([:)]))/.exec(this.#source.slice(this.#at)) ?? [];
      if (head === "") throw new Error("invalid or unsupported Perl syntax");
      this.#at += head.length;
      if (name === undefined) {
        inner = { ...flags };
        for (const flag of set) inner[flag as keyof Flags] = true;
        for (const flag of unset) inner[flag as keyof Flags] = false;
        if (end === ")") {
          Object.assign(flags, inner);
          return undefined;
        }
      }
    }
    const body = this.#alternatives(inner);
    if (!this.#take(")")) throw new Error("missing closing )");
    return `(?:${body})`;
  }

  /** What stands after `[`. */
  #class(): string {
    let out = this.#take("^") ? "[^" : "[";
    for (let first = true; first || !this.#take("]"); first = false) {
      if (this.#at >= this.#source.length) throw new Error("missing closing ]");
      const [posix, negated, name = ""] = /^\[:(\^?)(\w+):\]/.exec(this.#source.slice(this.#at)) ?? [];
      if (posix !== undefined) {
        if (!Object.hasOwn(POSIX, name)) throw new Error(`invalid character class range ${posix}`);
        this.#at += posix.length;
        out += `[${negated}${POSIX[name]}]`;
        continue;
      }
      const low = this.#member();
      if (this.#source[this.#at] === "-" && !/^-?\]?$/.test(this.#source.slice(this.#at, this.#at + 2))) {
        this.#at++;
        const high = this.#member();
        if (low.startsWith("[") || high.startsWith("[") || low.startsWith("\\p") || high.startsWith("\\p"))
          throw new Error("invalid character class range");
        out += `${low}-${high}`;
      } else out += low;
    }
    return `${out}]`;
  }

  #member(): string {
    const character = this.#next();
    return character === "\\" ? this.#escape() : literal(character);
  }

  /** What stands after a backslash, inside of classes and outside. */
  #escape(): string {
    const character = this.#next();
    if (Object.hasOwn(CLASSES, character)) return CLASSES[character]!;
    if (Object.hasOwn(CONTROLS, character)) return literal(CONTROLS[character]!);
    if (/[pP]/.test(character)) {
      const [whole = "", inverse = "", long, short = long ?? ""] =
        /^(?:\{(\^?)(\w+)\}|(\w))/.exec(this.#source.slice(this.#at)) ?? [];
      if (whole === "") throw new Error("invalid character class range");
      this.#at += whole.length;
      const property = short.length <= 2 || short === "Any" ? short : `Script=${short}`;
      return `\\${(character === "P") === (inverse === "") ? "P" : "p"}{${property}}`;
    }
    const rest = this.#source.slice(this.#at);
    if (character === "x") {
      const [whole, long, hex = long] = /^(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(rest) ?? [];
      if (whole === undefined || Number.parseInt(hex!, 16) > 0x10ffff) throw new Error("invalid escape sequence");
      this.#at += whole.length;
      return `\\u{${hex}}`;
    }
    if (/[0-7]/.test(character)) {
      const [more = ""] = /^[0-7]{0,2}/.exec(rest) ?? [];
      if (character !== "0" && more === "") throw new Error("invalid escape sequence");
      this.#at += more.length;
      return literal(String.fromCodePoint(Number.parseInt(character + more, 8)));
    }
    if (!/[\0-\x7f]/.test(character) || /[0-9A-Za-z]/.test(character)) throw new Error("invalid escape sequence");
    return literal(character);
  }

  /** "" where none stands. */
  #repetition({ U }: Flags): string {
    const [whole = "", sign, least, most] =
      /^(?:([*+?])|\{(\d+)(?:,(\d*))?\})/.exec(this.#source.slice(this.#at)) ?? [];
    if (whole === "") return "";
    if (Number(least ?? 0) > MAX_REPEAT || Number(most || 0) > MAX_REPEAT || (most && Number(least) > Number(most)))
      throw new Error("invalid repeat count");
    this.#at += whole.length;
    return (sign ?? whole) + (this.#take("?") !== U ? "?" : "");
  }

  #take(text: string): boolean {
    const found = this.#source.startsWith(text, this.#at);
    if (found) this.#at += text.length;
    return found;
  }

  #next(): string {
    const point = this.#source.codePointAt(this.#at);
    if (point === undefined) throw new Error("trailing backslash at end of expression");
    const character = String.fromCodePoint(point);
    this.#at += character.length;
    return character;
  }
}

function literal(character: string): string {
  return /[0-9A-Za-z]/.test(character) ? character : `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

/** Of a part that knows large and small letters. */
function cased(part: string, { i }: Flags): string {
  return i ? `(?i:${part})` : part;
}
