// The results as a table, for the terminal and the README, and their keeping between runs.
import type { Cell, MeasuredRow as Row } from "./context.ts";

export interface Results {
  /** Year, month, day. */
  date: string;
  machine: string;
  versions: string;
  rows: Row[];
}

/** All rows of a benchmark that was measured again are replaced; `order` is that of the benchmarks. */
export function merge(old: readonly Row[], measured: readonly Row[], order: readonly string[]): Row[] {
  const again = new Set(measured.map(({ benchmark }) => benchmark));
  const rows = [...old.filter(({ benchmark }) => !again.has(benchmark)), ...measured];
  const known = rows.filter(({ benchmark }) => order.includes(benchmark));
  return known.sort((a, b) => order.indexOf(a.benchmark) - order.indexOf(b.benchmark));
}

const figure = (value: number) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

function show({ value, apart, error }: Cell): string {
  if (error !== undefined) return "not measured";
  return apart === undefined ? figure(value) : `${figure(value)} / ${figure(apart)}`;
}

/** Ours in terms of the other's: "0.42x / 0.25x". */
export function ratio({ cells, ours, against }: Row): string {
  const [a, b] = [cells[ours], cells[against]];
  if (!a || !b || a.error !== undefined || b.error !== undefined) return "";
  const times = (x: number, y: number) => `${(x / y).toFixed(2)}x`;
  const both = a.apart !== undefined && b.apart !== undefined;
  return both ? `${times(a.value, b.value)} / ${times(a.apart!, b.apart!)}` : times(a.value, b.value);
}

function columns(row: Row): string[] {
  const others = Object.entries(row.cells).filter(([name]) => name !== row.ours);
  const ours = row.cells[row.ours];
  const goal = (row.goal ?? []).map((times) => `${times}x`).join(" / ");
  return [
    `${row.name}, ${row.unit}`,
    ours ? show(ours) : "not measured",
    others.map(([name, cell]) => `${name} ${show(cell)}`).join(", "),
    ratio(row) && `${ratio(row)} ${row.against}`,
    goal,
  ];
}

const HEAD = ["what", "ours", "theirs", "ratio", "goal"];

export function markdown({ date, machine, versions, rows }: Results): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const table = [line(HEAD), line(HEAD.map(() => "---")), ...rows.map((row) => line(columns(row)))];
  const about = `Medians; two figures are back to back / 100 ms apart. ${date}, ${machine}. ${versions}.`;
  return `${table.join("\n")}\n\n${about}\n`;
}

/** For the terminal, with what went wrong below. */
export function plain(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(columns)];
  const widths = HEAD.map((_, i) => Math.max(...lines.map((cells) => cells[i]!.length)));
  const text = lines.map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd(),
  );
  const errors = rows.flatMap((row) =>
    Object.entries(row.cells).flatMap(([name, { error }]) =>
      error === undefined ? [] : [`${row.name}: ${name}: ${error}`],
    ),
  );
  return [...text, ...(errors.length ? ["", "not measured:", ...errors] : []), ""].join("\n");
}

const [BEGIN, END] = ["<!-- bench: begin -->", "<!-- bench: end -->"];

/** The document with the table between its markers; throws when it has none. */
export function replaceTable(document: string, table: string): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the document has no lines ${BEGIN} and ${END}`);
  return `${document.slice(0, from)}${BEGIN}\n${table}${document.slice(to)}`;
}
