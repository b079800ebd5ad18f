// Tables: columns aligned as Go's text/tabwriter does it (which docker uses), and fitted to the window where that is asked for.
import { displayWidth, ellipsis } from "./width.ts";

export interface TabOptions {
  /** The least width of a column, padding included. */
  readonly minWidth: number;
  /** Spaces after the widest cell of a column. */
  readonly padding: number;
}

/** Docker's tables. */
export const DOCKER_TABLE: TabOptions = { minWidth: 10, padding: 3 };

/**
 * Aligns text whose cells end with tabs. A column is a block of adjacent lines that have a cell there; what follows a
 * line's last tab belongs to no column.
 */
export function alignTabs(text: string, options: TabOptions): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const own = lines.map((cells) => cells.map((cell, i) => (i < cells.length - 1 ? displayWidth(cell) : 0)));
  const widths: number[][] = lines.map(() => []);
  measure(own, widths, 0, lines.length, 0, options);
  let aligned = "";
  for (let row = 0; row < lines.length; row++) {
    const cells = lines[row]!;
    if (row > 0) aligned += "\n";
    for (let column = 0; column < cells.length; column++) {
      aligned += cells[column]!;
      if (column < cells.length - 1) aligned += " ".repeat(Math.max(0, widths[row]![column]! - own[row]![column]!));
    }
  }
  return aligned;
}

/** `own` has each cell's width. */
function measure(
  own: readonly (readonly number[])[],
  widths: number[][],
  from: number,
  to: number,
  column: number,
  options: TabOptions,
): void {
  let row = from;
  while (row < to) {
    if (column >= own[row]!.length - 1) {
      row++;
      continue;
    }
    const start = row;
    let width = options.minWidth;
    for (; row < to && column < own[row]!.length - 1; row++) {
      width = Math.max(width, own[row]![column]! + options.padding);
    }
    for (let i = start; i < row; i++) widths[i]![column] = width;
    measure(own, widths, start, row, column + 1, options);
  }
}

/** The least a column is squeezed to. */
const LEAST = 8;

/** Widths that are tried one after another, before any cell is cut. */
const NARROWER: readonly TabOptions[] = [DOCKER_TABLE, { minWidth: 0, padding: 3 }, { minWidth: 0, padding: 2 }];

/** Which columns give way, by number: those in `keep` never, those in `late` when the others cannot give more. */
export interface Priorities {
  readonly keep?: ReadonlySet<number> | undefined;
  readonly late?: ReadonlySet<number> | undefined;
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const count = Math.max(...rows.map((row) => row.length));
  return Array.from({ length: count }, (_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? ""))));
}

function totalWidth(widths: readonly number[], { minWidth, padding }: TabOptions): number {
  return widths.reduce((sum, w, i) => sum + (i === widths.length - 1 ? w : Math.max(w + padding, minWidth)), 0);
}

/** Takes columns from the widest until the table fits; false when it cannot. */
function squeeze(widths: number[], columns: number, options: TabOptions, { keep, late }: Priorities): boolean {
  while (totalWidth(widths, options) > columns) {
    const give = (from: (i: number) => boolean) =>
      widths.reduce((best, w, i) => (from(i) && w > LEAST && (best < 0 || w > widths[best]!) ? i : best), -1);
    let widest = give((i) => !keep?.has(i) && !late?.has(i));
    if (widest < 0) widest = give((i) => !keep?.has(i));
    if (widest < 0) return false;
    widths[widest]!--;
  }
  return true;
}

/**
 * Aligns a table so that it fits into `columns`: first the columns move closer, then cells are cut with "…", the widest first. A
 * table that cannot fit is left as it is.
 */
export function fitTable(text: string, columns: number, priorities: Priorities = {}): string {
  const rows = text.split("\n").map((line) => line.split("\t"));
  const widths = columnWidths(rows);
  const roomy = NARROWER.find((options) => totalWidth(widths, options) <= columns);
  if (roomy) return alignTabs(text, roomy);
  const tight = NARROWER.at(-1)!;
  if (!squeeze(widths, columns, tight, priorities)) return alignTabs(text, DOCKER_TABLE);
  const cut = rows.map((row) => row.map((cell, i) => ellipsis(cell, Math.max(widths[i]!, 1))).join("\t"));
  return alignTabs(cut.join("\n"), tight);
}
