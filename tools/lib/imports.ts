// What a TypeScript file imports, found by its text: import and export declarations, import(), and workers named by URL.
import { dirname, join, normalize } from "node:path";

export interface Import {
  /** As written. */
  specifier: string;
  /** The file meant, relative to the root; undefined for a package or a part of Node. */
  file?: string;
  line: number;
  /** Erased when the program runs. */
  typeOnly: boolean;
}

const DECLARATION = /^[ \t]*(import|export)\b(\s+type\b)?(?:[^;"'`=()]*?\bfrom)?\s*["']([^"'\n]+)["']/gm;
const CALL = /\bimport\(\s*["']([^"'\n]+)["']\s*\)/g;
const WORKER = /\bnew URL\(\s*["'](\.[^"'\n]+\.ts)["']\s*,\s*import\.meta\.url/g;

/** The text with comments blanked out, every line where it was. Strings that look like comments do not occur in imports. */
function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, " ");
  return text.replace(/^[ \t]*\/\/.*$/gm, blank).replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, blank);
}

export function importsOf(file: string, source: string): Import[] {
  const text = withoutComments(source);
  const found: Import[] = [];
  const add = (at: number, specifier: string, typeOnly: boolean) => {
    const line = text.slice(0, at).split("\n").length;
    const entry: Import = { specifier, line, typeOnly };
    if (specifier.startsWith(".")) entry.file = normalize(join(dirname(file), specifier));
    found.push(entry);
  };
  for (const match of text.matchAll(DECLARATION)) add(match.index, match[3]!, match[2] !== undefined);
  for (const match of text.matchAll(CALL)) {
    // `import("./x.ts").Type` and `typeof import("./x.ts")` name types
    const after = text.slice(match.index + match[0].length);
    const typeOnly = /^\.[A-Z]/.test(after) || /\btypeof\s+$/.test(text.slice(0, match.index));
    add(match.index, match[1]!, typeOnly);
  }
  for (const match of text.matchAll(WORKER)) add(match.index, match[1]!, false);
  return found;
}
