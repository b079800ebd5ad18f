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
  return aligned(
    text,
    options,
    (width) => width,
    (missing) => " ".repeat(missing),
  );
}

const TAB = 8;

/** The same by tab characters: each column's width is a multiple of eight, and one more than its widest cell at least. */
export function tabStops(text: string): string {
  const options = { minWidth: 1, padding: 1 };
  const toStop = (width: number) => Math.ceil(width / TAB) * TAB;
  return aligned(text, options, toStop, (missing) => "\t".repeat(Math.ceil(missing / TAB)));
}

function aligned(
  text: string,
  options: TabOptions,
  widthOf: (width: number) => number,
  fill: (missing: number) => string,
): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const own = lines.map((cells) => cells.map((cell, i) => (i < cells.length - 1 ? displayWidth(cell) : 0)));
  const widths: number[][] = lines.map(() => []);
  measure(own, widths, 0, lines.length, 0, options);
  let result = "";
  for (let row = 0; row < lines.length; row++) {
    const cells = lines[row]!;
    if (row > 0) result += "\n";
    for (let column = 0; column < cells.length; column++) {
      result += cells[column]!;
      if (column < cells.length - 1) result += fill(Math.max(0, widthOf(widths[row]![column]!) - own[row]![column]!));
    }
  }
  return result;
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

/** The least a column is squeezed to, while there are columns that can be left out, and without any. */
const COMFORTABLE = 12;
const LEAST = 8;

/** Widths that are tried one after another, before any cell is cut. */
const NARROWER: readonly TabOptions[] = [DOCKER_TABLE, { minWidth: 0, padding: 3 }, { minWidth: 0, padding: 2 }];
const TIGHT = NARROWER.at(-1)!;

/** Which columns give way, by number: those in `keep` are never cut, those in `late` when the others cannot give more. */
export interface Priorities {
  readonly keep?: ReadonlySet<number> | undefined;
  readonly late?: ReadonlySet<number> | undefined;
  /** Those that are left out where all cannot be read, in this order. */
  readonly drop?: readonly number[] | undefined;
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const count = Math.max(...rows.map((row) => row.length));
  return Array.from({ length: count }, (_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? ""))));
}

/** Of the columns that are there: those left out have the width -1. */
function totalWidth(widths: readonly number[], { minWidth, padding }: TabOptions): number {
  const there = widths.filter((w) => w >= 0);
  return there.reduce((sum, w, i) => sum + (i === there.length - 1 ? w : Math.max(w + padding, minWidth)), 0);
}

/** Takes columns from the widest until the table fits; undefined when it cannot. */
function squeeze(natural: readonly number[], columns: number, least: number, { keep, late }: Priorities) {
  const widths = [...natural];
  while (totalWidth(widths, TIGHT) > columns) {
    const give = (from: (i: number) => boolean) =>
      widths.reduce((best, w, i) => (from(i) && w > least && (best < 0 || w > widths[best]!) ? i : best), -1);
    let widest = give((i) => !keep?.has(i) && !late?.has(i));
    if (widest < 0) widest = give((i) => !keep?.has(i));
    if (widest < 0) return undefined;
    widths[widest]!--;
  }
  return widths;
}

/** The widths of the columns that are shown, -1 for those left out; undefined when no way is narrow enough. */
function fittingWidths(natural: readonly number[], columns: number, priorities: Priorities): number[] | undefined {
  const widths = [...natural];
  const drop = priorities.drop?.filter((column) => column < widths.length) ?? [];
  for (let left = 0; left <= drop.length; left++) {
    if (left > 0) widths[drop[left - 1]!] = -1;
    const fitting = squeeze(widths, columns, left === drop.length ? LEAST : COMFORTABLE, priorities);
    if (fitting) return fitting;
  }
  return undefined;
}

/**
 * Aligns a table so that it fits into `columns`: first the columns move closer, then cells are cut with "…", the widest first, then
 * columns are left out. A table that cannot fit is left as it is.
 */
export function fitTable(text: string, columns: number, priorities: Priorities = {}): string {
  const rows = text.split("\n").map((line) => line.split("\t"));
  const natural = columnWidths(rows);
  const roomy = NARROWER.find((options) => totalWidth(natural, options) <= columns);
  if (roomy) return alignTabs(text, roomy);
  const widths = fittingWidths(natural, columns, priorities);
  if (!widths) return alignTabs(text, DOCKER_TABLE);
  const cut = rows.map((row) =>
    row
      .map((cell, i) => ellipsis(cell, Math.max(widths[i]!, 1)))
      .filter((_, i) => widths[i]! >= 0)
      .join("\t"),
  );
  return alignTabs(cut.join("\n"), TIGHT);
}
