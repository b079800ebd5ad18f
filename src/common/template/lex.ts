// Cuts a template into text and the tokens of its actions: {{ … }}, trim markers {{- -}}, comments {{/* */}}.

export interface Token {
  readonly kind:
    | "text"
    | "open"
    | "close"
    | "field"
    | "variable"
    | "word"
    | "string"
    | "char"
    | "number"
    | "dot"
    | "space"
    | "symbol"
    | "other";
  readonly pos: number;
  readonly text: string;
}

/** What is wrong, and where. */
export class SyntaxFault extends Error {
  readonly pos: number;
  constructor(pos: number, message: string) {
    super(message);
    this.pos = pos;
  }
}

const PATTERNS: readonly (readonly [Token["kind"], RegExp])[] = [
  ["space", /[ \t\r\n]+/y],
  ["field", /\.[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ["variable", /\$[\p{L}\p{Nd}_]*/uy],
  ["word", /[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ["number", /[+-]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y],
  ["string", /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ["char", /'(?:[^'\\\n]|\\[^\n][^'\n]*)'/y],
  ["dot", /\./y],
  ["symbol", /:=|[|(),=]/y],
];

/** Tokens of the whole text; the text pieces are already trimmed where markers ask for it. */
export function lex(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let trimNext = false;
  for (;;) {
    const open = text.indexOf("{{", at);
    const end = open < 0 ? text.length : open;
    let piece = text.slice(at, end);
    if (trimNext) piece = piece.replace(/^[ \t\r\n]+/, "");
    const trimLeft = open >= 0 && text[open + 2] === "-" && /[ \t\r\n]/.test(text[open + 3] ?? "");
    if (trimLeft) piece = piece.replace(/[ \t\r\n]+$/, "");
    if (piece !== "") tokens.push({ kind: "text", pos: at, text: piece });
    if (open < 0) return tokens;
    at = open + (trimLeft ? 4 : 2);
    const comment = text.startsWith("/*", at);
    const closed = comment ? lexComment(text, at) : lexAction(text, open, at, tokens);
    at = closed.at;
    trimNext = closed.trim;
  }
}

function lexComment(text: string, from: number): { at: number; trim: boolean } {
  const end = text.indexOf("*/", from);
  if (end < 0) throw new SyntaxFault(from, "unclosed comment");
  const close = /(?:[ \t\r\n]+-)?\}\}/y;
  close.lastIndex = end + 2;
  const match = close.exec(text);
  if (!match) throw new SyntaxFault(from, "comment ends before closing delimiter");
  return { at: close.lastIndex, trim: match[0].length > 2 };
}

function lexAction(text: string, open: number, from: number, tokens: Token[]): { at: number; trim: boolean } {
  tokens.push({ kind: "open", pos: open, text: "{{" });
  let at = from;
  for (;;) {
    const close = /[ \t\r\n]+-\}\}|\}\}/y;
    close.lastIndex = at;
    const closing = close.exec(text);
    if (closing) {
      tokens.push({ kind: "close", pos: at, text: "}}" });
      return { at: close.lastIndex, trim: closing[0].length > 2 };
    }
    if (at >= text.length) throw new SyntaxFault(open, "unclosed action");
    const token = next(text, at);
    tokens.push(token);
    at += token.text.length;
  }
}

function next(text: string, at: number): Token {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return { kind, pos: at, text: match[0] };
  }
  const c = text[at]!;
  if (c === '"') throw new SyntaxFault(at, "unterminated quoted string");
  if (c === "`") throw new SyntaxFault(at, "unterminated raw quoted string");
  if (c === "'") throw new SyntaxFault(at, "unterminated character constant");
  if (c >= " " && c <= "~") return { kind: "other", pos: at, text: c };
  const code = c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  throw new SyntaxFault(at, `unexpected bad character U+${code} '${c}' in command`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/** The value of a Go string or character literal. */
export function unquote(token: Token): string {
  const { text, pos } = token;
  if (text.startsWith("`")) return text.slice(1, -1).replaceAll("\r", "");
  return text
    .slice(1, -1)
    .replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gs, (_whole, body: string) => {
      if (/^[xuU]./.test(body)) {
        const code = Number.parseInt(body.slice(1), 16);
        if (code <= 0x10ffff) return String.fromCodePoint(code);
      } else if (/^[0-7]{3}$/.test(body)) return String.fromCharCode(Number.parseInt(body, 8));
      const plain = ESCAPES[body];
      if (plain === undefined) throw new SyntaxFault(pos, `invalid syntax in ${text}`);
      return plain;
    });
}
