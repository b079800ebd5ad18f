// How many columns a text takes in a terminal, and cutting it to a number of columns.

/** Ranges of wide characters (East Asian wide and fullwidth, emoji), from Unicode's EastAsianWidth. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];

function isWide(code: number): boolean {
  if (code < 0x1100) return false;
  return WIDE.some(([from, to]) => code >= from && code <= to);
}

const ASCII = /^[\x20-\x7e]*$/;

/** Columns of `text`, which holds no control characters. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += isWide(character.codePointAt(0)!) ? 2 : 1;
  return width;
}

/** `text` if it fits into `columns`, else its beginning and "…". */
export function ellipsis(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (displayWidth(text) <= columns) return text;
  if (columns === 1) return [...text][0]!;
  let kept = "";
  let width = 0;
  for (const character of text) {
    width += isWide(character.codePointAt(0)!) ? 2 : 1;
    if (width > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Breaks `text` at spaces into lines of at most `columns`; a longer word stands on a line of its own. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    let used = 0;
    for (const word of paragraph.split(" ")) {
      const width = displayWidth(word);
      if (used > 0 && used + 1 + width > columns) {
        lines.push(line);
        line = word;
        used = width;
      } else {
        line = used === 0 ? word : `${line} ${word}`;
        used += width + (used > 0 ? 1 : 0);
      }
    }
    lines.push(line);
  }
  return lines;
}

/** Makes text from elsewhere safe for a terminal: control characters become visible. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
