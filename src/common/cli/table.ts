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
  const widths: number[][] = lines.map(() => []);
  measure(lines, widths, 0, lines.length, 0, options);
  return lines
    .map((cells, row) =>
      cells
        .map((cell, column) => {
          const width = widths[row]![column];
          return column === cells.length - 1 || width === undefined
            ? cell
            : cell + " ".repeat(Math.max(0, width - displayWidth(cell)));
        })
        .join(""),
    )
    .join("\n");
}

function measure(
  lines: string[][],
  widths: number[][],
  from: number,
  to: number,
  column: number,
  options: TabOptions,
): void {
  let row = from;
  while (row < to) {
    if (column >= lines[row]!.length - 1) {
      row++;
      continue;
    }
    const start = row;
    let width = options.minWidth;
    for (; row < to && column < lines[row]!.length - 1; row++) {
      width = Math.max(width, displayWidth(lines[row]![column]!) + options.padding);
    }
    for (let i = start; i < row; i++) widths[i]![column] = width;
    measure(lines, widths, start, row, column + 1, options);
  }
}

/** The least a column is squeezed to. */
const LEAST = 8;

/**
 * Cuts cells with "…" so that the table fits into `columns`; the widest columns give first, those in `keep` never. A
 * table that cannot fit is left as it is.
 */
export function fitTable(text: string, columns: number, keep: ReadonlySet<number>, options = DOCKER_TABLE): string {
  const rows = text.split("\n").map((line) => line.split("\t"));
  const count = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => displayWidth(row[column] ?? ""))),
  );
  const total = () =>
    widths.reduce((sum, w, i) => sum + (i === count - 1 ? w : Math.max(w + options.padding, options.minWidth)), 0);
  while (total() > columns) {
    let widest = -1;
    for (let i = 0; i < count; i++) {
      if (!keep.has(i) && widths[i]! > LEAST && (widest < 0 || widths[i]! > widths[widest]!)) widest = i;
    }
    if (widest < 0) return text;
    widths[widest]!--;
  }
  return rows.map((row) => row.map((cell, i) => ellipsis(cell, Math.max(widths[i]!, 1))).join("\t")).join("\n");
}
